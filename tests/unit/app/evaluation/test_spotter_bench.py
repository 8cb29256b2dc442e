from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.evaluation.scorecard import render
from app.evaluation.spotter_bench import Listened, Measured, listened, run_spotter
from app.evaluation.spotter_sessions import (
    ECHOES_DB,
    NOISE,
    OTHER_TALK,
    OWN_VOICE,
    WORDS,
    Said,
    SpotterSession,
    SpotterSessions,
)
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.labels import LabelsError
from model.duplex.spotter.card import SpotterThresholds, read_card, write_card
from model.duplex.spotter.network import CARD_NAME
from tests.fakes.spotter import THRESHOLDS, random_spotter, tiny_card
from tests.fakes.spotter_recordings import spotter_recordings

STOP, ACK, ANSWER, VOICE = range(4)


def word(name: str, text: str = "", begin_s: float = 1.0, end_s: float = 1.4) -> Said:
    return Said(text or name, name, begin_s, end_s)


def heard(kind: str, peaks: dict[int, dict[float, float]], *said: Said) -> Listened:
    """Return a minute of silence with probabilities at some times."""
    at_s = np.arange(1, 1501, dtype=np.float32) * np.float32(0.04)
    p = np.zeros((len(at_s), 4), np.float32)
    for column, values in peaks.items():
        for time_s, value in values.items():
            p[round(time_s / 0.04) - 1, column] = value
    return Listened(kind, None, 60.0, said, at_s, p)


def test_a_word_counts_from_just_before_its_end_to_half_a_second_after() -> None:
    said = word("stop")
    for time_s, is_in_time in ((1.0, False), (1.2, True), (1.4, True), (1.88, True), (1.96, False)):
        one = heard(WORDS, {STOP: {time_s: 0.8}}, said)
        found = one.first(STOP, 0.8, said)
        assert (found is not None) == is_in_time
        if found is not None:
            assert found == pytest.approx(time_s - 1.4, abs=1e-4)
        assert one.first(STOP, 0.81, said) is None


def test_a_voice_is_two_decisions_in_a_row() -> None:
    said = word("speech", "bird")
    single = heard(WORDS, {VOICE: {1.2: 0.9, 1.28: 0.9}}, said)
    double = heard(WORDS, {VOICE: {1.2: 0.9, 1.24: 0.9}}, said)
    assert single.first_voice(0.5, said) is None
    assert double.first_voice(0.5, said) == pytest.approx(0.24, abs=1e-4)
    assert (single.alarms(VOICE, 0.5), double.alarms(VOICE, 0.5)) == (0, 1)


def test_alarms_within_a_second_are_one() -> None:
    one = heard(NOISE, {STOP: {2.0: 0.9, 2.4: 0.9, 2.96: 0.9, 10.0: 0.9, 30.0: 0.4}})
    assert one.alarms(STOP, 0.5) == 2
    assert one.alarms(STOP, 0.3) == 3


def measured() -> Measured:
    """One stop at .8, an acknowledgement, two unknown words; one false stop at .6 in 3 minutes."""
    return Measured(
        [
            heard(WORDS, {STOP: {1.4: 0.8}, VOICE: {1.2: 1.0, 1.24: 1.0}}, word("stop")),
            heard(WORDS, {ACK: {1.4: 0.9}}, word("right")),
            heard(WORDS, {ACK: {1.4: 0.7}}, word("speech", "bird")),
            heard(WORDS, {VOICE: {1.2: 1.0, 1.24: 1.0}}, word("speech", "cat")),
            heard(OWN_VOICE, {VOICE: {4.0: 0.55, 4.04: 0.55}}),
            heard(OTHER_TALK, {STOP: {3.0: 0.6}}),
            heard(NOISE, {}),
        ]
    )


