"""A conversation to token ids and labels, exactly as the same conversation is read when it is held.

Source: VITA-Audio, data pipeline: ChatML without a default system message; content, end mark and
final newline of the assistant are learnt and nothing else; the text of a synthesis is repeated in
front of its sound. Knows no files but recordings, and no rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audio_io.frames import Samples
from model.training.data.interleaving import interleave, require_pattern
from model.training.data.problems import BadSample, DataError, Fault
from model.training.data.samples import TAG, Role, Sample, SampleKind, Turn, text_to_read
from model.training.data.sounds import read_sound, sound_info
from model.vita_audio.conversation.prompt_texts import SYSTEMS
from model.vita_audio.conversation.prompts import (
    AudioSpan,
    ContinuousAudio,
    DiscreteAudio,
    ids_of_audio,
)
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

IGNORED = -100  # label of a token that is not learnt

_LONGEST_HEARD_S = 122.0  # of SenseVoice's position table

Features = NDArray[np.float32]


class Codes(Protocol):
    """Codes of a recording."""

    def codes_of(self, recording: Path) -> list[int]: ...


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
    """Encodes conversations for one variant. Threads may share one.

    Args:
        features_of: SenseVoice features of a recording; None for the variants that hear codes.
        pattern: counts of text tokens and of tokens of an audio segment, in turn.

    Raises:
        DataError: ``pattern`` cannot be used.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        codes: Codes,
        pattern: tuple[int, ...],
        features_of: Callable[[Samples], Any] | None = None,
    ) -> None:
        require_pattern(pattern)
        self.tokenizer = tokenizer
        self._codes = codes
        self._features_of = features_of
        self._pattern = pattern
        self._im_start, self._im_end = _mark(tokenizer, "im_start"), _mark(tokenizer, "im_end")

    def encode(self, sample: Sample, system: str = "") -> EncodedSample:
        """Token ids and labels of ``sample``.

        Args:
            system: who answers, for a spoken conversation without a system message: luke, lucy,
                omni or a text; "": no message.

        Raises:
            BadSample: a recording cannot be used.
            DataError: codes cannot be made or written.
        """
        turns = _as_held(sample, system)
        parts = _Parts()
        for index, turn in enumerate(turns):
            if turn.role is Role.ASSISTANT:
                self._add_answer(parts, turn, _read_aloud(sample, turns, index))
            else:
                self._add_prompt(parts, turn)
        return parts.finished()

    def _add_prompt(self, parts: _Parts, turn: Turn) -> None:
        """Text between two special tokens is one piece to the tokenizer, as in the prompts."""
        parts.add([self._im_start], is_learnt=False)
        before, *rest = f"{turn.role}\n{turn.content}".split(TAG)
        parts.add(self._text(before), is_learnt=False)
        for text, recording in zip(rest, turn.audios, strict=True):
            self._add_heard(parts, recording, is_user=turn.role is Role.USER)
            parts.add(self._text(text), is_learnt=False)
        parts.add([self._im_end, *self._text("\n")], is_learnt=False)

    def _add_heard(self, parts: _Parts, recording: Path, *, is_user: bool) -> None:
        """Codes, or in the variants that hear features, the user's sound as frames."""
        table = self.tokenizer.table
        parts.add([table.begin_of_audio], is_learnt=False)
        if self._features_of is None or not is_user:
            parts.add(self._code_ids(recording), is_learnt=False)
        else:
            features = self._heard_features(recording)
            inside = ids_of_audio(table, ContinuousAudio(len(features)))
            parts.add_features(inside, features)
        parts.add([table.end_of_audio], is_learnt=False)

    def _add_answer(self, parts: _Parts, turn: Turn, text_in_front: str) -> None:
        parts.add([self._im_start, *self._text(f"{turn.role}\n")], is_learnt=False)
        text = [i for piece in turn.content.split(TAG) for i in self._text(piece)]
        codes = [i for recording in turn.audios for i in self._code_ids(recording)]
        table = self.tokenizer.table
        text = [*self._text(text_in_front), *text]
        ids = interleave(text, codes, self._pattern, table.begin_of_audio, table.end_of_audio)
        parts.add([*ids, self._im_end, *self._text("\n")], is_learnt=turn.is_learnt)

    def _text(self, text: str) -> list[int]:
        return self.tokenizer.encode(text) if text else []

    def _code_ids(self, recording: Path) -> list[int]:
        codes = tuple(self._codes.codes_of(recording))
        try:
            return ids_of_audio(self.tokenizer.table, DiscreteAudio(codes))
        except ValueError as error:
            raise BadSample(Fault.UNKNOWN, f"{recording}: {error}") from error

    def _heard_features(self, recording: Path) -> Features:
        assert self._features_of is not None
        seconds = sound_info(recording).seconds
        if seconds > _LONGEST_HEARD_S:
            raise BadSample(
                Fault.TOO_LONG,
                f"{recording} lasts {seconds:.0f} s; the Plus variants hear {_LONGEST_HEARD_S:.0f}",
            )
        return self._features_of(read_sound(recording, mixes_channels=True))


class _Parts:
    """Ids and labels being collected."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._labels: list[int] = []
        self._spans: list[AudioSpan] = []
        self._features: list[Features] = []

    def add(self, ids: list[int], *, is_learnt: bool) -> None:
        self._ids += ids
        self._labels += ids if is_learnt else [IGNORED] * len(ids)

    def add_features(self, placeholders: list[int], features: Features) -> None:
        self._spans.append(AudioSpan(len(self._ids), len(placeholders)))
        self._features.append(features)
        self.add(placeholders, is_learnt=False)

    def finished(self) -> EncodedSample:
        return EncodedSample(
            np.array(self._ids, np.int64),
            np.array(self._labels, np.int64),
            tuple(self._spans),
            tuple(self._features),
        )


def _as_held(sample: Sample, system: str) -> tuple[Turn, ...]:
    """The turns as a conversation has them: with a system message, and text before every tag.

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
    """Of a synthesis, the text behind the instruction of the message before; else nothing."""
    is_sound_only = turns[index].content.strip() == TAG
    if sample.kind is not SampleKind.SYNTHESIS or not is_sound_only or index == 0:
        return ""
    return text_to_read(turns[index - 1])


def _mark(tokenizer: TextTokenizer, name: str) -> int:
    token_id = tokenizer.convert_tokens_to_ids(f"<|{name}|>")
    if token_id is None:
        raise DataError(f"the tokenizer has no <|{name}|>; it is not a chat model's")
    return token_id
