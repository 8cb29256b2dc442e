"""Trains the head of a VITA-Audio directory that tells ends of turns from the backbone's states.

A pause is asked about where the application asks: when the voice detector says that speech has
ended, with the codes of the sound up to there. Later sound never reaches an example: inside a
block of the speech tokenizer codes see the future.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from audio_io.frames import Samples
from model.duplex.offline import FRAME
from model.duplex.outcomes import USER_FLOOR, Outcome
from model.duplex.scoring import calibration_error
from model.errors import WeightsError
from model.files.content_cache import Cache
from model.training.duplex.data.dataset import CACHE, read_infos
from model.training.duplex.data.heard_clips import STEP_FRAMES, Heard, heard_in
from model.training.duplex.errors import DataError
from model.training.duplex.network.operating_points import (
    fit_temperature,
    log_probabilities,
    losses,
)
from model.training.duplex.progress import Progress
from model.vita_audio.checkpoint.directory import ModelDirectory, resolve
from model.vita_audio.conversation.prompt_cache import PromptCache
from model.vita_audio.conversation.prompts import speech_turn
from model.vita_audio.conversation.user_audio import CodeListener
from model.vita_audio.decoding.state import N_TRACED, DecodingState
from model.vita_audio.decoding.step_runner import StepRunner
from model.vita_audio.language_model.duplex_head import (
    FILE,
    DuplexHead,
    HeadShape,
    read_head,
    write_head,
)
from model.vita_audio.language_model.modeling import load_language_model
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.number_format import decoding_dtype
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

_LEAD_FRAMES = 35  # the detector is 0.1 s late, and a turn is heard from 0.25 s before its onset
_MOST_CODES = 400  # half a minute; of longer turns the end is kept
_BATCH = 16
_RATE = 1e-3
_WEIGHT_DECAY = 0.05
_DROPOUT = 0.2
_FLOOR = [int(outcome) for outcome in USER_FLOOR]
_END = USER_FLOOR.index(Outcome.END_OF_TURN)


@dataclass(frozen=True, slots=True)
class Example:
    """A pause.

    Attributes:
        states: float16 (n, width), of the turn's codes up to the pause.
        outcome: row of the outcome in ``USER_FLOOR``.
    """

    states: Tensor
    outcome: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Frames of a clip: a turn from ``begin`` on pauses at ``end``; ``outcome`` as above."""

    begin: int
    end: int
    outcome: int


class BackboneListener:
    """Hears turns through the speech tokenizer and the frozen backbone."""

    def __init__(self, found: ModelDirectory, device: torch.device) -> None:
        """Load the backbone. Raises DataError where it hears no audio codes."""
        if found.speech_tokenizer is None:
            raise DataError(
                f"{found.language_model}: is a Plus variant, which hears turns as a whole; choose "
                "a variant that hears audio codes"
            )
        model = load_language_model(
            found.language_model, decoding_dtype(device), device, n_modules=0
        )
        self.width: int = model.config.hidden_size
        tokenizer = TextTokenizer.from_directory(found.language_model)
        state = DecodingState(StepRunner(model), 0, N_TRACED)
        self._memory = PromptCache(state, tokenizer.table)
        self._prompt = speech_turn(tokenizer)
        codes = SpeechTokenizer.from_directory(found.speech_tokenizer, device)
        self._user_audio = CodeListener(codes.open_stream)

    def states_at(self, sound: Samples, ends: Sequence[int]) -> Iterator[Tensor | None]:
        """Yield the states at every pause; None where there is nothing to hear.

        Args:
            sound: float32 (n,), from the beginning of the turn.
            ends: samples after which it pauses, ascending.
        """
        self._user_audio.begin()
        at = 0
        for end in ends:
            self._user_audio.hear(sound[at:end])
            self._user_audio.pause()
            at = end
            audio = self._user_audio.audio
            if audio is None:
                yield None
                continue
            self._memory.align(self._prompt.with_audio(audio), None)
            start = len(self._prompt.before_audio)
            states = self._memory.states(start, start + len(audio.codes))
            yield None if states is None else states[-_MOST_CODES:].to(torch.float16).cpu()


