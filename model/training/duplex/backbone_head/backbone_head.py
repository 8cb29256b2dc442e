"""What a VITA-Audio backbone has made of a turn by each of its pauses, with the truth about it.

A pause is asked about where the application asks: when the voice detector says that speech has
ended, with the codes of the sound up to there. Later sound never reaches an example: inside a
block of the speech tokenizer codes see the future. Knows no head.

Fits the head that tells ends of turns from states of a backbone, which it does not know.

Trains the head of one VITA-Audio directory on labelled clips and puts it there.

Better weights are kept. Knows no command line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from audio_io.frames import Samples
from model.duplex.outcomes import USER_FLOOR, Outcome
from model.duplex.scoring import calibration_error
from model.errors import WeightsError
from model.training.duplex.data.dataset import clip_names
from model.training.duplex.data.heard_clips import Heard, recall
from model.training.duplex.data.records import DataError
from model.training.duplex.network.operating_points import (
    fit_temperature,
    negative_log_likelihood,
)
from model.training.duplex.progress import Progress
from model.vita_audio.benchmark.random_models import dtype_for
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
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

_FRAME = 160
_STEP_FRAMES = 8
_LEAD_FRAMES = 35  # the detector is 0.1 s late, and a turn is heard from 0.25 s before its onset
_MOST_CODES = 400  # half a minute; of longer turns the end is kept


@dataclass(frozen=True, slots=True)
class Example:
    """One pause.

    Attributes:
        states: float16 (n, width), of the turn's codes up to the pause.
        outcome: row of the outcome in ``USER_FLOOR``.
    """

    states: Tensor
    outcome: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Frames of a clip: a turn from ``begin`` on pauses at ``end``."""

    begin: int
    end: int
    outcome: int


class BackboneListener:
    """Hears turns through the speech tokenizer and the frozen backbone."""

    def __init__(self, found: ModelDirectory, device: torch.device) -> None:
        if found.speech_tokenizer is None:
            raise DataError(
                f"{found.language_model}: is a Plus variant, which hears turns as a whole; choose "
                "a variant that hears audio codes"
            )
        model = load_language_model(found.language_model, dtype_for(device), device, n_modules=0)
        self.width: int = model.config.hidden_size
        tokenizer = TextTokenizer.from_directory(found.language_model)
        state = DecodingState(StepRunner(model), 0, N_TRACED)
        self._memory = PromptCache(state, tokenizer.table)
        self._prompt = speech_turn(tokenizer)
        codes = SpeechTokenizer.from_directory(found.speech_tokenizer, device)
        self._ear = CodeListener(codes.open_stream)

    def states_at(self, sound: Samples, ends: Sequence[int]) -> Iterator[Tensor | None]:
        """``ends``: samples after which ``sound`` pauses, ascending. None: nothing to hear."""
        self._ear.begin()
        at = 0
        for end in ends:
            self._ear.hear(sound[at:end])
            self._ear.pause()
            at = end
            audio = self._ear.audio
            if audio is None:
                yield None
                continue
            self._memory.align(self._prompt.with_audio(audio), None)
            start = len(self._prompt.before_audio)
            states = self._memory.states(start, start + len(audio.codes))
            yield None if states is None else states[-_MOST_CODES:].to(torch.float16).cpu()


