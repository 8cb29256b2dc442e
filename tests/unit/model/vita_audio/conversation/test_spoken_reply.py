from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from audio_io.frames import Samples
from model.events import Mark, ReplyEvent, SpeechChunk, TextDelta
from model.types import CancelReason, CancelToken
from model.vita_audio.conversation.spoken_reply import SpokenReply
from model.vita_audio.language_model.tokens import DecodedToken, TokenTable

RATE_HZ = 22_050
PER_CODE = 1764  # 12.5 codes a second
TABLE = TokenTable(
    im_start=304,
    im_end=303,
    audio=300,
    begin_of_audio=301,
    end_of_audio=302,
    context_of_audio=None,
    first_code=400,
    n_codes=100,
    end_ids=frozenset({303}),
    n_used=500,
)


def token(token_id: int) -> DecodedToken:
    return DecodedToken(token_id, TABLE.kind_of(token_id), 0)


class Letters:
    """Token 97 is the letter a; a tilde waits for the next letter."""

    def __init__(self) -> None:
        self.held = ""

    def push(self, token_id: int) -> str:
        letter = chr(token_id)
        if letter == "~":
            self.held = letter
            return ""
        text, self.held = self.held + letter, ""
        return text

    def finish(self) -> str:
        text, self.held = self.held, ""
        return text


class Tones:
    """Two steps of work for every push; keeps back the last code until more comes."""

    def __init__(self) -> None:
        self.pushed: list[list[int]] = []
        self.kept: list[int] = []
        self.rate = 1.0

    def speak_at(self, rate: float) -> None:
        self.rate = rate

    def push(self, codes: Sequence[int]) -> Iterator[Samples | None]:
        self.pushed.append(list(codes))
        *ready, last = [*self.kept, *codes]
        self.kept = [last]
        yield None
        yield sound(ready)

    def finish(self) -> Iterator[Samples | None]:
        yield None
        yield sound(self.kept)


def sound(codes: Sequence[int]) -> Samples:
    return np.repeat(np.asarray(codes, dtype=np.float32) / 50.0, PER_CODE)


def codes(*values: int) -> list[int]:
    return [TABLE.begin_of_audio, *(TABLE.id_of(code) for code in values), TABLE.end_of_audio]


def letters(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def spoken(ids: list[int], cancel: CancelToken | None = None) -> tuple[list[ReplyEvent], Tones]:
    tones = Tones()
    reply = SpokenReply(3, TABLE, Letters(), tones, RATE_HZ)
    return list(reply.from_tokens(map(token, ids), cancel or CancelToken())), tones


def text_of(events: list[ReplyEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def chunks_of(events: list[ReplyEvent]) -> list[SpeechChunk]:
    return [event for event in events if isinstance(event, SpeechChunk)]


def test_text_and_sound_come_as_the_model_mixes_them() -> None:
    events, tones = spoken([*letters("Hi "), *codes(1, 2), *letters("you"), *codes(3)])
    assert text_of(events) == "Hi you"
    assert tones.pushed == [[1, 2], [3]]
    heard = np.concatenate([chunk.samples for chunk in chunks_of(events)])
    assert np.array_equal(heard[: 3 * PER_CODE], np.clip(sound([1, 2, 3]), -1, 1))


def test_sound_comes_before_the_text_after_it() -> None:
    events, _ = spoken([*letters("Hi "), *codes(1, 2), *letters("you"), *codes(3)])
    first = next(n for n, event in enumerate(events) if isinstance(event, SpeechChunk))
    assert text_of(events[:first]) == "Hi "


def test_a_long_segment_sounds_before_it_ends() -> None:
    _, tones = spoken([*letters("Hi "), *codes(*range(20))])
    assert [len(pushed) for pushed in tones.pushed] == [8, 8, 4]


def test_chunks_follow_each_other_without_gaps() -> None:
    events, _ = spoken([*letters("Hello there "), *codes(*range(30))])
    at = 0
    for chunk in chunks_of(events):
        assert chunk.start == at
        at += len(chunk.samples)
        assert not chunk.samples.flags.writeable


def test_every_word_is_marked_once() -> None:
    text = "Many more words than so little sound could ever say aloud"
    events, _ = spoken([*letters(text), *codes(1, 2, 3)])
    marks: list[Mark] = [mark for chunk in chunks_of(events) for mark in chunk.marks]
    assert [text[m.text_start : m.text_end] for m in marks] == text.split()


def test_a_character_in_pieces_is_written_at_its_end() -> None:
    events, _ = spoken([*letters("a~b~"), *codes(1)])
    assert text_of(events) == "a~b~"


def test_codes_without_tags_sound_too() -> None:
    events, tones = spoken([*letters("Hi "), TABLE.id_of(4), TABLE.id_of(5)])
    assert tones.pushed == [[4, 5]]
    assert chunks_of(events)


def test_text_without_sound_makes_no_chunk() -> None:
    events, _ = spoken(letters("Hi "))
    assert chunks_of(events) == []
    assert text_of(events) == "Hi "


def test_every_step_gives_the_caller_a_look() -> None:
    events, _ = spoken(codes(1, 2))
    assert len(events) >= 4 + 2 + 1


@pytest.mark.parametrize("after", [1, 3, 6])
def test_cancel_ends_it_within_one_step(after: int) -> None:
    cancel = CancelToken()
    reply = SpokenReply(3, TABLE, Letters(), Tones(), RATE_HZ)
    events = reply.from_tokens(map(token, [*letters("Hi "), *codes(*range(20))]), cancel)
    for _ in range(after):
        next(events)
    cancel.cancel(CancelReason.BARGE_IN)
    assert len(list(events)) <= 1


def test_a_known_text_is_told_once_and_read_aloud() -> None:
    reply = SpokenReply(3, TABLE, Letters(), Tones(), RATE_HZ)
    ids = [*letters("Hi "), *codes(1, 2), *letters("you"), *codes(3)]
    events = list(reply.from_text("Hi you", map(token, ids), CancelToken()))
    assert text_of(events) == "Hi you"
    marks = [mark for chunk in chunks_of(events) for mark in chunk.marks]
    assert [(m.text_start, m.text_end) for m in marks] == [(0, 2), (3, 6)]