def pauses_of(heard: Heard) -> list[Pause]:
    """Return where speech ended while the assistant was silent, where the truth is known."""
    found: list[Pause] = []
    begin: int | None = None
    was_speech = False
    for frame in range(heard.n_frames):
        if heard.is_agent_speaking[frame]:
            begin, was_speech = None, False
            continue
        is_speech = bool(heard.is_speech[frame])
        if is_speech and begin is None:
            begin = max(0, frame - _LEAD_FRAMES)
        elif was_speech and not is_speech and begin is not None:
            step = min(frame // STEP_FRAMES, len(heard.truth.outcomes) - 1)
            outcome = int(heard.truth.outcomes[step])
            if outcome in _FLOOR and not heard.truth.is_overlap[step]:
                found.append(Pause(begin, frame, _FLOOR.index(outcome)))
        was_speech = is_speech
    return found


def _examples_of(listener: BackboneListener, heard: Heard) -> Iterator[Example]:
    turns: dict[int, list[Pause]] = {}
    for pause in pauses_of(heard):
        turns.setdefault(pause.begin, []).append(pause)
    for begin, pauses in turns.items():
        sound = heard.clean[begin * FRAME :]
        ends = [(pause.end - begin) * FRAME for pause in pauses]
        for pause, states in zip(pauses, listener.states_at(sound, ends), strict=True):
            if states is not None and len(states):
                yield Example(states, pause.outcome)


Logits = npt.NDArray[np.float32]
Truth = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head, fitted and measured on the validation speakers.

    Attributes:
        loss: at the fitted ``temperature``, in nats.
        scores: for people: the loss of always saying the shares, the share of pauses whose
            likeliest outcome was true, calibration errors of the end of a turn.
    """

    head: DuplexHead
    temperature: float
    loss: float
    scores: str


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How a head is trained; ``is_forced``: it replaces a better one."""

    epochs: int = 30
    patience: int = 6
    seed: int = 0
    is_forced: bool = False


def fit_head(
    train: Sequence[Example], val: Sequence[Example], settings: HeadSettings
) -> FittedHead:
    """Fit a head, print the losses of every epoch, and keep the best one."""
    torch.manual_seed(settings.seed)
    head = DuplexHead(HeadShape(train[0].states.shape[1]), _DROPOUT)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY)
    best: tuple[float, int, dict[str, Tensor]] = (float("inf"), 0, {})
    number = 0
    while number < settings.epochs and number - best[1] < settings.patience:
        number += 1
        order = np.random.default_rng([settings.seed, number]).permutation(len(train))
        loss = _epoch(head, [train[i] for i in order], optimizer)
        val_loss = loss_of(head, val)
        if val_loss < best[0]:
            state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
            best = (val_loss, number, state)
        sys.stdout.write(f"epoch {number:3d}  train {loss:.4f}  val {val_loss:.4f}\n")
    head.load_state_dict(best[2])
    return _measured(head, train, val)


def _measured(head: DuplexHead, train: Sequence[Example], val: Sequence[Example]) -> FittedHead:
    logits, truth = floor_logits(head, val)
    temperature = fit_temperature(logits, truth)
    shares = np.bincount([example.outcome for example in train], minlength=len(USER_FLOOR)) + 1.0
    prior = np.log(shares / shares.sum()).astype(np.float32)
    prior_loss = np.mean(losses(np.tile(prior, (len(truth), 1)), truth, 1.0))
    right = np.mean(logits.argmax(axis=1) == truth)
    error, error_raw = (
        calibration_error(np.exp(log_probabilities(logits, t))[:, _END], truth == _END) or 0.0
        for t in (temperature, 1.0)
    )
    scores = (
        f"shares alone {prior_loss:.4f}, {100.0 * right:.1f} % right, temperature "
        f"{temperature:.2f}, calibration error {error:.3f} ({error_raw:.3f} without)"
    )
    loss = float(np.mean(losses(logits, truth, temperature)))
    return FittedHead(head, temperature, loss, scores)