def pauses_of(heard: Heard) -> list[Pause]:
    """Where speech ended while the assistant was silent, as far as the truth is known there."""
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
            step = min(frame // _STEP_FRAMES, len(heard.truth.outcomes) - 1)
            outcome = int(heard.truth.outcomes[step])
            if outcome in USER_FLOOR and not heard.truth.is_overlap[step]:
                row = [int(o) for o in USER_FLOOR].index(outcome)
                found.append(Pause(begin, frame, row))
        was_speech = is_speech
    return found


def examples_of(
    listener: BackboneListener, clips: Iterator[Heard], tick: Callable[[], None]
) -> list[Example]:
    """``tick`` is called after every clip."""
    found: list[Example] = []
    for heard in clips:
        found += _of_clip(listener, heard)
        tick()
    return found


def _of_clip(listener: BackboneListener, heard: Heard) -> Iterator[Example]:
    turns: dict[int, list[Pause]] = {}
    for pause in pauses_of(heard):
        turns.setdefault(pause.begin, []).append(pause)
    for begin, pauses in turns.items():
        sound = heard.clean[begin * _FRAME :]
        ends = [(pause.end - begin) * _FRAME for pause in pauses]
        for pause, states in zip(pauses, listener.states_at(sound, ends), strict=True):
            if states is not None and len(states):
                yield Example(states, pause.outcome)


def require_heard(folder: Path) -> None:
    """Raises DataError: the sound of the clips was not kept."""
    if not folder.is_dir():
        raise DataError(
            f"{folder} is missing: the sound of the clips; make the data again with "
            "python -m model.training.make_duplex_data"
        )


_BATCH = 16
_RATE = 1e-3
_WEIGHT_DECAY = 0.05
_DROPOUT = 0.2
_END = USER_FLOOR.index(Outcome.END_OF_TURN)

Logits = npt.NDArray[np.float32]
Truth = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FittedHead:
    """What came out; losses and errors are those of the validation speakers.

    Attributes:
        temperature: fitted on them.
        loss: at that temperature, in nats; ``prior_loss``: of always saying the shares.
        right: share of pauses whose likeliest outcome was true.
    """

    head: DuplexHead
    temperature: float
    loss: float
    prior_loss: float
    right: float
    ece_raw: float
    ece: float
    n_epochs: int


def fit_head(
    train: Sequence[Example],
    val: Sequence[Example],
    *,
    epochs: int,
    patience: int,
    seed: int,
    tell: Callable[[int, float, float], None],
) -> FittedHead:
    """``tell``: number, training loss and validation loss of every epoch."""
    torch.manual_seed(seed)
    head = DuplexHead(HeadShape(train[0].states.shape[1]), _DROPOUT)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY)
    best: tuple[float, int, dict[str, Tensor]] = (float("inf"), 0, {})
    number = 0
    while number < epochs and number - best[1] < patience:
        number += 1
        order = np.random.default_rng([seed, number]).permutation(len(train))
        loss = _epoch(head, [train[i] for i in order], optimizer)
        val_loss = loss_of(head, val)
        if val_loss < best[0]:
            state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
            best = (val_loss, number, state)
        tell(number, loss, val_loss)
    head.load_state_dict(best[2])
    return _judged(head, train, val, number)


def _judged(
    head: DuplexHead, train: Sequence[Example], val: Sequence[Example], n_epochs: int
) -> FittedHead:
    logits, truth = floor_logits(head, val)
    temperature = fit_temperature(logits, truth)
    shares = np.bincount([example.outcome for example in train], minlength=len(USER_FLOOR)) + 1.0
    prior = np.log(shares / shares.sum()).astype(np.float32)
    return FittedHead(
        head,
        temperature,
        loss=negative_log_likelihood(logits, truth, temperature),
        prior_loss=negative_log_likelihood(np.tile(prior, (len(truth), 1)), truth, 1.0),
        right=float(np.mean(logits.argmax(axis=1) == truth)),
        ece_raw=_error(logits, truth, 1.0),
        ece=_error(logits, truth, temperature),
        n_epochs=n_epochs,
    )


def loss_of(head: DuplexHead, examples: Sequence[Example], temperature: float = 1.0) -> float:
    """Mean, in nats."""
    return negative_log_likelihood(*floor_logits(head, examples), temperature)


