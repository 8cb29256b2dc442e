"""When a pause is the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.end_of_turn import (
    BALANCED,
    EAGER,
    PATIENT,
    EndOfTurnSettings,
    TurnAudio,
    p_complete,
    p_end_of_turn,
    wait_ms,
)
from model.duplex.lexicon import read_lexicons
from model.duplex.predictor import END_OF_TURN_P, FirstDuplexPredictor, PredictorSettings
from model.duplex.smart_turn import N_WINDOW
from tests.fakes.duplex import FakeTurnClassifier, Stretch, predictions, quiet, voice

p_values = st.floats(0.0, 1.0)


def end_ms(
    p_sound: float | None, text: str, settings: EndOfTurnSettings = BALANCED, pause_ms: int = 6000
) -> float:
    """Silence at which 0.8 s of voice with ``text`` counts as a turn."""
    classifier = None if p_sound is None else FakeTurnClassifier(p_sound)
    predictor = FirstDuplexPredictor(
        classifier, read_lexicons(), PredictorSettings(end_of_turn=settings)
    )
    for prediction in predictions(predictor, [quiet(300), voice(800, text), quiet(pause_ms, text)]):
        if prediction.p_end_of_turn >= END_OF_TURN_P:
            return prediction.silence_ms
    return float("inf")


def test_a_finished_sentence_ends_at_the_shortest_wait() -> None:
    end = end_ms(0.97, "What time is it?")
    assert BALANCED.min_wait_ms <= end <= BALANCED.min_wait_ms + 10


def test_an_open_phrase_is_waited_for_however_finished_it_sounds() -> None:
    assert end_ms(0.97, "Give me an americano with") > 4 * BALANCED.min_wait_ms


def test_the_sound_decides_where_there_are_no_words() -> None:
    assert end_ms(0.97, "") < end_ms(0.5, "") < end_ms(0.03, "")


def test_without_the_network_words_and_silence_decide() -> None:
    assert end_ms(None, "What time is it?") < 2 * BALANCED.min_wait_ms
    assert end_ms(None, "Give me an") == pytest.approx(BALANCED.max_wait_ms, abs=11)


def test_every_turn_ends_at_the_longest_wait() -> None:
    for settings in (EAGER, BALANCED, PATIENT):
        assert end_ms(0.0, "and then the", settings) <= settings.max_wait_ms + 10.1


def test_patience_waits_longer() -> None:
    ends = [end_ms(0.9, "What time is it?", s) for s in (EAGER, BALANCED, PATIENT)]
    assert ends == sorted(ends)
    assert len(set(ends)) == 3


def test_a_click_opens_no_turn() -> None:
    predictor = FirstDuplexPredictor(None, read_lexicons())
    assert predictions(predictor, [quiet(200), voice(60), quiet(4000)]) == []


def test_a_faint_voice_is_silence() -> None:
    predictor = FirstDuplexPredictor(None, read_lexicons())
    assert predictions(predictor, [voice(800, dbfs=-66.0), quiet(4000)]) == []


def test_going_on_after_a_pause_starts_the_silence_over() -> None:
    predictor = FirstDuplexPredictor(FakeTurnClassifier(0.9), read_lexicons())
    said = predictions(predictor, [voice(800), quiet(400), voice(300), quiet(300)])
    assert all(p.p_end_of_turn < END_OF_TURN_P for p in said)
    assert max(p.silence_ms for p in said) <= 400


def test_the_network_is_asked_at_the_named_silences_only() -> None:
    classifier = FakeTurnClassifier(0.1)
    predictor = FirstDuplexPredictor(classifier, read_lexicons())
    predictions(predictor, [quiet(300), voice(800), quiet(2000)])
    assert len(classifier.heard) == len(BALANCED.ask_after_ms) == predictor.n_inferences
    # 0.3 s before the voice (0.5 s are not there yet), the voice, the silence
    assert classifier.heard[0] == 16 * (300 + 800 + 200)


def test_a_transcript_that_lags_behind_the_voice_is_waited_for() -> None:
    lagging = [voice(300, "tell me a"), voice(700), quiet(6000)]
    stale = replace(lagging[1], text="")
    predictor = FirstDuplexPredictor(FakeTurnClassifier(0.97), read_lexicons())
    ends = [
        p.silence_ms
        for p in predictions(predictor, [lagging[0], stale, lagging[2]])
        if p.p_end_of_turn >= END_OF_TURN_P
    ]
    assert ends[0] < BALANCED.max_wait_ms  # old words do not hold back a new end


@given(p_values, p_values, st.floats(0.01, 0.99))
def test_more_evidence_never_lowers_the_probability(a: float, b: float, text: float) -> None:
    low, high = sorted((a, b))
    assert p_complete(BALANCED, low, text) <= p_complete(BALANCED, high, text) + 1e-12


@given(p_values, p_values)
def test_more_certainty_never_waits_longer(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert BALANCED.min_wait_ms <= wait_ms(BALANCED, high) <= wait_ms(BALANCED, low)
    assert wait_ms(BALANCED, low) <= BALANCED.max_wait_ms * (1 + 1e-9)


@given(st.floats(100.0, 5000.0), st.floats(0.0, 10_000.0), st.floats(0.0, 10_000.0))
def test_silence_raises_the_probability_to_one_half_at_the_wait(
    wait: float, a: float, b: float
) -> None:
    low, high = sorted((a, b))
    assert p_end_of_turn(low, wait) <= p_end_of_turn(high, wait) <= 1.0
    assert p_end_of_turn(wait, wait) == 0.5


@pytest.mark.parametrize("block", [160, 480, 7777])
def test_turn_audio_keeps_the_last_eight_seconds_whatever_the_blocks(block: int) -> None:
    samples = np.arange(20 * 16_000, dtype=np.float32)
    audio = TurnAudio()
    audio.push(samples[:8000])
    audio.begin_turn()
    for at in range(8000, len(samples), block):
        audio.push(samples[at : at + block])
    assert np.array_equal(audio.turn(), samples[-N_WINDOW:])


def test_quiet_stretches_before_the_turn_are_cut_to_the_lead() -> None:
    classifier = FakeTurnClassifier(0.5)
    predictor = FirstDuplexPredictor(classifier, read_lexicons())
    predictions(predictor, [quiet(3000), voice(400), Stretch(210)])
    assert classifier.heard == [16 * (500 - 10 + 400 + 200)]
