from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from audio_io.frames import AudioFrame, frozen
from model.types import TurnKey
from model.vita_audio.conversation.transcription import Transcription

STEP = 640


class WordPerFrame:
    """Hears one word in every frame; its final pass waits until it may go on."""

    def __init__(self) -> None:
        self.may_go_on = Event()
        self.may_go_on.set()
        self.language = "en"
        self.begin()

    def begin(self) -> None:
        self.n = 0
        self.end_s = 0.0

    @property
    def partial_text(self) -> str:
        return " ".join(["word"] * self.n)

    def hear(self, frame: AudioFrame) -> bool:
        assert self.may_go_on.wait(10.0)
        self.n += 1
        self.end_s = frame.end / frame.rate_hz
        return True

    def finish(self) -> str:
        assert self.may_go_on.wait(10.0)
        return self.partial_text


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as made:
        yield made


def frame(at: int) -> AudioFrame:
    return AudioFrame(frozen(np.zeros(STEP, np.float32)), at * STEP)


def settle(pool: ThreadPoolExecutor) -> None:
    """Returns when all that was submitted is done."""
    pool.submit(int).result(10.0)


def test_partial_words_come_with_later_audio(pool: ThreadPoolExecutor) -> None:
    transcription = Transcription(WordPerFrame(), pool, lambda: 0.0)
    transcription.begin(4)
    transcription.hear(frame(0))
    transcription.hear(frame(1))
    settle(pool)
    (news,) = transcription.hear(frame(2))
    assert (news.turn, news.text) == (4, "word word")
    assert news.audio_end_s == pytest.approx(2 * STEP / 16_000)


def test_a_short_turn_waits_for_its_words(pool: ThreadPoolExecutor) -> None:
    transcription = Transcription(WordPerFrame(), pool, lambda: 0.0)
    transcription.begin(1)
    transcription.hear(frame(0))
    transcription.finish(TurnKey(1))
    written = transcription.words_of_short_turn()
    assert written is not None
    assert (written.key, written.text) == (TurnKey(1), "word")
    assert transcription.ready() is None, "told once"


def test_a_long_turn_is_answered_before_it_is_written_down(pool: ThreadPoolExecutor) -> None:
    recognizer = WordPerFrame()
    transcription = Transcription(recognizer, pool, lambda: 0.0)
    transcription.begin(1)
    for at in range(6):
        transcription.hear(frame(at))
    settle(pool)
    transcription.hear(frame(6))
    settle(pool)
    recognizer.may_go_on.clear()
    transcription.finish(TurnKey(1))
    assert transcription.words_of_short_turn() is None
    assert transcription.ready() is None
    recognizer.may_go_on.set()
    settle(pool)
    written = transcription.ready()
    assert written is not None
    assert written.text == " ".join(["word"] * 7)


def test_words_that_come_after_the_answer_are_waited_for(pool: ThreadPoolExecutor) -> None:
    transcription = Transcription(WordPerFrame(), pool, lambda: 0.0)
    transcription.begin(1)
    transcription.hear(frame(0))
    transcription.finish(TurnKey(1))
    written = transcription.last_words()
    assert written is not None
    assert written.text == "word"
    assert transcription.last_words() is None, "told once"


def test_words_that_were_not_told_come_with_the_next_turn(pool: ThreadPoolExecutor) -> None:
    transcription = Transcription(WordPerFrame(), pool, lambda: 0.0)
    transcription.begin(1)
    transcription.hear(frame(0))
    transcription.finish(TurnKey(1))
    transcription.begin(2)
    settle(pool)
    older = transcription.of_turn_before()
    assert older is not None
    assert (older.key, older.text) == (TurnKey(1), "word")
    assert transcription.of_turn_before() is None, "told once"


def test_another_turn_begins_with_nothing(pool: ThreadPoolExecutor) -> None:
    transcription = Transcription(WordPerFrame(), pool, lambda: 0.0)
    transcription.begin(1)
    transcription.hear(frame(0))
    transcription.begin(2)
    transcription.hear(frame(1))
    transcription.finish(TurnKey(2))
    written = transcription.words_of_short_turn()
    assert written is not None
    assert written.text == "word"


def test_a_paused_turn_goes_on(pool: ThreadPoolExecutor) -> None:
    transcription = Transcription(WordPerFrame(), pool, lambda: 0.0)
    transcription.begin(1)
    transcription.hear(frame(0))
    transcription.finish(TurnKey(1))
    transcription.words_of_short_turn()
    transcription.hear(frame(1))
    transcription.finish(TurnKey(1, 1))
    written = transcription.words_of_short_turn()
    assert written is not None
    assert (written.key, written.text) == (TurnKey(1, 1), "word word")


def test_audio_waits_for_a_recogniser_that_falls_behind(pool: ThreadPoolExecutor) -> None:
    recognizer = WordPerFrame()
    transcription = Transcription(recognizer, pool, lambda: 0.0)
    transcription.begin(1)
    for at in range(200):
        transcription.hear(frame(at))
    transcription.finish(TurnKey(1))
    settle(pool)
    written = transcription.ready()
    assert written is not None
    assert len(written.text.split()) == 200
