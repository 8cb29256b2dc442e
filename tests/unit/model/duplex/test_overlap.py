"""The user makes a sound while the assistant speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.duplex.lexicon import read_lexicons
from model.duplex.overlap import OverlapSettings
from model.duplex.predictor import END_OF_TURN_P, FirstDuplexPredictor, PredictorSettings
from model.interfaces import DuplexPrediction
from tests.fakes.duplex import Stretch, over_reply, predictions, quiet, voice

SETTINGS = OverlapSettings()
BEFORE = over_reply(quiet(1000))
AFTER = over_reply(quiet(600))


def said_of(*stretches: Stretch, settings: OverlapSettings = SETTINGS) -> list[DuplexPrediction]:
    predictor = FirstDuplexPredictor(None, read_lexicons(), PredictorSettings(overlap=settings))
    return predictions(predictor, [BEFORE, *stretches, AFTER])


def first_ms(said: list[DuplexPrediction], threshold: float) -> float | None:
    """Milliseconds after the onset at which p_interruption reaches ``threshold``."""
    at = [p.at_s for p in said if p.p_interruption >= threshold]
    return None if not at else 1000.0 * at[0] - BEFORE.ms


def is_resumed(said: list[DuplexPrediction]) -> bool:
    return max(said[-1].p_backchannel, said[-1].p_noise) >= SETTINGS.resume_p


def test_a_voice_that_goes_on_is_held_early_and_cut_within_the_limit() -> None:
    said = said_of(over_reply(voice(1500)))
    assert first_ms(said, SETTINGS.hold_p) == pytest.approx(SETTINGS.hold_ms, abs=10)
    assert first_ms(said, SETTINGS.cut_p) == pytest.approx(SETTINGS.wordless_cut_ms, abs=10)


def test_words_that_are_no_backchannel_cut_sooner() -> None:
    said = said_of(over_reply(voice(1500, "no the other one")))
    assert first_ms(said, SETTINGS.cut_p) == pytest.approx(SETTINGS.cut_ms, abs=10)


def test_two_coughs_are_no_sentence() -> None:
    said = said_of(over_reply(voice(160)), over_reply(quiet(250)), over_reply(voice(160)))
    assert first_ms(said, SETTINGS.cut_p) is None


def test_short_voice_is_a_backchannel_and_never_cuts() -> None:
    said = said_of(over_reply(voice(350)))
    assert first_ms(said, SETTINGS.cut_p) is None
    assert is_resumed(said)


def test_a_click_is_noise_and_does_not_even_hold() -> None:
    said = said_of(over_reply(voice(60)))
    assert first_ms(said, SETTINGS.hold_p) is None
    assert said[-1].p_noise >= SETTINGS.resume_p


def test_repeated_backchannel_words_buy_time() -> None:
    begun = over_reply(voice(150))
    words = over_reply(voice(700, "Yeah, yeah"))
    ended = over_reply(quiet(200, "Yeah, yeah"))  # then the words are forgotten with the turn
    assert first_ms(said_of(begun, words, ended), SETTINGS.cut_p) is None
    assert first_ms(said_of(begun, over_reply(voice(700, "Yeah, but"))), SETTINGS.cut_p) is not None


def test_backchannels_that_never_end_are_an_interruption() -> None:
    said = said_of(over_reply(voice(2000, "Yeah, yeah")))
    assert first_ms(said, SETTINGS.cut_p) == pytest.approx(SETTINGS.backchannel_cut_ms, abs=10)


def test_a_stop_word_stops_at_once() -> None:
    said = said_of(over_reply(voice(250)), over_reply(voice(50, "Stop!")))
    stop = next(p for p in said if p.is_stop_word)
    assert stop.p_interruption == 1.0
    assert "stop" not in stop.reason.lower().replace("a stop word", "")


def test_a_stop_word_in_what_was_said_before_the_overlap_does_not_count() -> None:
    predictor = FirstDuplexPredictor(None, read_lexicons())
    old = replace(BEFORE, text="stop")
    assert not any(p.is_stop_word for p in predictions(predictor, [old, over_reply(voice(100))]))


def test_residual_echo_with_a_voice_in_it_stops_nothing() -> None:
    loud = replace(over_reply(voice(3000, dbfs=-48.0)), far_dbfs=-18.0)
    assert said_of(loud) == []


def test_the_same_level_is_a_user_when_the_loudspeaker_is_silent() -> None:
    predictor = FirstDuplexPredictor(None, read_lexicons())
    headphones = Stretch(1000, is_agent_speaking=True)
    faint = replace(voice(800, dbfs=-48.0), is_agent_speaking=True)
    assert first_ms(predictions(predictor, [headphones, faint]), SETTINGS.cut_p) is not None


def test_an_unconverged_canceller_raises_the_bar() -> None:
    converged = first_ms(said_of(over_reply(voice(1500))), SETTINGS.cut_p)
    blind = first_ms(said_of(replace(over_reply(voice(1500)), has_converged=False)), SETTINGS.cut_p)
    assert converged is not None
    assert blind is not None
    assert blind > converged


def test_the_next_overlap_starts_from_nothing() -> None:
    short = over_reply(voice(300))
    said = said_of(short, over_reply(quiet(700)), short)
    assert first_ms(said, SETTINGS.cut_p) is None


def test_a_backchannel_leaves_no_turn_to_answer() -> None:
    predictor = FirstDuplexPredictor(None, read_lexicons())
    said = predictions(predictor, [BEFORE, over_reply(voice(300)), AFTER, quiet(4000)])
    assert all(p.p_end_of_turn < END_OF_TURN_P for p in said)


def test_an_interruption_becomes_a_turn_with_an_end() -> None:
    predictor = FirstDuplexPredictor(None, read_lexicons())
    said = predictions(predictor, [BEFORE, over_reply(voice(700)), voice(600), quiet(4000)])
    assert any(p.p_end_of_turn >= END_OF_TURN_P for p in said)
