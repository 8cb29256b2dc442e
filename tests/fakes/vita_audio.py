"""A VITA-Audio model small enough for tests, and a recogniser that needs no weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, level_dbfs
from model.vita_audio.conversation.loading import VitaAudioOptions, load_model
from model.vita_audio.conversation.speech_model import VitaAudioModel

_WORD_S = 0.35
_SPEECH_DBFS = -55.0
_STEP_COST_S = 0.01  # of a token or of a flow step, as on a GPU


class LoudWords:
    """Hears the next of ``words`` in every 0.35 s of loud audio."""

    language = "en"

    def __init__(self, words: Sequence[str] = ("what", "is", "the", "weather", "today")) -> None:
        self._words = words
        self.begin()

    def begin(self) -> None:
        self._loud_s = 0.0
        self.end_s = 0.0

    @property
    def partial_text(self) -> str:
        n_words = min(len(self._words), round(self._loud_s / _WORD_S))
        return " ".join(self._words[:n_words])

    def hear(self, frame: AudioFrame) -> bool:
        before = self.partial_text
        for window in np.array_split(frame.samples, max(1, len(frame.samples) // 160)):
            if level_dbfs(window) >= _SPEECH_DBFS:
                self._loud_s += len(window) / ENGINE_RATE_HZ
        self.end_s = frame.end / ENGINE_RATE_HZ
        return self.partial_text != before

    def finish(self) -> str:
        return self.partial_text


class SteadyVitaAudio(VitaAudioModel):
    """In virtual time every step costs the same, however busy the machine is."""

    @property
    def step_cost_s(self) -> float:
        return _STEP_COST_S

    @step_cost_s.setter
    def step_cost_s(self, cost_s: float) -> None:
        """The worker resets it before each call."""


def tiny_vita_audio(folder: Path, recognizer: LoudWords | None, **options: Any) -> VitaAudioModel:
    """The model in ``folder``, not yet loaded."""
    quick = {"device": "cpu", "threads": 1, "decoder_steps": (1, 2)}
    chosen = VitaAudioOptions(**(quick | options))
    return SteadyVitaAudio("vita-tiny", partial(load_model, folder, chosen, lambda: recognizer))