def floor_logits(head: DuplexHead, examples: Sequence[Example]) -> tuple[Logits, Truth]:
    """(n, 3) of the pauses and (n,) their truth."""
    head.eval()
    with torch.no_grad():
        rows = [
            _last_logits(head, examples[begin : begin + _BATCH])
            for begin in range(0, len(examples), _BATCH)
        ]
    truth = np.array([example.outcome for example in examples], np.int64)
    return torch.cat(rows).numpy(), truth


def _epoch(
    head: DuplexHead, examples: Sequence[Example], optimizer: torch.optim.Optimizer
) -> float:
    head.train()
    total = 0.0
    for begin in range(0, len(examples), _BATCH):
        batch = examples[begin : begin + _BATCH]
        truth = torch.tensor([example.outcome for example in batch])
        loss = functional.cross_entropy(_last_logits(head, batch), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(examples)


def _last_logits(head: DuplexHead, batch: Sequence[Example]) -> Tensor:
    """(b, 3); the layer is causal, so padding behind a turn changes nothing before it."""
    lengths = torch.tensor([len(example.states) for example in batch])
    padded = torch.nn.utils.rnn.pad_sequence(
        [example.states.float() for example in batch], batch_first=True
    )
    logits = head(padded)[torch.arange(len(batch)), lengths - 1]
    return logits[:, list(USER_FLOOR)]


def _error(logits: Logits, truth: Truth, temperature: float) -> float:
    powers = np.exp(logits / temperature - (logits / temperature).max(axis=1, keepdims=True))
    p = powers[:, _END] / powers.sum(axis=1)
    return calibration_error(p, truth == _END) or 0.0


HEARD = "heard"


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How a head is trained."""

    epochs: int = 30
    patience: int = 6
    seed: int = 0
    is_forced: bool = False


def train_head(data: Path, backbone: Path, settings: HeadSettings, device: torch.device) -> bool:
    """Returns whether the head was written.

    Raises:
        DataError: the clips cannot be used.
        WeightsError: the model's directory cannot.
    """
    require_heard(data / HEARD)
    found = resolve(backbone)
    listener = BackboneListener(found, device)
    train, val = (_examples(listener, data, split) for split in ("train", "val"))
    fitted = fit_head(
        train, val, epochs=settings.epochs, patience=settings.patience, seed=settings.seed,
        tell=_tell,
    )  # fmt: skip
    path = found.language_model / FILE
    old = _old_loss(path, listener.width, val)
    is_written = old is None or fitted.loss < old or settings.is_forced
    if is_written:
        write_head(path, fitted.head, fitted.temperature)
    _report(fitted, path, old, is_written=is_written)
    return is_written


def _examples(listener: BackboneListener, data: Path, split: str) -> list[Example]:
    names = clip_names(data, split)
    clips = (recall(data / HEARD, name) for name in names)
    with Progress(len(names), f"{split} pauses") as progress:
        examples = examples_of(listener, clips, progress.update)
    if not examples:
        raise DataError(f"{data}: no {split} clip has a pause; make more data")
    return examples


def _old_loss(path: Path, width: int, val: Sequence[Example]) -> float | None:
    try:
        judge = read_head(path, width)
    except WeightsError:
        return None
    return loss_of(judge.head, val, judge.temperature)


def _tell(number: int, loss: float, val_loss: float) -> None:
    sys.stdout.write(f"epoch {number:3d}  train {loss:.4f}  val {val_loss:.4f}\n")


def _report(fitted: FittedHead, path: Path, old: float | None, *, is_written: bool) -> None:
    before = "none before" if old is None else f"{old:.4f} before"
    sys.stdout.write(
        f"held-out loss {fitted.loss:.4f} (shares alone {fitted.prior_loss:.4f}, {before}), "
        f"{100.0 * fitted.right:.1f} % right, temperature {fitted.temperature:.2f}, calibration "
        f"error {fitted.ece:.3f} ({fitted.ece_raw:.3f} without)\n"
        f"{path}: {'written' if is_written else 'not written, the head there is better'}\n"
    )
