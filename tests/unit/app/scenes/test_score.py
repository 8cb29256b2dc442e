"""Scores of scenes: synthetic loudspeakers and timelines with a known outcome."""

from __future__ import annotations

import numpy as np

from app.dialogue.timeline import Entry, Timeline
from app.scenes.scene_file import Label, Utterance
from app.scenes.score import SceneScore, SceneScorer, TurnScore
from app.scenes.user_script import SpokenLine
from audio_io.frames import ENGINE_RATE_HZ, Samples

SCENE_S = 40.0


def near(value: float | None, expected: float, within: float) -> bool:
    return value is not None and abs(value - expected) <= within


class Stage:
    """Collects what was said and what the loudspeaker did."""

    def __init__(self) -> None:
        self._lines: list[SpokenLine] = []
        self._timeline = Timeline()
        self._sound: Samples = np.zeros(round(SCENE_S * ENGINE_RATE_HZ), dtype=np.float32)
        self._n_replies = 0

    def user(self, label: Label, start_s: float, end_s: float) -> None:
        utterance = Utterance(label=label, wav="x.flac", at_s=start_s)
        n = len(self._lines)
        self._lines.append(SpokenLine(n, utterance, start_s, start_s, end_s))

    def reply(
        self, begin_s: float, end_s: float, *, was_cut: bool = False, gaps: tuple[float, ...] = ()
    ) -> None:
        """Audible from ``begin_s`` to ``end_s`` but for 0.2 s at each of ``gaps``."""
        self._n_replies += 1
        self.sound(begin_s, end_s)
        for gap_s in gaps:
            self.silence(gap_s, gap_s + 0.2)
        record = self._timeline.record
        record("assistant_speech_started", begin_s, generation=self._n_replies)
        record(
            "assistant_speech_ended", end_s, generation=self._n_replies, was_cut=was_cut,
            heard_text=f"reply {self._n_replies}",
        )  # fmt: skip

    def note(self, event: str, at_s: float, **fields: object) -> None:
        self._timeline.record(event, at_s, **fields)

    def sound(self, begin_s: float, end_s: float) -> None:
        begin, end = round(begin_s * ENGINE_RATE_HZ), round(end_s * ENGINE_RATE_HZ)
        t = np.arange(end - begin) / ENGINE_RATE_HZ
        self._sound[begin:end] = 0.1 * np.sin(2 * np.pi * 220.0 * t)

    def silence(self, begin_s: float, end_s: float) -> None:
        self._sound[round(begin_s * ENGINE_RATE_HZ) : round(end_s * ENGINE_RATE_HZ)] = 0.0

    def score(self) -> SceneScore:
        entries: tuple[Entry, ...] = self._timeline.entries()
        return SceneScorer(tuple(self._lines), entries, self._sound).score()

    def turn(self, i: int) -> TurnScore:
        return self.score().turns[i]


def test_an_answer_is_timed_from_the_true_end_to_the_first_audible_sample() -> None:
    stage = Stage()
    stage.user(Label.QUESTION, 1.0, 3.0)
    stage.note("transcript_final", 3.3, text="what time is it")
    stage.reply(4.1, 8.0)
    stage.silence(4.1, 4.2)  # the engine reported it 100 ms too early
    turn = stage.turn(0)
    assert turn.did == "answered"
    assert near(turn.response_latency_ms, 1200.0, within=10.0)
    assert (turn.transcript, turn.heard_text) == ("what time is it", "reply 1")
    assert not turn.cut_off


def test_an_unanswered_question_has_no_latency() -> None:
    stage = Stage()
    stage.user(Label.QUESTION, 1.0, 3.0)
    stage.reply(20.0, 22.0)
    score = stage.score()
    assert score.turns[0].did == "kept_quiet"
    assert score.turns[0].response_latency_ms is None
    assert score.self_replies == 1, "nobody waits that long: it answers something else"


def test_a_noise_before_the_answer_leaves_it_the_answer() -> None:
    stage = Stage()
    stage.user(Label.QUESTION, 1.0, 3.0)
    stage.user(Label.NOISE, 3.2, 3.6)
    stage.reply(4.0, 6.0)
    score = stage.score()
    assert score.turns[0].did == "answered"
    assert score.self_replies == 0


def test_a_reply_into_the_users_sentence_is_a_cut_off_and_no_answer() -> None:
    stage = Stage()
    stage.user(Label.QUESTION, 1.0, 6.0)
    stage.reply(3.0, 3.5, was_cut=True)
    stage.reply(7.0, 9.0)
    turn = stage.turn(0)
    assert turn.cut_off
    assert near(turn.response_latency_ms, 1000.0, within=10.0)
    assert stage.score().self_replies == 0


def test_a_reply_into_a_pause_is_a_cut_off_of_the_paused_turn_only() -> None:
    stage = Stage()
    stage.user(Label.PAUSE, 1.0, 2.0)
    stage.user(Label.QUESTION, 4.0, 6.0)
    stage.reply(3.0, 4.5, was_cut=True)
    stage.note("interrupted", 4.4)
    stage.reply(7.0, 9.0)
    assert [turn.cut_off for turn in stage.score().turns] == [True, False]
    assert stage.score().self_interruptions == 0


