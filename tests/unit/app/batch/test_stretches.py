"""Long recordings are cut at pauses."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batch.stretches import Stretch, StretchCutter, StretchSettings
from audio_io.frames import Samples
from tests.fakes.audio import EnergyVad, tone

RATE_HZ = 16_000
SECONDS = st.floats(0.05, 12.0)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def cut(sound: Samples, block: int = RATE_HZ) -> list[Stretch]:
    cutter = StretchCutter(EnergyVad(), StretchSettings())
    found: list[Stretch] = []
    for at in range(0, len(sound), block):
        found += cutter.push(sound[at : at + block])
    return [*found, *cutter.finish()]


def test_silence_has_no_stretch() -> None:
    assert cut(silence(20.0)) == []


def test_a_click_is_no_speech() -> None:
    assert cut(np.concatenate([silence(3.0), tone(0.03), silence(3.0)])) == []


def test_a_long_pause_ends_a_stretch_however_short() -> None:
    found = cut(np.concatenate([silence(1.0), tone(1.0), silence(2.0), tone(1.0), silence(1.0)]))
    assert [stretch.start_s for stretch in found] == pytest.approx([0.8, 3.8], abs=0.05)
    assert [stretch.end_s for stretch in found] == pytest.approx([2.2, 5.2], abs=0.05)


def test_short_phrases_stay_together() -> None:
    phrase = np.concatenate([tone(1.2), silence(0.4)])
    (found,) = cut(np.tile(phrase, 3))
    assert found.end_s - found.start_s == pytest.approx(4.4 + 0.2, abs=0.1)


def test_a_stretch_that_is_long_enough_ends_at_the_next_pause() -> None:
    phrase = np.concatenate([tone(1.6), silence(0.4)])
    found = cut(np.tile(phrase, 6))
    assert [stretch.start_s for stretch in found] == pytest.approx([0.0, 5.8], abs=0.1)


def test_where_nobody_pauses_it_is_cut_where_there_is_least_voice() -> None:
    soft = tone(0.3, peak=0.001)
    found = cut(np.concatenate([tone(6.0), soft, tone(6.0)]))
    assert [stretch.start_s for stretch in found][1] == pytest.approx(6.15, abs=0.2)
    found = cut(tone(30.0))
    assert max(stretch.end_s - stretch.start_s for stretch in found) <= 8.0


@given(spans=st.lists(st.tuples(SECONDS, SECONDS), max_size=4), block=st.integers(300, 40_000))
def test_stretches_hold_all_speech_once_in_order(
    spans: list[tuple[float, float]], block: int
) -> None:
    parts = [part for speech, pause in spans for part in (tone(speech), silence(pause))]
    sound = np.concatenate([silence(0.1), *parts])
    found = cut(sound, block)
    for before, after in pairwise(found):
        assert before.start + len(before.samples) <= after.start
    is_held = np.zeros(len(sound), bool)
    for stretch in found:
        end = stretch.start + len(stretch.samples)
        assert len(stretch.samples) <= 8.0 * RATE_HZ
        np.testing.assert_array_equal(stretch.samples, sound[stretch.start : end])
        is_held[stretch.start : end] = True
    at = 0.1
    for speech, pause in spans:
        if speech >= 0.2:
            begin, end = round(at * RATE_HZ), round((at + speech) * RATE_HZ)
            assert is_held[begin + 512 : end - 512].mean() > 0.99
        at += speech + pause


@given(spans=st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=3),
       block=st.integers(300, 40_000))  # fmt: skip
def test_block_by_block_equals_all_at_once(spans: list[tuple[float, float]], block: int) -> None:
    sound = np.concatenate([p for speech, pause in spans for p in (tone(speech), silence(pause))])
    streamed, whole = cut(sound, block), cut(sound, len(sound))
    assert [(s.start, len(s.samples)) for s in streamed] == [
        (s.start, len(s.samples)) for s in whole
    ]
