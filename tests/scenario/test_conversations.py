"""Whole conversations in virtual time: the real engine and room, a scripted model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.scenes.run import SceneOptions, SceneResult, run_scene
from app.scenes.scene_file import Cue, EndPlan, Label, RoomPlan, Scene, Utterance
from app.settings.settings import Settings
from model.scripted import Script
from tests.fakes.parts import fake_parts

LONG = (
    "This is a long answer that goes on for quite a while, so that there is time to say something "
    "in the middle of it and to see what happens then."
)
SCENE = Path("scene.toml")


def ask(text: str = "what is the weather like today", at_s: float = 1.0) -> Utterance:
    return Utterance(Label.QUESTION, text=text, at_s=at_s)


def then(
    label: Label, text: str, after: Cue = Cue.ASSISTANT_STARTED, delay_s: float = 1.5
) -> Utterance:
    return Utterance(label, text=text, after=after, delay_s=delay_s)


def play(
    *users: Utterance,
    script: Script | None = None,
    settings: Settings | None = None,
    at_most_s: float = 40.0,
) -> SceneResult:
    scene = Scene("test", SCENE, RoomPlan(), users, EndPlan(2.5, at_most_s))
    parts = fake_parts(script or Script(replies=dict.fromkeys(range(9), LONG)))
    return run_scene(scene, parts, settings or Settings(), SceneOptions(is_virtual_time=True))


def events(result: SceneResult, name: str) -> list[dict[str, object]]:
    return [dict(entry) for entry in result.run.timeline if entry["event"] == name]


def test_a_question_is_answered_and_the_answer_is_heard_to_its_end() -> None:
    result = play(ask())
    (turn,) = result.score.turns
    assert turn.did == "answered"
    assert turn.heard_text == LONG
    assert turn.response_latency_ms is not None
    assert 200.0 < turn.response_latency_ms < 2500.0
    assert not turn.cut_off


def test_the_answer_is_really_in_the_loudspeaker_and_nothing_before_it() -> None:
    result = play(ask())
    latency_ms = result.score.turns[0].response_latency_ms
    assert latency_ms is not None
    first = int((result.score.turns[0].end_s + latency_ms / 1000.0) * 16_000)
    loudspeaker = result.run.loudspeaker
    assert np.max(np.abs(loudspeaker[: first - 320])) < 0.002
    assert np.max(np.abs(loudspeaker[first : first + 8000])) > 0.05


def test_a_pause_inside_a_turn_is_waited_for() -> None:
    pause = Utterance(Label.PAUSE, text="i would like to know how the", at_s=1.0)
    rest = then(Label.QUESTION, "weather will be", Cue.USER_ENDED, 0.45)
    result = play(pause, rest, script=Script(transcripts={1: "i would like to know how the"}))
    assert not any(turn.cut_off for turn in result.score.turns)
    assert len(events(result, "assistant_speech_started")) == 1


def test_an_interruption_stops_the_reply_and_is_answered() -> None:
    result = play(ask(), then(Label.INTERRUPTION, "no wait tell me about something else please"))
    turn = result.score.turns[1]
    assert turn.did == "stopped_and_answered"
    assert turn.stop_latency_ms is not None
    assert turn.stop_latency_ms < 700.0
    assert not turn.missed


def test_what_was_not_heard_is_not_remembered() -> None:
    result = play(ask(), then(Label.INTERRUPTION, "no wait tell me about something else please"))
    first = events(result, "assistant_speech_ended")[0]
    heard = str(first["heard_text"])
    assert first["was_cut"]
    assert LONG.startswith(heard)
    assert 0 < len(heard) < len(LONG)


def test_a_backchannel_does_not_stop_the_reply() -> None:
    script = Script(replies={1: LONG}, transcripts={1: "what is the weather", 2: "mm-hm"})
    result = play(ask(), then(Label.BACKCHANNEL, "mm-hm"), script=script)
    turn = result.score.turns[1]
    assert turn.did == "ducked_and_resumed"
    assert not turn.false_stop
    assert events(result, "assistant_speech_ended")[0]["heard_text"] == LONG


def test_a_reply_that_goes_on_repeats_no_more_than_a_word() -> None:
    quiet = play(ask())
    script = Script(replies={1: LONG}, transcripts={1: "what is the weather", 2: "mm-hm"})
    disturbed = play(ask(), then(Label.BACKCHANNEL, "mm-hm"), script=script)

    def spoken_s(result: SceneResult) -> float:
        return result.score.assistant_speech_s

    assert spoken_s(disturbed) == pytest.approx(spoken_s(quiet), abs=0.5)


def test_a_stop_word_is_obeyed_and_not_answered() -> None:
    script = Script(replies={1: LONG}, transcripts={1: "what is the weather", 2: "stop", 3: "stop"})
    result = play(ask(), then(Label.STOP, "stop stop"), script=script)
    assert result.score.turns[1].did == "stopped"
    assert len(events(result, "assistant_speech_started")) == 1


def test_a_sound_without_words_gets_no_answer() -> None:
    result = play(ask("cough"), script=Script(transcripts={1: ""}))
    assert events(result, "assistant_speech_started") == []


def test_nobody_speaks_and_nothing_happens() -> None:
    result = play(at_most_s=5.0)
    assert result.score.turns == ()
    assert result.score.self_replies == 0


def test_a_failed_reply_is_an_error_and_the_next_turn_works() -> None:
    script = Script(replies={1: "", 2: "Now it works."})
    later = Utterance(Label.QUESTION, text="and what about now", at_s=12.0)
    result = play(ask(), later, script=script)
    assert result.score.turns[0].did == "kept_quiet"
    assert result.score.turns[1].did == "answered"


def test_the_same_seed_gives_the_same_conversation() -> None:
    users = (ask(), then(Label.INTERRUPTION, "no wait tell me about something else please"))
    one, two = play(*users), play(*users)
    assert one.summary() | {"engine": None} == two.summary() | {"engine": None}
    assert one.run.timeline == two.run.timeline
    assert np.array_equal(one.run.microphone, two.run.microphone)
    assert np.array_equal(one.run.loudspeaker, two.run.loudspeaker)


def test_without_barge_in_the_reply_is_never_cut() -> None:
    settings = Settings().with_value("conversation", "allow_barge_in", False)
    words = "no wait tell me about something else please"
    result = play(ask(), then(Label.INTERRUPTION, words), settings=settings)
    assert events(result, "interrupted") == []
    assert result.score.turns[1].missed


def test_truth_and_detection_are_both_in_the_timeline() -> None:
    result = play(ask())
    sources = {entry["source"] for entry in events(result, "user_speech_started")}
    assert sources == {"truth", "vad"}
    needed = {
        "user_speech_ended", "transcript_partial", "transcript_final", "duplex_prediction",
        "end_of_turn", "generation_started", "text_delta", "assistant_speech_started",
        "assistant_speech_ended",
    }  # fmt: skip
    assert needed <= {str(entry["event"]) for entry in result.run.timeline}


def test_its_own_i_cannot_hear_about_the_sea_is_not_answered() -> None:
    reply = "I can't hear about the sea, but I can tell you about the weather in the mountains."
    script = Script(
        replies={1: reply, 2: LONG},
        transcripts={1: "what is the weather", 2: "What's wrong here about the C?"},
    )
    result = play(ask(), then(Label.NOISE, "an echo", delay_s=0.9), script=script)
    assert len(events(result, "assistant_speech_started")) == 1
    (ended,) = events(result, "assistant_speech_ended")
    assert ended["heard_text"] == reply
