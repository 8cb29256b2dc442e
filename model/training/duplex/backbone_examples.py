"""What a VITA-Audio backbone has made of a turn by each of its pauses, with the truth about it.

A pause is asked about where the application asks: when the voice detector says that speech has
ended, with the codes of the sound up to there. Later sound never reaches an example: inside a
block of the speech tokenizer codes see the future. Knows no head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from audio_io.frames import Samples
from model.duplex.classes import USER_FLOOR
from model.training.duplex.data_error import DataError
from model.training.duplex.heard import Heard
from model.vita_audio.benchmark_models import dtype_for
from model.vita_audio.decoding.state import DecodingState
from model.vita_audio.decoding.state_trace import StateTrace
from model.vita_audio.decoding.step_runner import StepRunner
from model.vita_audio.directory import ModelDirectory
from model.vita_audio.listening import CodeEar
from model.vita_audio.modeling import load_language_model
from model.vita_audio.prompt_memory import PromptMemory
from model.vita_audio.prompts import speech_turn
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer
from model.vita_audio.text_tokenizer import TextTokenizer

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
        trace = StateTrace()
        state = DecodingState(StepRunner(model), 0, trace=trace)
        self._memory = PromptMemory(state, tokenizer.table, trace=trace)
        self._prompt = speech_turn(tokenizer)
        codes = SpeechTokenizer.from_directory(found.speech_tokenizer, device)
        self._ear = CodeEar(codes.open_stream)

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
