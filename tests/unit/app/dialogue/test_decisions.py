"""Each decision goes into the timeline once, with the numbers it was made of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.dialogue.events import EchoConvergenceChanged, StopRequested
from audio_io.events import PlaybackStarted, SpeechEnded, SpeechStarted
from model.events import TurnTranscribed
from model.types import DuplexPrediction, TurnKey
from tests.fakes.dialogue_desk import READY, DialogueDesk
from tests.fakes.loudspeaker import chunk

WORDS = "is it raining in lisbon"


@pytest.fixture
def desk() -> DialogueDesk:
    return DialogueDesk()


def told(desk: DialogueDesk, what: str) -> list[dict[str, Any]]:
    return [dict(entry) for entry in desk.timeline.entries() if entry["event"] == what]


def asked(desk: DialogueDesk) -> None:
    """The user has spoken for a second and paused."""
    desk.do(READY, EchoConvergenceChanged(True), SpeechStarted(0.2, 0.3), SpeechEnded(1.0, 1.1))
    desk.do(TurnTranscribed(TurnKey(1), WORDS, "en", 0.1))


def interrupting(at_s: float = 3.0, p: float = 0.9, **rest: Any) -> DuplexPrediction:
    return DuplexPrediction(at_s, p_interruption=p, reason="voice for 300 ms", **rest)


def test_the_end_of_a_turn_says_how_sure_it_was_and_what_was_needed(desk: DialogueDesk) -> None:
    asked(desk)
    evidence = (("smart_turn", 2.5), ("words", 5.0))
    desk.now_s = 1.35
    desk.do(
        DuplexPrediction(
            1.3, p_end_of_turn=0.8, p_hold=0.2, silence_ms=300.0, wait_ms=1600.0,
            reason="a sentence", inputs=evidence,
        )
    )  # fmt: skip
    (entry,) = told(desk, "end_of_turn")
    assert (entry["cause"], entry["reason"], entry["generation"]) == ("prediction", "a sentence", 1)
    why = entry["why"]
    assert (why["p_end_of_turn"], why["p_hold"], why["silence_ms"]) == (0.8, 0.2, 300.0)
    assert (why["end_of_turn_threshold"], why["wait_ms"], why["turn"]) == (0.5, 1600.0, 1.0)
    assert (why["in.smart_turn"], why["in.words"]) == (2.5, 5.0)
    assert why["has_echo_converged"] == 1.0
    assert why["age_ms"] == pytest.approx(50.0, abs=0.1)


def test_a_turn_that_ends_by_waiting_says_so(desk: DialogueDesk) -> None:
    asked(desk)
    desk.do(DuplexPrediction(2.6, p_end_of_turn=0.5, silence_ms=1600.0, wait_ms=1600.0))
    assert told(desk, "end_of_turn")[0]["cause"] == "wait"


def test_holding_and_interrupting_are_two_decisions(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(EchoConvergenceChanged(True), SpeechStarted(2.0, 2.1), interrupting(p=0.6))
    desk.do(interrupting())
    assert [told(desk, what)[0]["why"]["p_interruption"] for what in ("held", "interrupted")] == [
        0.6, 0.9,
    ]  # fmt: skip
    assert told(desk, "interrupted")[0]["cause"] == "prediction"
    assert told(desk, "interrupted")[0]["why"]["is_user_speaking"] == 1.0


def test_a_stop_word_is_the_cause_of_its_stop(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(EchoConvergenceChanged(True), SpeechStarted(2.0, 2.1))
    desk.do(interrupting(p=0.3, is_stop_word=True))
    assert told(desk, "interrupted")[0]["cause"] == "stop_word"


@pytest.mark.parametrize(
    ("p_backchannel", "p_noise", "cause"), [(0.7, 0.2, "backchannel"), (0.1, 0.8, "noise")]
)
def test_a_reply_that_goes_on_says_what_it_was(
    desk: DialogueDesk, p_backchannel: float, p_noise: float, cause: str
) -> None:
    desk.speaking()
    desk.do(EchoConvergenceChanged(True), SpeechStarted(2.0, 2.1))
    desk.do(DuplexPrediction(2.4, p_backchannel=p_backchannel, p_noise=p_noise))
    assert told(desk, "resumed")[0]["cause"] == cause


def test_the_stop_button_is_a_cause(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(StopRequested())
    assert told(desk, "interrupted")[0]["cause"] == "stop_button"


def test_a_reply_that_is_taken_back_before_it_is_heard_is_told(desk: DialogueDesk) -> None:
    asked(desk)
    desk.do(DuplexPrediction(1.3, p_end_of_turn=0.8), SpeechStarted(1.5, 1.6))
    (entry,) = told(desk, "taken_back")
    assert (entry["cause"], entry["generation"]) == ("went_on", 1)


def test_a_reply_that_is_stopped_before_it_is_heard_is_told(desk: DialogueDesk) -> None:
    asked(desk)
    desk.do(DuplexPrediction(1.3, p_end_of_turn=0.8), StopRequested())
    assert told(desk, "stopped")[0]["cause"] == "stop_button"
    assert not told(desk, "taken_back")


def test_a_pause_that_was_waited_for_is_told_with_its_length(desk: DialogueDesk) -> None:
    asked(desk)
    desk.do(DuplexPrediction(1.3, p_end_of_turn=0.4), DuplexPrediction(1.6, p_end_of_turn=0.1))
    desk.do(SpeechStarted(1.8, 1.9))
    (entry,) = told(desk, "waited")
    assert entry["why"]["pause_ms"] == pytest.approx(800.0)
    assert entry["why"]["highest_p"] == 0.4


def test_the_gap_between_two_words_is_no_pause(desk: DialogueDesk) -> None:
    asked(desk)
    desk.do(SpeechStarted(1.2, 1.3))
    assert not told(desk, "waited")


def test_nothing_is_told_twice(desk: DialogueDesk) -> None:
    asked(desk)
    desk.do(DuplexPrediction(1.3, p_end_of_turn=0.8), DuplexPrediction(1.4, p_end_of_turn=0.9))
    desk.do(chunk(1), PlaybackStarted(1, 1.5), DuplexPrediction(1.6, p_end_of_turn=0.9))
    assert len(told(desk, "end_of_turn")) == 1


def test_a_decision_holds_no_word_of_the_user(desk: DialogueDesk) -> None:
    asked(desk)
    desk.do(DuplexPrediction(1.3, p_end_of_turn=0.8), SpeechStarted(1.5, 1.6), SpeechEnded(2, 2))
    decided = [entry for entry in desk.timeline.entries() if "why" in entry]
    assert len(decided) == 2
    assert not any(word in json.dumps(decided) for word in WORDS.split() if len(word) > 2)