def loss_of(head: DuplexHead, examples: Sequence[Example], temperature: float = 1.0) -> float:
    """Return the mean loss in nats."""
    return float(np.mean(losses(*floor_logits(head, examples), temperature)))


def floor_logits(head: DuplexHead, examples: Sequence[Example]) -> tuple[Logits, Truth]:
    """Return logits (n, 3) of the pauses and (n,) their truth."""
    head.eval()
    with torch.no_grad():
        rows = [_last_logits(head, batch) for batch in _batches(examples)]
    truth = np.array([example.outcome for example in examples], np.int64)
    return torch.cat(rows).numpy(), truth


def _batches(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    for begin in range(0, len(examples), _BATCH):
        yield examples[begin : begin + _BATCH]


def _epoch(
    head: DuplexHead, examples: Sequence[Example], optimizer: torch.optim.Optimizer
) -> float:
    head.train()
    total = 0.0
    for batch in _batches(examples):
        truth = torch.tensor([example.outcome for example in batch])
        loss = functional.cross_entropy(_last_logits(head, batch), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(examples)


def _last_logits(head: DuplexHead, batch: Sequence[Example]) -> Tensor:
    """Return (b, 3); the layer is causal, so padding behind a turn changes nothing before it."""
    lengths = torch.tensor([len(example.states) for example in batch])
    padded = torch.nn.utils.rnn.pad_sequence(
        [example.states.float() for example in batch], batch_first=True
    )
    return head(padded)[torch.arange(len(batch)), lengths - 1][:, _FLOOR]


def train_head(data: Path, backbone: Path, settings: HeadSettings, device: torch.device) -> bool:
    """Train a head on the clips in ``data``; return whether it was written into ``backbone``.

    Raises:
        DataError: the clips cannot be used.
        WeightsError: the model's directory cannot.
    """
    if not (data / CACHE).is_dir():
        raise DataError(
            f"{data / CACHE} is missing: the sound of the clips; make the data again with "
            "python -m model.training.make_duplex_data"
        )
    found = resolve(backbone)
    listener = BackboneListener(found, device)
    train, val = (_examples(listener, data, split) for split in ("train", "val"))
    fitted = fit_head(train, val, settings)
    path = found.language_model / FILE
    old = _old_loss(path, listener.width, val)
    is_written = old is None or fitted.loss < old or settings.is_forced
    if is_written:
        write_head(path, fitted.head, fitted.temperature)
    before = "none before" if old is None else f"{old:.4f} before"
    verdict = "written" if is_written else "not written, the head there is better"
    sys.stdout.write(
        f"held-out loss {fitted.loss:.4f}, {before}; {fitted.scores}\n{path}: {verdict}\n"
    )
    return is_written


def _examples(listener: BackboneListener, data: Path, split: str) -> list[Example]:
    infos = [info for info in read_infos(data) if info.split == split]
    cache = Cache(data / CACHE)
    found: list[Example] = []
    with Progress(len(infos), f"{split} pauses") as progress:
        for info in infos:
            entry = cache.read(info.heard)
            if entry is None:
                raise DataError(f"{data}: the sound of {info.id} is missing; make the data again")
            found += _examples_of(listener, heard_in(entry))
            progress.update()
    if not found:
        raise DataError(f"{data}: no {split} clip has a pause; make more data")
    return found


def _old_loss(path: Path, width: int, val: Sequence[Example]) -> float | None:
    try:
        old = read_head(path, width)
    except WeightsError:
        return None
    return loss_of(old.head, val, old.temperature)
