"""What the model hears of the user."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from app.dialogue.user_audio import TurnAudioFeed
from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, frozen
from model.requests import BeginTurn, FinishTurn, ForgetTurn, Hear, ModelRequest
from model.types import TurnContext, TurnKey

FRAME = ENGINE_RATE_HZ // 100


class Ear:
    """A hearing with a microphone that counts: sample k has value k."""

    def __init__(self) -> None:
        self.sent: list[ModelRequest] = []
        self.hearing = TurnAudioFeed(self.sent.append)
        self._n = 0

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            samples = frozen(np.arange(self._n, self._n + FRAME, dtype=np.float32))
            self.hearing.feed(AudioFrame(samples, self._n))
            self._n += FRAME

    def heard(self) -> list[tuple[int, int]]:
        return [(r.frame.start, r.frame.end) for r in self.sent if isinstance(r, Hear)]


def test_nothing_is_sent_while_no_turn_is_open() -> None:
    ear = Ear()
    ear.pass_time(2.0)
    assert ear.sent == []


def test_a_turn_begins_before_its_onset() -> None:
    ear = Ear()
    ear.pass_time(2.0)
    ear.hearing.open(TurnKey(1), TurnContext(), onset_s=1.8)
    assert isinstance(ear.sent[0], BeginTurn)
    begin, end = ear.heard()[0]
    assert abs(begin - 1.55 * ENGINE_RATE_HZ) <= FRAME
    assert end == 2 * ENGINE_RATE_HZ


def test_a_reopened_turn_has_no_hole_and_nothing_twice() -> None:
    ear = Ear()
    ear.pass_time(2.0)
    ear.hearing.open(TurnKey(1), TurnContext(), onset_s=1.8)
    ear.pass_time(0.5)
    ear.hearing.finish(TurnKey(1))
    ear.pass_time(0.8)
    ear.hearing.open(TurnKey(1, 1), TurnContext(), onset_s=3.2)
    ear.pass_time(0.2)
    ear.hearing.finish(TurnKey(1, 1))
    spans = ear.heard()
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert spans[-1][1] == round(3.5 * ENGINE_RATE_HZ)
    assert [type(r) for r in ear.sent if not isinstance(r, Hear)] == [
        BeginTurn, FinishTurn, BeginTurn, FinishTurn,
    ]  # fmt: skip


def test_words_are_asked_for_only_once_everything_was_sent() -> None:
    ear = Ear()
    ear.hearing.open(TurnKey(1), TurnContext(), onset_s=None)
    ear.pass_time(0.03)
    ear.hearing.finish(TurnKey(1))
    assert isinstance(ear.sent[-1], FinishTurn)
    assert ear.heard()[-1][1] == 3 * FRAME


def test_a_forgotten_turn_is_not_sent_on() -> None:
    ear = Ear()
    ear.hearing.open(TurnKey(1), TurnContext(), onset_s=None)
    ear.pass_time(0.1)
    ear.hearing.forget(TurnKey(1))
    n = len(ear.heard())
    ear.pass_time(0.5)
    assert len(ear.heard()) == n
    assert ear.sent[-1] == ForgetTurn(TurnKey(1))


def test_a_stale_finish_is_ignored() -> None:
    ear = Ear()
    ear.hearing.open(TurnKey(2), TurnContext(), onset_s=None)
    ear.hearing.finish(TurnKey(1))
    assert not any(isinstance(r, FinishTurn) for r in ear.sent)