def test_an_interruption_is_timed_from_its_true_start_to_the_last_audible_sample() -> None:
    stage = Stage()
    stage.user(Label.QUESTION, 1.0, 3.0)
    stage.reply(4.0, 7.3, was_cut=True)
    stage.user(Label.INTERRUPTION, 7.0, 9.0)
    stage.note("held", 7.2)
    stage.note("interrupted", 7.5)
    stage.reply(10.0, 12.0)
    turn = stage.turn(1)
    assert turn.did == "stopped_and_answered"
    assert near(turn.stop_latency_ms, 300.0, within=10.0)
    assert near(turn.response_latency_ms, 1000.0, within=10.0)
    assert turn.was_paused
    assert not turn.missed


def test_a_reply_that_went_on_after_a_pause_counts_until_its_last_sample() -> None:
    stage = Stage()
    stage.reply(4.0, 8.4, was_cut=True, gaps=(7.2,))  # held, resumed, then cut
    stage.user(Label.INTERRUPTION, 7.0, 9.0)
    stage.note("held", 7.15)
    stage.note("resumed", 7.4)
    stage.note("interrupted", 8.35)
    score = stage.score()
    assert near(score.turns[0].stop_latency_ms, 1400.0, within=10.0)
    assert score.false_pauses == 1


def test_a_reply_that_was_silent_anyway_has_no_stop_latency() -> None:
    stage = Stage()
    stage.reply(4.0, 8.0, was_cut=True)
    stage.silence(6.9, 8.0)  # waiting for its next sentence
    stage.user(Label.INTERRUPTION, 7.0, 9.0)
    stage.note("interrupted", 7.5)
    turn = stage.turn(0)
    assert turn.did == "stopped"
    assert turn.stop_latency_ms is None
    assert not turn.missed


def test_a_stop_word_wants_no_answer() -> None:
    stage = Stage()
    stage.reply(4.0, 7.4, was_cut=True)
    stage.user(Label.STOP, 7.0, 7.4)
    stage.note("interrupted", 7.35)
    turn = stage.turn(0)
    assert turn.did == "stopped"
    assert near(turn.stop_latency_ms, 400.0, within=10.0)
    assert turn.response_latency_ms is None


def test_an_interruption_that_is_talked_over_is_missed() -> None:
    stage = Stage()
    stage.reply(4.0, 12.0)
    stage.user(Label.INTERRUPTION, 7.0, 9.0)
    turn = stage.turn(0)
    assert turn.missed
    assert turn.did == "went_on"
    assert turn.stop_latency_ms is None


def test_an_interruption_of_a_reply_that_was_just_ending_is_not_missed() -> None:
    stage = Stage()
    stage.reply(4.0, 7.4)
    stage.user(Label.INTERRUPTION, 7.0, 9.0)
    stage.reply(10.0, 12.0)
    turn = stage.turn(0)
    assert not turn.missed
    assert turn.did == "finished_and_answered"


def test_backchannels_and_noises_that_stop_the_reply_are_false_stops() -> None:
    for label in (Label.BACKCHANNEL, Label.NOISE):
        stage = Stage()
        stage.reply(4.0, 7.6, was_cut=True)
        stage.user(label, 7.0, 7.4)
        stage.note("interrupted", 7.5)
        score = stage.score()
        assert score.turns[0].false_stop
        assert score.turns[0].stop_latency_ms is None
        assert score.self_interruptions == 0, "somebody made a sound"


def test_a_backchannel_that_paused_the_reply_is_no_false_stop() -> None:
    stage = Stage()
    stage.reply(4.0, 12.0, gaps=(7.3,))
    stage.user(Label.BACKCHANNEL, 7.0, 7.4)
    stage.note("held", 7.25)
    stage.note("resumed", 7.5)
    score = stage.score()
    assert score.turns[0].did == "ducked_and_resumed"
    assert not score.turns[0].false_stop
    assert score.false_pauses == 1


def test_a_cut_belongs_to_the_last_sound_before_it() -> None:
    stage = Stage()
    stage.reply(2.0, 7.3, was_cut=True)
    stage.user(Label.NOISE, 5.5, 6.0)
    stage.user(Label.INTERRUPTION, 7.0, 9.0)
    stage.note("interrupted", 7.4)
    noise, interruption = stage.score().turns
    assert not noise.false_stop
    assert near(interruption.stop_latency_ms, 300.0, within=10.0)


def test_a_cut_with_nobody_talking_is_a_self_interruption() -> None:
    stage = Stage()
    stage.user(Label.QUESTION, 1.0, 3.0)
    stage.reply(4.0, 7.0, was_cut=True)
    stage.note("interrupted", 6.9)
    assert stage.score().self_interruptions == 1


def test_a_question_that_was_over_does_not_excuse_a_cut_right_after_it() -> None:
    stage = Stage()
    stage.user(Label.QUESTION, 1.0, 3.0)
    stage.reply(3.8, 4.4, was_cut=True)
    stage.note("interrupted", 4.3)  # within 1.5 s of the question, but of the reply to it
    assert stage.score().self_interruptions == 1


def test_a_second_reply_to_one_question_is_a_self_reply() -> None:
    stage = Stage()
    stage.user(Label.QUESTION, 1.0, 3.0)
    stage.reply(4.0, 6.0)
    stage.reply(8.0, 10.0)
    assert stage.score().self_replies == 1


def test_assistant_speech_is_what_was_audible() -> None:
    stage = Stage()
    stage.reply(4.0, 6.0, gaps=(5.0,))
    assert near(stage.score().assistant_speech_s, 1.8, within=0.02)
