"""What training data needs of a model folder: its vocabulary, and what its audio becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from audio_io.frames import Samples
from model.training.data.code_cache import CodeCache
from model.training.data.problems import DataError
from model.training.data.sample_encoder import SampleEncoder
from model.vita_audio.checkpoint.directory import SENSE_VOICE, SPEECH_TOKENIZER, STATISTICS
from model.vita_audio.language_model.model_config import VitaAudioPlusConfig, read_config
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.language_model.tokens import N_CODES
from model.vita_audio.sense_voice.kaldi_features import SpeechFeatures
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

_PAD = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class DataParts:
    """Of one model.

    Attributes:
        features_of: (t, 560) SenseVoice features of a recording; None: the variant hears codes.
    """

    tokenizer: TextTokenizer
    codes: CodeCache
    features_of: Callable[[Samples], Any] | None = None

    @classmethod
    def from_directory(
        cls,
        folder: Path,
        *,
        speech_tokenizer: Path | None = None,
        device: str = "cpu",
        codes_folder: Path | None = None,
    ) -> Self:
        """Opens the vocabulary of a language model's folder; the speech tokenizer when needed.

        Args:
            speech_tokenizer: its folder; None: ``glm-4-voice-tokenizer`` in or beside ``folder``.
            device: where the speech tokenizer runs.
            codes_folder: where codes are kept; None: beside the recordings.

        Raises:
            ModelError: ``folder`` is no VITA-Audio language model.
            WeightsError: its files are damaged, or the Plus variant has no am.mvn.
        """
        places = (folder, folder.parent)
        features_of = None
        if isinstance(read_config(folder), VitaAudioPlusConfig):
            inside = (folder, *(place / SENSE_VOICE for place in places))
            with_file = (place for place in inside if (place / STATISTICS).is_file())
            features_of = SpeechFeatures.from_directory(next(with_file, folder)).extract
        beside = [place / SPEECH_TOKENIZER for place in places]
        found = next((place for place in beside if place.is_dir()), beside[-1])
        chosen = speech_tokenizer or found
        codes = CodeCache(chosen, partial(_open_tokenizer, chosen, device), codes_folder)
        return cls(TextTokenizer.from_directory(folder), codes, features_of)

    @property
    def pad_id(self) -> int:
        """Raises DataError where the vocabulary has no such token."""
        token_id = self.tokenizer.convert_tokens_to_ids(_PAD)
        if token_id is None:
            raise DataError(f"the tokenizer has no {_PAD}; it is not that of VITA-Audio")
        return token_id

    def encoder(self, pattern: tuple[int, ...]) -> SampleEncoder:
        return SampleEncoder(self.tokenizer, self.codes, pattern, self.features_of)


def _open_tokenizer(folder: Path, device: str) -> SpeechTokenizer:
    tokenizer = SpeechTokenizer.from_directory(folder, device)
    if tokenizer.config.n_codes > N_CODES:
        raise DataError(
            f"{folder}: has {tokenizer.config.n_codes} codes, the vocabulary {N_CODES}; they do "
            "not belong together"
        )
    return tokenizer
