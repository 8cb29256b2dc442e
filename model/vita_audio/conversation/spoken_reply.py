"""One spoken reply of an end-to-end model: decoded tokens to text and sound, as they come."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from audio_io.frames import Samples, frozen
from model.events import ReplyEvent, SpeechChunk, TextDelta
from model.types import CancelToken
from model.vita_audio.conversation.word_timing import WordTiming
from model.vita_audio.language_model.tokens import DecodedToken, TokenKind, TokenTable

if TYPE_CHECKING:  # events are made where torch is not installed
    from model.vita_audio.language_model.text_tokenizer import TextStream
    from model.vita_audio.speech_decoder.decode_stream import SpeechDecodeStream

_PUSH_CODES = 8  # in a long segment nothing marks a good place: the smallest piece that is decoded
_TAIL_S = 0.02  # of silence, for the words that no sound was left for
_PEAK = 1.0


class SpokenReply:
    """The events of one generation; every step of a network is a step of the iterator."""

    def __init__(
        self,
        generation: int,
        table: TokenTable,
        text: TextStream,
        speech: SpeechDecodeStream,
        rate_hz: int,
    ) -> None:
        self._generation = generation
        self._table = table
        self._text = text
        self._speech = speech
        self._rate_hz = rate_hz
        self._timing = WordTiming(rate_hz)
        self._codes: list[int] = []
        self._n_samples = 0
        self._began_s = time.perf_counter()
        self._spans: dict[str, float] = {}

    def speak_at(self, rate: float) -> None:
        """Speak at ``rate`` what is not decoded yet; 1.0 is the voice's own."""
        self._speech.speak_at(rate)
        self._timing.rate = rate

    def from_tokens(
        self, tokens: Iterable[DecodedToken], cancel: CancelToken
    ) -> Iterator[ReplyEvent]:
        """Yield text and sound the way the model mixes them."""
        for token in tokens:
            if cancel.is_cancelled:
                return
            yield self._written(token)
            if self._is_time_to_speak(token.kind):
                yield from self._decoded(cancel)
        yield self._delta(self._text.finish())
        yield from self._decoded(cancel)
        yield from self._spoken(self._speech.finish(), cancel)
        if not cancel.is_cancelled:
            yield from self._words_without_sound()

    def from_text(
        self, text: str, tokens: Iterable[DecodedToken], cancel: CancelToken
    ) -> Iterator[ReplyEvent]:
        """Yield ``text``, which is known, and the sound of ``tokens``."""
        yield self._delta(text)
        codes = (token for token in tokens if token.kind is not TokenKind.TEXT)
        yield from self.from_tokens(codes, cancel)

    def _written(self, token: DecodedToken) -> TextDelta:
        self._spans.setdefault("first_token", time.perf_counter() - self._began_s)
        if token.kind is TokenKind.CODE:
            self._codes.append(self._table.code_of(token.id))
        is_text = token.kind is TokenKind.TEXT
        return self._delta(self._text.push(token.id) if is_text else "")

    def _delta(self, text: str) -> TextDelta:
        if text:
            self._timing.write(text)
        return TextDelta(self._generation, text)

    def _is_time_to_speak(self, kind: TokenKind) -> bool:
        is_segment_over = kind is TokenKind.END_AUDIO and bool(self._codes)
        return is_segment_over or len(self._codes) >= _PUSH_CODES

    def _decoded(self, cancel: CancelToken) -> Iterator[ReplyEvent]:
        if self._codes:
            self._spans.setdefault("first_codes", time.perf_counter() - self._began_s)
            codes, self._codes = self._codes, []
            yield from self._spoken(self._speech.push(codes), cancel)

    def _spoken(
        self, pieces: Iterable[Samples | None], cancel: CancelToken
    ) -> Iterator[ReplyEvent]:
        began_s = time.perf_counter()
        for piece in pieces:
            if cancel.is_cancelled:
                return
            if piece is None or not len(piece):
                yield TextDelta(self._generation, "")
                continue
            self._spans["synthesis"] = time.perf_counter() - began_s
            yield self._chunk(piece)
            began_s = time.perf_counter()

    def _chunk(self, samples: Samples) -> SpeechChunk:
        start = self._n_samples
        self._n_samples += len(samples)
        spans, self._spans = self._spans, {"first_token": 0.0, "first_codes": 0.0}
        return SpeechChunk(
            self._generation,
            frozen(np.clip(samples, -_PEAK, _PEAK).astype(np.float32)),
            start,
            self._rate_hz,
            self._timing.sound(start, self._n_samples),
            {name: seconds for name, seconds in spans.items() if seconds > 0.0},
        )

    def _words_without_sound(self) -> Iterator[ReplyEvent]:
        """The estimate lagged behind, or the model wrote on in silence."""
        if not self._n_samples or not self._timing.has_words:
            return
        start = self._n_samples
        self._n_samples += round(_TAIL_S * self._rate_hz)
        marks = self._timing.finish(start, self._n_samples)
        silence = frozen(np.zeros(self._n_samples - start, dtype=np.float32))
        yield SpeechChunk(self._generation, silence, start, self._rate_hz, marks)
