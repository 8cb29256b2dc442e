"""How the user's last turn was said: SenseVoice's language, emotion and kind of sound.

The encoder runs once for each turn: its states go to the language model, and tell this besides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from audio_io.frames import Samples
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.sense_voice.encoder import N_QUERIES
from model.vita_audio.sense_voice.tags import SpeechTags, TagReader


class Manner:
    """The acoustic branch of a Plus model.

    Attributes:
        tags: of what was encoded last; None before.
    """

    def __init__(self, model: VitaAudioForCausalLM, reader: TagReader) -> None:
        self._encoder = model.model.audio_model.model
        self._projection = model.model.audio_projection
        self._device = model.device
        self._reader = reader
        self.tags: SpeechTags | None = None
        self._encoded: tuple[Samples, Tensor] | None = None

    @classmethod
    def from_directory(cls, directory: Path, model: VitaAudioForCausalLM) -> Self:
        """Reads the names of the tags, where the directory has them."""
        n_tokens = model.model.audio_model.model.config.n_tokens
        return cls(model, TagReader.from_directory(directory, n_tokens))

    @torch.inference_mode()
    def encode(self, features: Samples) -> Tensor:
        """``features`` (t, 560) to embeddings (t + 4, hidden) of the language model.

        The same array is encoded once.
        """
        if self._encoded is not None and self._encoded[0] is features:
            return self._encoded[1]
        states = self._encoder(torch.from_numpy(features)[None].to(self._device))[0]
        self.tags = self._reader.read(self._encoder.token_scores(states[:N_QUERIES]))
        self._encoded = (features, self._projection(states))
        return self._encoded[1]