def test_thresholds_are_the_lowest_with_few_enough_false_alarms() -> None:
    chosen = measured().chosen_thresholds("a command")
    assert chosen.stop_p == pytest.approx(0.62)
    assert chosen.duck_p == pytest.approx(0.62)  # 20 an hour are too many for ducking, too
    assert chosen.acknowledgement_p == pytest.approx(0.72)
    assert chosen.voice_p == pytest.approx(0.1)  # 30 an hour are allowed
    assert chosen.set_by == "a command"


def test_the_table_has_a_row_for_each_echo_and_each_hour() -> None:
    rows = {row["what"]: row for row in measured().rows(SpotterThresholds(0.5, 0.7, 0.5, 0.5, "x"))}
    assert len(rows) == len(ECHOES_DB) + 5
    words = rows["words, headphones"]
    assert (words["stops"], words["stop"], words["stop_voice"]) == (1, 1.0, 1.0)
    assert (words["others"], words["other_voice"], words["other_as_ack"]) == (2, 0.5, 0.5)
    assert (words["acks"], words["ack"], words["ack_as_stop"]) == (1, 1.0, 0.0)
    assert rows["other talk"]["stops_h"] == 0.0
    assert rows["other talk"]["ducks_h"] == pytest.approx(60.0)
    assert rows["own voice"]["voices_h"] == pytest.approx(60.0)


def say(text: str, rate: float) -> Samples:
    rng = np.random.default_rng(len(text))
    return rng.normal(0.0, 0.1, round(2.0 / rate * ENGINE_RATE_HZ)).astype(np.float32)


def made(folder: Path, split: str) -> SpotterSessions:
    return SpotterSessions(folder, split, say, ("All is well here.", "It may rain."))


def test_sessions_repeat_and_have_the_echo_they_say(tmp_path: Path) -> None:
    folder = spotter_recordings(tmp_path)
    sessions, again = (list(made(folder, "tune").words()) for _ in range(2))
    assert [one.echo_db for one in sessions] == list(ECHOES_DB)
    assert {len(one.said) for one in sessions} == {1, 2}
    for one, same in zip(sessions, again, strict=True):
        assert np.array_equal(one.microphone, same.microphone)
        assert {said.word for said in one.said} <= {"stop", "bird"}
    before = slice(ENGINE_RATE_HZ, 2 * ENGINE_RATE_HZ)
    levels = [float(np.std(one.microphone[before])) for one in sessions]
    assert levels == sorted(levels)
    assert levels[0] < 10.0 ** (-70 / 20)
    assert all(one.loudspeaker[before].any() for one in sessions)


def test_hours_without_words_have_all_kinds(tmp_path: Path) -> None:
    sessions = list(made(spotter_recordings(tmp_path), "tune").without_words())
    assert {one.kind for one in sessions} >= {OWN_VOICE, OTHER_TALK}
    assert not any(one.said for one in sessions)


def test_a_split_without_words_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="no words of people in test"):
        list(made(spotter_recordings(tmp_path), "test").words())


def test_thresholds_are_written_into_the_card_only_when_asked(tmp_path: Path) -> None:
    write_card(tmp_path / CARD_NAME, tiny_card())
    noise = np.random.default_rng(0).normal(0.0, 0.05, 3 * ENGINE_RATE_HZ).astype(np.float32)
    said = (word("stop"), word("right", begin_s=1.6, end_s=2.0))
    sessions = [SpotterSession(WORDS, None, noise, np.zeros_like(noise), said)]
    sessions.append(SpotterSession(NOISE, None, noise, np.zeros_like(noise)))
    card = run_spotter(sessions, random_spotter(), command="bench")
    assert read_card(tmp_path / CARD_NAME).thresholds == THRESHOLDS
    assert "set by made up" in render(card)
    run_spotter(sessions, random_spotter(), command="bench", card_folder=tmp_path, set_by="tune")
    assert read_card(tmp_path / CARD_NAME).thresholds.set_by == "tune"
    decisions = listened(random_spotter(), sessions[0])
    assert decisions.at_s[0] == pytest.approx(0.04)
    assert len(decisions.p) == 75
