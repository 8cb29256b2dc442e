"""The vector that the network sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audio_io.frames import AudioFrame, UserFrame, frozen
from model.duplex.frame_features import (
    FEATURES,
    N_FEATURES,
    FeatureStream,
    Vector,
    feature_slices,
    table_hash,
)
from model.duplex.lexicon import read_lexicons
from tests.fakes.duplex import (
    FakeTurnClassifier,
    FakeUtteranceScorer,
    Stretch,
    over_reply,
    play,
    quiet,
    voice,
)

LEXICONS = read_lexicons()
AT = feature_slices()
SCRIPT = [
    quiet(400),
    voice(800, "What time"),
    quiet(480, "What time"),
    voice(480, "What time is it?"),
    quiet(960, "What time is it?"),
    over_reply(quiet(800)),
    over_reply(voice(480, "mm-hm")),
    over_reply(quiet(800)),
]


def stream() -> FeatureStream:
    return FeatureStream(LEXICONS, FakeTurnClassifier(0.9), FakeUtteranceScorer(2.0))


def vectors(script: list[Stretch], one: FeatureStream | None = None) -> list[Vector]:
    one = one or stream()
    found = (one.step(user, agent) for user, agent in play(script))
    return [vector for vector in found if vector is not None]


def last(script: list[Stretch], group: str) -> list[float]:
    return [float(value) for value in vectors(script)[-1][AT[group]]]


def test_the_table_names_every_number_once() -> None:
    assert len({name for name, _ in FEATURES}) == len(FEATURES)
    assert sum(size for _, size in FEATURES) == N_FEATURES
    assert AT["mel"] == slice(0, 320)
    assert len(table_hash()) == 16


def test_a_vector_comes_every_80_ms_and_is_finite() -> None:
    found = vectors(SCRIPT)
    assert len(found) == sum(stretch.ms for stretch in SCRIPT) // 80
    for vector in found:
        assert vector.shape == (N_FEATURES,)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert float(np.abs(vector).max()) < 10.0


def test_the_same_frames_give_the_same_vectors() -> None:
    assert all(np.array_equal(a, b) for a, b in zip(vectors(SCRIPT), vectors(SCRIPT), strict=True))


def test_a_vector_knows_nothing_of_what_comes_later() -> None:
    whole = vectors(SCRIPT)
    half = vectors(SCRIPT[:4])
    assert all(np.array_equal(a, b) for a, b in zip(half, whole, strict=False))


def test_another_recording_starts_from_nothing() -> None:
    one = stream()
    first = vectors(SCRIPT, one)
    again = vectors(SCRIPT, one)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_silence_in_the_turn_grows_and_ends_with_voice() -> None:
    talk = [quiet(400), voice(800)]
    silences = [last([*talk, quiet(ms)], "turn")[5] for ms in (80, 400, 800)]
    assert silences == sorted(silences)
    assert silences[1] == pytest.approx(0.4, abs=0.011)
    assert last([*talk, quiet(400), voice(80)], "turn")[5] == 0.0


def test_pauses_of_the_turn_are_counted() -> None:
    fluent = last([voice(800), quiet(80), voice(800)], "turn")
    halting = last([voice(800), quiet(640), voice(800)], "turn")
    assert fluent[8] == 0.0
    assert halting[8] > 0.0


def test_words_count_once_they_cover_the_last_voice() -> None:
    known = last([voice(800, "what time is it"), quiet(160, "what time is it")], "transcript")
    assert known[:3] == [1.0, 1.0, 0.0]
    assert last([voice(800), quiet(160)], "transcript") == [0.0] * 6


def test_words_of_the_turn_before_are_not_this_turns() -> None:
    one = stream()
    script = [voice(800, "what time is it"), quiet(400, "what time is it")]
    steps = list(play([*script, voice(400), quiet(80)]))
    old = steps[119][0]
    for index, (user, agent) in enumerate(steps):
        if index == 120:
            one.reset()
        late = replace(user, partial_text=old.partial_text, partial_at_s=old.partial_at_s)
        vector = one.step(late if index >= 120 else user, agent)
    assert vector is not None
    assert not vector[AT["transcript"]].any()


def test_the_slow_detectors_are_asked_in_a_pause_and_forgotten_with_it() -> None:
    talk = [voice(800, "what time is it")]
    pause = [*talk, quiet(480, "what time is it")]
    assert last(talk, "smart_turn") == [0.0] * 6
    assert last(pause, "smart_turn")[1::2] == [1.0, 1.0, 0.0]
    assert last(pause, "text_head") == [pytest.approx(2.0 / 3.0), 1.0]
    again = [*pause, voice(80, "what time is it")]
    assert last(again, "smart_turn") == [0.0] * 6
    assert last(again, "text_head") == [0.0, 0.0]


def test_the_same_words_are_read_once_a_pause() -> None:
    reader = FakeUtteranceScorer(1.0)
    one = FeatureStream(LEXICONS, None, reader)
    vectors([voice(800, "what"), quiet(400, "what"), quiet(400, "what time")], one)
    assert reader.read == ["what", "what time"]


def test_nothing_slow_is_asked_while_the_assistant_speaks() -> None:
    classifier, reader = FakeTurnClassifier(0.9), FakeUtteranceScorer(1.0)
    one = FeatureStream(LEXICONS, classifier, reader)
    vectors([over_reply(voice(800, "yes")), over_reply(quiet(800, "yes"))], one)
    assert classifier.heard == []
    assert reader.read == []


def test_acknowledgements_and_stop_words_are_told_apart() -> None:
    begun = [over_reply(quiet(400)), over_reply(voice(400))]
    assert last([*begun, over_reply(voice(80, "yeah, yeah"))], "overlap_words")[:3] == [1, 0, 0]
    assert last([*begun, over_reply(voice(80, "no the other"))], "overlap_words")[:3] == [0, 1, 0]
    assert last([*begun, over_reply(voice(80, "please stop"))], "overlap_words")[2] == 1


def test_the_loudspeakers_signal_is_seen() -> None:
    def far(user: UserFrame, gain: float) -> UserFrame:
        t = np.arange(160) / 16_000
        samples = (gain * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
        return replace(user, far=AudioFrame(frozen(samples), user.clean.start))

    one, other = stream(), stream()
    for user, agent in play([over_reply(quiet(160))]):
        loud = one.step(far(user, 0.5), agent)
        silent = other.step(far(user, 0.0), agent)
    assert loud is not None
    assert silent is not None
    assert loud[AT["far_mel"]].max() > silent[AT["far_mel"]].max() + 1.0
    assert np.array_equal(loud[AT["mel"]], silent[AT["mel"]])


def test_a_voice_below_the_echo_opens_nothing() -> None:
    faint = replace(over_reply(voice(800, dbfs=-48.0)), far_dbfs=-18.0)
    assert last([over_reply(quiet(400)), faint], "overlap") == [0.0] * 6
    assert last([over_reply(quiet(400)), over_reply(voice(800))], "overlap")[0] == 1.0
