"""The network's thresholds land where the dialogue's are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model.duplex.overlap_policy import (
    ACKNOWLEDGED_MS,
    CUT_P,
    HOLD_P,
    RESUME_P,
    Overlap,
    acknowledged,
    confirmed,
    held_back,
    judged,
    let_go,
    rescaled,
    undecided,
)
from model.duplex.predictor_card import OverlapPoint

POINT = OverlapPoint(hold_p=0.3, cut_p=0.65, resume_p=0.75)


def of(p_interruption: float, p_backchannel: float) -> Overlap:
    return judged(
        POINT,
        p_interruption=p_interruption,
        p_backchannel=p_backchannel,
        p_noise=1.0 - p_interruption - p_backchannel,
    )


def test_the_networks_thresholds_hold_and_cut() -> None:
    assert of(0.29, 0.3).p_interruption < HOLD_P <= of(0.31, 0.3).p_interruption
    assert of(0.64, 0.1).p_interruption < CUT_P <= of(0.66, 0.1).p_interruption


def test_what_is_harmless_lets_the_reply_go_on_and_never_cuts() -> None:
    word, noise = of(0.2, 0.7), of(0.2, 0.1)
    assert word.p_backchannel >= RESUME_P > word.p_noise
    assert noise.p_noise >= RESUME_P > noise.p_backchannel
    assert max(word.p_interruption, noise.p_interruption) < HOLD_P


def test_half_and_half_it_is_still_harmless() -> None:
    unsure = of(0.2, 0.4)
    assert max(unsure.p_backchannel, unsure.p_noise) >= RESUME_P


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_they_are_probabilities_and_agree_with_the_thresholds(a: float, b: float) -> None:
    p_interruption, p_backchannel = min(a, b), abs(a - b)
    found = of(p_interruption, p_backchannel)
    assert found.p_interruption + found.p_backchannel + found.p_noise <= 1.0 + 1e-9
    assert min(found.p_interruption, found.p_backchannel, found.p_noise) >= -1e-9
    is_resumed = max(found.p_backchannel, found.p_noise) >= RESUME_P
    assert is_resumed == (1.0 - p_interruption >= POINT.resume_p)


def test_rescaling_keeps_order_and_ends() -> None:
    knots = ((0.3, 0.5), (0.65, 0.8))
    values = [rescaled(p / 100.0, knots) for p in range(101)]
    assert values == sorted(values)
    assert (values[0], values[30], values[65], values[100]) == (0.0, 0.5, 0.8, 1.0)


def test_what_may_be_an_echo_neither_holds_nor_cuts() -> None:
    assert held_back(of(0.9, 0.05)).p_interruption < HOLD_P


def test_quiet_again_the_reply_goes_on_unless_it_was_cut() -> None:
    assert let_go(of(0.5, 0.3)).p_backchannel >= RESUME_P
    assert let_go(of(0.9, 0.05)) == of(0.9, 0.05)
    assert let_go(of(0.1, 0.1)) == of(0.1, 0.1)


def test_what_is_short_is_held_at_most_and_let_go_only_when_it_is_over() -> None:
    harmless, wanting = of(0.05, 0.9), of(0.95, 0.03)
    early = undecided(harmless, is_over=False)
    assert max(early.p_backchannel, early.p_noise) < RESUME_P
    assert undecided(harmless, is_over=True) == harmless
    for is_over in (False, True):
        assert HOLD_P <= undecided(wanting, is_over=is_over).p_interruption < CUT_P


def test_words_of_acknowledgement_buy_time_but_not_for_ever() -> None:
    eager = of(0.95, 0.03)
    assert HOLD_P <= acknowledged(eager, 400.0).p_interruption < CUT_P
    assert acknowledged(eager, ACKNOWLEDGED_MS) == eager
    unsure = of(0.5, 0.3)
    assert acknowledged(unsure, 400.0) == unsure


def test_a_voice_that_holds_the_reply_cuts_it_once_it_says_something_or_goes_on() -> None:
    held, mere = of(0.5, 0.3), of(0.1, 0.4)

    def after(overlap: Overlap, *, span_ms: float, has_words: bool, share: float = 1.0) -> Overlap:
        return confirmed(overlap, span_ms=span_ms, voice_ms=share * span_ms, has_words=has_words)

    assert after(held, span_ms=400.0, has_words=False) == held
    assert after(held, span_ms=400.0, has_words=True).p_interruption >= CUT_P
    assert after(held, span_ms=750.0, has_words=False).p_interruption >= CUT_P
    assert after(held, span_ms=750.0, has_words=False, share=0.4) == held, "two coughs"
    assert after(mere, span_ms=2000.0, has_words=True) == mere
