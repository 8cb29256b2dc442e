"""The predictor as a whole: rhythm, determinism, policy, one recorded answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest

from model.duplex.lexicon import read_lexicons
from model.duplex.policy import CUT_P, END_P, HOLD_P, LONGEST_WAIT_MS, RESUME_P
from model.duplex.predictor import PredictorSettings, TrainedDuplexPredictor
from model.types import DuplexPrediction
from tests.fakes.duplex import (
    CARD,
    FakeTurnClassifier,
    FakeUtteranceScorer,
    RuleNetwork,
    Stretch,
    over_reply,
    play,
    predictions,
    quiet,
    voice,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "duplex_predictions.json"
LEXICONS = read_lexicons()
BEFORE = over_reply(quiet(1000))
AFTER = over_reply(quiet(800))
SCRIPT = [
    quiet(400),
    voice(600, "What time"),
    quiet(300, "What time"),
    voice(500, "What time is it?"),
    quiet(800, "What time is it?"),
    over_reply(quiet(1200)),
    over_reply(voice(300)),
    over_reply(quiet(500)),
    over_reply(voice(800)),
    voice(400, "and also the"),
    quiet(1200, "and also the"),
]


def predictor(
    settings: PredictorSettings | None = None, p_sound: float = 0.9, logit: float | None = None
) -> TrainedDuplexPredictor:
    return TrainedDuplexPredictor(
        RuleNetwork(),
        CARD,
        LEXICONS,
        settings,
        classifier=FakeTurnClassifier(p_sound),
        scorer=FakeUtteranceScorer(logit),
    )


def end_ms(said: Sequence[DuplexPrediction]) -> float | None:
    """Silence at which the turn is taken."""
    return next((p.silence_ms for p in said if p.p_end_of_turn >= END_P), None)


def first_ms(said: Sequence[DuplexPrediction], threshold: float) -> float | None:
    """Milliseconds after the end of ``BEFORE`` at which p_interruption reaches ``threshold``."""
    at = [p.at_s for p in said if p.p_interruption >= threshold]
    return None if not at else 1000.0 * at[0] - BEFORE.ms


def is_resumed(said: Sequence[DuplexPrediction]) -> bool:
    return max(said[-1].p_backchannel, said[-1].p_noise) >= RESUME_P


# -- rhythm ------------------------------------------------------------------------------------


def test_nothing_is_said_while_nobody_speaks() -> None:
    assert predictions(predictor(), [quiet(2000), over_reply(quiet(2000)), quiet(1000)]) == []


def test_while_undecided_it_speaks_every_80_ms_or_sooner() -> None:
    times = [p.at_s for p in predictions(predictor(), [voice(1000), quiet(450)])]
    assert max(b - a for a, b in pairwise(times)) <= 0.0801


def test_the_end_is_told_in_the_frame_in_which_the_wait_is_over() -> None:
    said = predictions(predictor(), [voice(1000, "Yes."), quiet(1000, "Yes.")])
    end = next(p for p in said if p.p_end_of_turn >= END_P)
    assert end.silence_ms == pytest.approx(end.wait_ms, abs=10)


def test_it_falls_silent_long_after_the_end() -> None:
    said = predictions(predictor(), [voice(500), quiet(20_000)])
    assert said[-1].at_s < 6.0


def test_reset_forgets_the_turn() -> None:
    one = predictor()
    steps = list(play([voice(800), quiet(3000)]))
    for user, agent in steps[:90]:
        one.step(user, agent)
    one.reset()
    assert all(one.step(user, agent) is None for user, agent in steps[90:])


def test_the_same_frames_give_the_same_answers() -> None:
    assert predictions(predictor(), SCRIPT) == predictions(predictor(), SCRIPT)


def test_another_recording_is_answered_as_by_a_predictor_that_knows_the_speaker_only() -> None:
    one = predictor()
    first = predictions(one, SCRIPT)
    one.reset()
    assert predictions(one, SCRIPT) == first


def test_probabilities_are_probabilities_and_reasons_and_inputs_hold_no_words() -> None:
    for p in predictions(predictor(), SCRIPT):
        values = (p.p_end_of_turn, p.p_hold, p.p_interruption, p.p_backchannel, p.p_noise)
        assert all(0.0 <= value <= 1.0 for value in values)
        assert sum(values) <= 1.0 + 1e-6
        assert p.reason
        assert "time" not in p.reason.lower()
        assert p.inputs
        assert all(isinstance(value, float) for _, value in p.inputs)


def test_the_slow_detectors_are_reported_for_the_step_they_were_asked_in() -> None:
    one = predictor(logit=1.0)
    spent: list[float] = []
    for user, agent in play([voice(500, "yes please"), quiet(300, "yes please")]):
        one.step(user, agent)
        spent.append(one.last_inference_s)
    assert [s for s in spent if s] == [0.02, 0.06]
    assert one.detectors.n_asked == 2


def test_without_slow_detectors_the_network_still_decides() -> None:
    bare = TrainedDuplexPredictor(RuleNetwork(), CARD, LEXICONS)
    said = predictions(bare, [voice(800, "Yes."), quiet(1500, "Yes.")])
    assert end_ms(said) is not None


def test_the_network_starts_anew_with_every_reply() -> None:
    network = RuleNetwork()
    one = TrainedDuplexPredictor(network, CARD, LEXICONS)
    predictions(one, [quiet(400)])
    begun = network.n_forgotten
    steps = list(play([quiet(400), over_reply(quiet(400)), quiet(400), over_reply(quiet(400))]))
    for user, agent in steps[40:]:
        one.step(user, agent)
    assert network.n_forgotten > begun


# -- the end of a turn -------------------------------------------------------------------------


def test_finished_words_and_sound_end_a_turn_soon() -> None:
    said = predictions(predictor(logit=3.0), [voice(1000, "yes please"), quiet(3000, "yes please")])
    assert end_ms(said) == pytest.approx(CARD.endpointing["balanced"].shortest_ms, abs=90)


def test_words_that_ask_for_more_wait() -> None:
    text = "give me the"
    said = predictions(predictor(p_sound=0.5, logit=-3.0), [voice(1000, text), quiet(3500, text)])
    assert end_ms(said) == pytest.approx(CARD.endpointing["balanced"].longest_ms, abs=90)
    assert any("words ask for more" in p.reason for p in said)


def test_the_endpointing_modes_differ() -> None:
    script = [voice(1000, "yes please"), quiet(3500, "yes please")]
    waits = [
        end_ms(predictions(predictor(PredictorSettings(endpointing_mode=mode), logit=3.0), script))
        for mode in ("eager", "balanced", "patient")
    ]
    assert waits == sorted(waits, key=lambda wait: wait or 0.0)
    assert waits[2] == pytest.approx(CARD.endpointing["patient"].shortest_ms, abs=90)


def test_after_three_seconds_of_silence_every_turn_is_over() -> None:
    patient = PredictorSettings(endpointing_mode="patient")
    script = [voice(1000, "my number is"), quiet(4000, "my number is")]
    said = predictions(predictor(patient, p_sound=0.01, logit=-5.0), script)
    assert end_ms(said) == pytest.approx(LONGEST_WAIT_MS, abs=10)


def test_a_limit_of_the_users_is_kept() -> None:
    one = predictor(PredictorSettings(longest_wait_ms=900.0), p_sound=0.01, logit=-5.0)
    assert end_ms(predictions(one, [voice(1000, "the"), quiet(3000, "the")])) == pytest.approx(
        900.0, abs=10
    )


def test_dictated_numbers_wait_longer_and_say_why() -> None:
    text = "my number is five five five"
    said = predictions(predictor(p_sound=0.99, logit=5.0), [voice(1500, text), quiet(3500, text)])
    assert (end_ms(said) or 0.0) >= 1490.0
    assert any(p.reason == "numbers are dictated" for p in said)


def test_a_speaker_with_long_pauses_gets_more_time() -> None:
    halting = [voice(900, "well"), quiet(1300, "well")] * 8
    end = [voice(900, "yes please"), quiet(3500, "yes please")]
    patient = PredictorSettings(endpointing_mode="patient")
    quick = end_ms(predictions(predictor(patient, logit=3.0), end))
    steps = predictions(predictor(patient, logit=3.0), [*halting, *end])
    last_voice_s = sum(part.ms for part in [*halting, end[0]]) / 1000.0
    slow = end_ms([p for p in steps if p.at_s > last_voice_s])
    assert quick is not None
    assert slow is not None
    assert quick + 100.0 < slow <= LONGEST_WAIT_MS
    assert any(p.reason == "this speaker pauses for long" for p in steps)


def test_a_reply_that_cut_into_a_pause_makes_the_next_wait_longer() -> None:
    def extra_ms(reply_ms: int) -> float:
        script = [voice(900, "well"), quiet(900, "well"), over_reply(quiet(reply_ms))]
        said = predictions(
            predictor(), [*script, over_reply(voice(900)), quiet(100), voice(300), quiet(300)]
        )
        return dict(said[-1].inputs)["adaptive_extra_ms"]

    assert extra_ms(reply_ms=400) > 0.0
    assert extra_ms(reply_ms=3000) == 0.0


# -- over the reply ----------------------------------------------------------------------------


def test_a_voice_that_goes_on_is_held_then_cut() -> None:
    said = predictions(predictor(), [BEFORE, over_reply(voice(1500)), AFTER])
    held, cut = first_ms(said, HOLD_P), first_ms(said, CUT_P)
    assert held is not None
    assert cut is not None
    assert 100.0 < held <= cut < 700.0


def test_acknowledging_words_let_the_reply_go_on() -> None:
    begun, more = over_reply(voice(150)), over_reply(voice(300, "Yeah, yeah"))
    said = predictions(predictor(), [BEFORE, begun, more, over_reply(quiet(300, "Yeah, yeah"))])
    assert first_ms(said, CUT_P) is None
    assert is_resumed(said)


def test_acknowledging_words_of_an_earlier_breath_still_count() -> None:
    first = [over_reply(voice(150)), over_reply(voice(200, "Yeah")), over_reply(quiet(100))]
    said = predictions(predictor(), [BEFORE, *first, over_reply(voice(500)), AFTER])
    assert first_ms(said, CUT_P) is None


def test_a_single_word_counts_in_a_voice_that_is_not_short() -> None:
    word = [over_reply(voice(200)), over_reply(voice(260, "Firefox"))]
    assert first_ms(predictions(predictor(), [BEFORE, *word, AFTER]), CUT_P) is not None
    short = [over_reply(voice(200)), over_reply(voice(100, "Man"))]
    assert first_ms(predictions(predictor(), [BEFORE, *short, AFTER]), CUT_P) is None


def test_short_voice_without_words_lets_the_reply_go_on_at_last() -> None:
    said = predictions(predictor(), [BEFORE, over_reply(voice(150)), AFTER])
    assert first_ms(said, CUT_P) is None
    assert is_resumed(said)


def test_a_stop_word_stops_at_once_whatever_the_network_thinks() -> None:
    stop = over_reply(voice(100, "Stop!"))
    said = predictions(predictor(), [BEFORE, over_reply(voice(250)), stop])
    found = next(p for p in said if p.is_stop_word)
    assert found.p_interruption == 1.0
    assert 1000.0 * found.at_s - BEFORE.ms <= 270.0
    assert found.reason == "a stop word"


def test_a_users_own_stop_word_stops() -> None:
    one = predictor(PredictorSettings(extra_stop_words={"en": ("basta",)}))
    script = [over_reply(quiet(500)), over_reply(voice(300)), over_reply(voice(50, "basta"))]
    assert any(p.is_stop_word for p in predictions(one, script))


def test_a_stop_word_in_what_was_said_before_the_overlap_does_not_count() -> None:
    old = replace(BEFORE, text="stop")
    assert not any(p.is_stop_word for p in predictions(predictor(), [old, over_reply(voice(100))]))


def test_residual_echo_with_a_voice_in_it_stops_nothing() -> None:
    loud = replace(over_reply(voice(3000, dbfs=-48.0)), far_dbfs=-18.0)
    assert predictions(predictor(), [BEFORE, loud, AFTER]) == []


def test_the_same_level_is_a_user_when_the_loudspeaker_is_silent() -> None:
    headphones = Stretch(1000, is_agent_speaking=True)
    faint = replace(voice(800, dbfs=-48.0), is_agent_speaking=True)
    assert first_ms(predictions(predictor(), [headphones, faint]), CUT_P) is not None


def test_before_the_canceller_is_ready_a_voice_like_an_echo_stops_nothing() -> None:
    def blind(stretch: Stretch) -> Stretch:
        return replace(stretch, has_converged=False)

    echo = blind(over_reply(voice(1500, dbfs=-34.0)))
    assert first_ms(predictions(predictor(), [blind(BEFORE), echo]), HOLD_P) is None
    loud = blind(over_reply(voice(1500, dbfs=-20.0)))
    assert first_ms(predictions(predictor(), [blind(BEFORE), loud]), CUT_P) is not None
    words = blind(over_reply(voice(1500, "no the other one", dbfs=-34.0)))
    assert first_ms(predictions(predictor(), [blind(BEFORE), words]), CUT_P) is not None
    later = blind(over_reply(quiet(3500)))
    assert first_ms(predictions(predictor(), [later, echo]), CUT_P) is not None


def test_a_backchannel_leaves_no_turn_to_answer() -> None:
    said = predictions(predictor(), [BEFORE, over_reply(voice(300)), AFTER, quiet(4000)])
    assert all(p.p_end_of_turn < END_P for p in said)


def test_an_interruption_becomes_a_turn_with_an_end() -> None:
    said = predictions(predictor(), [BEFORE, over_reply(voice(700)), voice(600), quiet(4000)])
    assert end_ms(said) is not None


# -- golden ------------------------------------------------------------------------------------


def test_predictions_of_a_small_script_are_as_recorded() -> None:
    """Of policy and features around a network of rules; trained weights change without this."""
    said = [rounded(p) for p in predictions(predictor(logit=1.0), SCRIPT)]
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert len(said) == len(golden)
    for got, expected in zip(said, golden, strict=True):
        assert {**got, "inputs": None} == {**expected, "inputs": None}
        assert dict(got["inputs"]) == pytest.approx(dict(expected["inputs"]), abs=1e-3)


def rounded(prediction: DuplexPrediction) -> dict[str, object]:
    found = {
        key: round(value, 3) if isinstance(value, float) else value
        for key, value in asdict(prediction).items()
    }
    return {**found, "inputs": [[name, round(value, 3)] for name, value in prediction.inputs]}
