"""A conversation to token ids and labels, exactly as the same conversation is read when it is held.

Source: VITA-Audio, data pipeline: ChatML without a default system message; content, end mark and
final newline of the assistant are learnt and nothing else; the text of a synthesis is repeated in
front of its sound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from audio_io.frames import Samples
from model.training.data.code_cache import CodeCache
from model.training.data.interleaving import interleave, require_pattern
from model.training.data.problems import BadSample, DataError, Fault
from model.training.data.samples import TAG, Role, Sample, SampleKind, Turn, text_to_read
from model.training.data.sounds import read_sound, sound_info
from model.vita_audio.checkpoint.directory import SENSE_VOICE, SPEECH_TOKENIZER, STATISTICS
from model.vita_audio.conversation.prompts import (
    SYSTEMS,
    AudioSpan,
    ContinuousAudio,
    DiscreteAudio,
    ids_of_audio,
)
from model.vita_audio.language_model.model_config import VitaAudioPlusConfig, read_config
from model.vita_audio.language_model.packed_losses import IGNORED
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.language_model.tokens import N_CODES
from model.vita_audio.sense_voice.kaldi_features import SpeechFeatures
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

_LONGEST_HEARD_S = 122.0  # of SenseVoice's position table

Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncodedSample:
    """A conversation as the network reads it.

    Attributes:
        ids: (n,) int64.
        labels: (n,) int64 of the same tokens, not shifted; −100 where nothing is learnt.
        spans: places that ``features`` fill, in the order of the ids.
        features: (t, 560) of each; its span has four positions more.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    spans: tuple[AudioSpan, ...] = ()
    features: tuple[Features, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


class SampleEncoder:
    """Encodes conversations for one variant of the model. Threads may share one.

    Args:
        pattern: counts of text tokens and of tokens of an audio segment, in turn.
        features_of: (t, 560) SenseVoice features of a recording; None: the variant hears codes.

    Raises:
        DataError: ``pattern`` cannot be used, or the vocabulary is not that of VITA-Audio.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        codes: CodeCache,
        pattern: tuple[int, ...],
        features_of: Callable[[Samples], Any] | None = None,
    ) -> None:
        require_pattern(pattern)
        self.tokenizer = tokenizer
        self.pattern = pattern
        self.pad_id, self._im_start, self._im_end = (
            _mark(tokenizer, name) for name in ("endoftext", "im_start", "im_end")
        )
        self._codes = codes
        self._features_of = features_of

    @classmethod
    def from_directory(
        cls,
        folder: Path,
        pattern: tuple[int, ...],
        *,
        speech_tokenizer: Path | None = None,
        device: str = "cpu",
    ) -> Self:
        """Open the vocabulary of a language model's folder; the speech tokenizer when needed.

        Args:
            speech_tokenizer: its folder; None: ``glm-4-voice-tokenizer`` in or beside ``folder``.
            device: where the speech tokenizer runs.

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
        beside = (place / SPEECH_TOKENIZER for place in places)
        found = next((place for place in beside if place.is_dir()), places[-1] / SPEECH_TOKENIZER)
        chosen = speech_tokenizer or found
        codes = CodeCache(chosen, partial(_open_tokenizer, chosen, device))
        return cls(TextTokenizer.from_directory(folder), codes, pattern, features_of)

    def encode(self, sample: Sample, system: str = "") -> EncodedSample:
        """Return the token ids and labels of ``sample``.

        Args:
            system: who answers, for a spoken conversation without a system message: luke, lucy,
                omni or a text; "": no message.

        Raises:
            BadSample: a recording cannot be used.
            DataError: codes cannot be made or written.
        """
        turns = _as_held(sample, system)
        encoding = _Encoding()
        for index, turn in enumerate(turns):
            if turn.role is Role.ASSISTANT:
                self._add_answer(encoding, turn, _read_aloud(sample, turns, index))
            else:
                self._add_prompt(encoding, turn)
        return encoding.finished()

    def _add_prompt(self, encoding: _Encoding, turn: Turn) -> None:
        """Text between two special tokens is one piece to the tokenizer, as in the prompts."""
        before, *rest = f"{turn.role}\n{turn.content}".split(TAG)
        encoding.add([self._im_start, *self._text(before)])
        for text, recording in zip(rest, turn.audios, strict=True):
            self._add_heard(encoding, recording, is_user=turn.role is Role.USER)
            encoding.add(self._text(text))
        encoding.add([self._im_end, *self._text("\n")])

    def _add_heard(self, encoding: _Encoding, recording: Path, *, is_user: bool) -> None:
        """Add codes, or in the variants that hear features, the user's sound as frames."""
        table = self.tokenizer.table
        encoding.add([table.begin_of_audio])
        if self._features_of is None or not is_user:
            encoding.add(self._code_ids(recording))
        else:
            features = self._heard_features(recording, self._features_of)
            inside = ids_of_audio(table, ContinuousAudio(len(features)))
            encoding.add_features(inside, features)
        encoding.add([table.end_of_audio])

    def _add_answer(self, encoding: _Encoding, turn: Turn, text_in_front: str) -> None:
        encoding.add([self._im_start, *self._text(f"{turn.role}\n")])
        text = [i for piece in (text_in_front, *turn.content.split(TAG)) for i in self._text(piece)]
        codes = [i for recording in turn.audios for i in self._code_ids(recording)]
        table = self.tokenizer.table
        ids = interleave(text, codes, self.pattern, table.begin_of_audio, table.end_of_audio)
        encoding.add([*ids, self._im_end, *self._text("\n")], is_learnt=turn.is_learnt)

    def _text(self, text: str) -> list[int]:
        return self.tokenizer.encode(text) if text else []

    def _code_ids(self, recording: Path) -> list[int]:
        codes = tuple(self._codes.codes_of(recording))
        try:
            return ids_of_audio(self.tokenizer.table, DiscreteAudio(codes))
        except ValueError as error:
            raise BadSample(Fault.UNKNOWN, f"{recording}: {error}") from error

    def _heard_features(self, recording: Path, features_of: Callable[[Samples], Any]) -> Features:
        seconds = sound_info(recording).seconds
        if seconds > _LONGEST_HEARD_S:
            raise BadSample(
                Fault.TOO_LONG,
                f"{recording} lasts {seconds:.0f} s; the Plus variants hear {_LONGEST_HEARD_S:.0f}",
            )
        return features_of(read_sound(recording, mixes_channels=True))


class _Encoding:
    """Ids and labels being collected."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._labels: list[int] = []
        self._spans: list[AudioSpan] = []
        self._features: list[Features] = []

    def add(self, ids: list[int], *, is_learnt: bool = False) -> None:
        self._ids += ids
        self._labels += ids if is_learnt else [IGNORED] * len(ids)

    def add_features(self, placeholders: list[int], features: Features) -> None:
        self._spans.append(AudioSpan(len(self._ids), len(placeholders)))
        self._features.append(features)
        self.add(placeholders)

    def finished(self) -> EncodedSample:
        return EncodedSample(
            np.array(self._ids, np.int64),
            np.array(self._labels, np.int64),
            tuple(self._spans),
            tuple(self._features),
        )


def _as_held(sample: Sample, system: str) -> tuple[Turn, ...]:
    """Return the turns as a conversation has them: a system message, text before every tag.

    What a person says without writing is an empty text, a newline and the sound.
    """
    turns = [
        Turn(turn.role, f"\n{TAG}", turn.audios)
        if turn.role is Role.USER and turn.content == TAG
        else turn
        for turn in sample.turns
    ]
    is_spoken = sample.kind is SampleKind.SPEECH_TO_SPEECH
    if system and is_spoken and turns[0].role is not Role.SYSTEM:
        turns.insert(0, Turn(Role.SYSTEM, SYSTEMS.get(system, system)))
    return tuple(turns)


def _read_aloud(sample: Sample, turns: tuple[Turn, ...], index: int) -> str:
    """Return the text that a synthesis was asked to read aloud; "" for other samples."""
    is_sound_only = turns[index].content.strip() == TAG
    if sample.kind is not SampleKind.SYNTHESIS or not is_sound_only or index == 0:
        return ""
    return text_to_read(turns[index - 1])


def _mark(tokenizer: TextTokenizer, name: str) -> int:
    token_id = tokenizer.convert_tokens_to_ids(f"<|{name}|>")
    if token_id is None:
        raise DataError(f"the tokenizer has no <|{name}|>; it is not that of VITA-Audio")
    return token_id


def _open_tokenizer(folder: Path, device: str) -> SpeechTokenizer:
    tokenizer = SpeechTokenizer.from_directory(folder, device)
    if tokenizer.config.n_codes > N_CODES:
        raise DataError(
            f"{folder}: has {tokenizer.config.n_codes} codes, the vocabulary {N_CODES}; they do "
            "not belong together"
        )
    return tokenizer
