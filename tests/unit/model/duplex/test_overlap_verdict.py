"""What a voice over the reply comes to, by the network, its length and its words."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.policy import (
    ACKNOWLEDGED_MS,
    CUT_P,
    GOES_ON_MS,
    HOLD_P,
    OVERLAP_WORDS_MS,
    RESUME_P,
    SHORT_MS,
    OverlapEvidence,
    OverlapPoint,
    OverlapVerdict,
    Thresholds,
    overlap_verdict,
    rescaled,
)

POINT = OverlapPoint(hold_p=0.3, cut_p=0.65, resume_p=0.75)
THRESHOLD = st.floats(0.05, 0.99)
RANGE = [n / 20.0 for n in range(1, 20)]


def seen(p_interruption: float, p_backchannel: float, **more: object) -> OverlapEvidence:
    """A voice of half a second that has said nothing yet, unless ``more`` says otherwise."""
    p_noise = max(0.0, 1.0 - p_interruption - p_backchannel)
    heard = OverlapEvidence(p_interruption, p_backchannel, p_noise, voice_ms=500.0, span_ms=500.0)
    return replace(heard, **more)  # type: ignore[arg-type]


def of(p_interruption: float, p_backchannel: float, **more: object) -> OverlapVerdict:
    return overlap_verdict(seen(p_interruption, p_backchannel, **more), POINT)


def resumes(verdict: OverlapVerdict, at: float = RESUME_P) -> bool:
    return max(verdict.p_backchannel, verdict.p_noise) >= at


def test_the_networks_thresholds_hold_and_cut() -> None:
    assert of(0.29, 0.3).p_interruption < HOLD_P <= of(0.31, 0.3).p_interruption
    assert of(0.64, 0.1).p_interruption < CUT_P <= of(0.66, 0.1).p_interruption


def test_what_is_harmless_lets_the_reply_go_on_and_never_cuts() -> None:
    word, noise = of(0.2, 0.7), of(0.2, 0.1)
    assert word.p_backchannel >= RESUME_P > word.p_noise
    assert noise.p_noise >= RESUME_P > noise.p_backchannel
    assert max(word.p_interruption, noise.p_interruption) < HOLD_P


def test_half_and_half_it_is_still_harmless() -> None:
    assert resumes(of(0.2, 0.4))


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_they_are_probabilities_and_agree_with_the_thresholds(a: float, b: float) -> None:
    p_interruption, p_backchannel = min(a, b), abs(a - b)
    found = of(p_interruption, p_backchannel)
    assert resumes(found) == (1.0 - p_interruption >= POINT.resume_p)


def test_rescaling_keeps_order_and_ends() -> None:
    knots = ((0.3, 0.5), (0.65, 0.8))
    values = [rescaled(p / 100.0, knots) for p in range(101)]
    assert values == sorted(values)
    assert (values[0], values[30], values[65], values[100]) == (0.0, 0.5, 0.8, 1.0)


def test_what_may_be_an_echo_neither_holds_nor_cuts() -> None:
    assert of(0.9, 0.05, may_be_echo=True).p_interruption < HOLD_P


def test_quiet_again_the_reply_goes_on_unless_it_was_cut() -> None:
    assert resumes(of(0.5, 0.3, quiet_ms=OVERLAP_WORDS_MS))
    for p in (0.9, 0.1):
        assert of(p, 0.05, quiet_ms=OVERLAP_WORDS_MS) == of(p, 0.05)


def test_what_is_short_is_held_at_most_and_let_go_only_when_it_is_over() -> None:
    short = {"voice_ms": SHORT_MS - 10.0, "span_ms": SHORT_MS - 10.0}
    assert not resumes(of(0.05, 0.9, **short))
    assert of(0.05, 0.9, **short, quiet_ms=200.0) == of(0.05, 0.9)
    for quiet_ms in (0.0, 200.0):
        assert HOLD_P <= of(0.95, 0.03, **short, quiet_ms=quiet_ms).p_interruption < CUT_P


def test_words_of_acknowledgement_buy_time_but_not_for_ever() -> None:
    assert HOLD_P <= of(0.95, 0.03, acknowledges=True).p_interruption < CUT_P
    long = {"voice_ms": ACKNOWLEDGED_MS, "span_ms": ACKNOWLEDGED_MS}
    assert of(0.95, 0.03, acknowledges=True, **long).p_interruption >= CUT_P
    assert of(0.5, 0.3, acknowledges=True, has_words=True) == of(0.5, 0.3)


def test_a_voice_that_holds_the_reply_cuts_it_once_it_says_something_or_goes_on() -> None:
    def after(p: float, span_ms: float, *, has_words: bool, share: float = 1.0) -> float:
        voice_ms = share * span_ms
        found = of(p, 0.3, span_ms=span_ms, voice_ms=voice_ms, has_words=has_words)
        return found.p_interruption

    assert after(0.5, 400.0, has_words=False) < CUT_P
    assert after(0.5, 400.0, has_words=True) >= CUT_P
    assert after(0.5, 750.0, has_words=False) >= CUT_P
    assert after(0.5, 750.0, has_words=False, share=0.4) < CUT_P, "two coughs"
    assert after(0.1, 2000.0, has_words=True) < HOLD_P


# -- the thresholds that can be set ------------------------------------------------------------


@given(
    p=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    at=st.tuples(THRESHOLD, THRESHOLD, THRESHOLD),
    voice_ms=st.floats(0.0, 2000.0),
    quiet_ms=st.floats(0.0, 600.0),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_whatever_is_set_they_are_probabilities(
    p: tuple[float, float],
    at: tuple[float, float, float],
    voice_ms: float,
    quiet_ms: float,
    flags: tuple[bool, bool, bool],
) -> None:
    p_interruption, p_backchannel = min(p), abs(p[0] - p[1])
    heard = OverlapEvidence(
        p_interruption, p_backchannel, 1.0 - p_interruption - p_backchannel,
        voice_ms, voice_ms, quiet_ms, *flags,
    )  # fmt: skip
    hold_p, cut_p, resume_p = at
    found = overlap_verdict(heard, POINT, Thresholds(0.5, hold_p, cut_p, resume_p))
    assert found.p_interruption + found.p_backchannel + found.p_noise <= 1.0 + 1e-9
    assert min(found.p_interruption, found.p_backchannel, found.p_noise) >= -1e-9
    if found.p_interruption >= cut_p and quiet_ms < OVERLAP_WORDS_MS:
        assert not resumes(found, resume_p)


def cut_after_ms(cut_p: float, *, has_words: bool) -> float:
    """How long a voice that may want the floor lasts until it stops the reply."""
    at = Thresholds(cut_p=cut_p)
    for ms in range(0, 1500, 5):
        heard = seen(0.62, 0.2, voice_ms=float(ms), span_ms=float(ms), has_words=has_words)
        if overlap_verdict(heard, POINT, at).p_interruption >= cut_p:
            return float(ms)
    raise AssertionError(cut_p)


@pytest.mark.parametrize("has_words", [False, True])
def test_a_voice_stops_the_reply_wherever_stop_at_stands_but_later_the_higher(
    has_words: bool,
) -> None:
    found = [cut_after_ms(cut_p, has_words=has_words) for cut_p in RANGE]
    assert all(low < high for low, high in pairwise(found))
    assert cut_after_ms(CUT_P, has_words=has_words) == (SHORT_MS if has_words else GOES_ON_MS)


def test_quiet_lets_the_reply_go_on_wherever_go_on_at_stands_but_later_the_higher() -> None:
    waits_ms = [Thresholds(resume_p=resume_p).let_go_ms for resume_p in RANGE]
    assert all(low < high for low, high in pairwise(waits_ms))
    for resume_p, quiet_ms in zip(RANGE, waits_ms, strict=True):
        quiet = seen(0.5, 0.3, quiet_ms=quiet_ms)
        assert resumes(overlap_verdict(quiet, POINT, Thresholds(resume_p=resume_p)), resume_p)


def least(wanted: str, at: float, **more: object) -> float:
    """The least p_interruption, in steps of 0.001, at which a threshold set to ``at`` is met."""
    thresholds = Thresholds(**{wanted: at})
    return min(
        p / 1000.0
        for p in range(1001)
        if overlap_verdict(seen(p / 1000.0, 1.0 - p / 1000.0, **more), POINT, thresholds)
        .p_interruption >= at
    )  # fmt: skip


def test_no_step_of_stop_at_is_without_effect() -> None:
    found = [least("cut_p", at, voice_ms=900.0, span_ms=2000.0) for at in RANGE]
    assert all(low < high for low, high in pairwise(found))


def test_with_words_stop_at_still_moves_what_stops() -> None:
    found = [least("cut_p", at, voice_ms=900.0, has_words=True) for at in RANGE]
    assert found == sorted(found)
    assert len(set(found)) > 14


def test_no_step_of_pause_at_below_stop_at_is_without_effect() -> None:
    found = [least("hold_p", at) for at in RANGE if at <= CUT_P]
    assert all(low < high for low, high in pairwise(found))


def test_pause_at_above_stop_at_is_stop_at() -> None:
    assert Thresholds(hold_p=0.9, cut_p=0.7) == Thresholds(hold_p=0.7, cut_p=0.7)


def test_no_step_of_go_on_at_is_without_effect() -> None:
    def most(at: float) -> float:
        """The highest p_interruption that still lets the reply go on."""
        thresholds = Thresholds(resume_p=at)
        verdicts = {
            p / 1000.0: overlap_verdict(seen(p / 1000.0, 1.0 - p / 1000.0), POINT, thresholds)
            for p in range(1001)
        }
        return max(p for p, verdict in verdicts.items() if resumes(verdict, at))

    found = [most(at) for at in RANGE]
    assert all(high > low for high, low in pairwise(found))


def test_where_both_are_reached_what_is_further_above_its_threshold_wins() -> None:
    low = Thresholds(hold_p=0.2, cut_p=0.3, resume_p=0.2)
    wants, harmless = (
        overlap_verdict(seen(p, 1.0 - p, has_words=True), POINT, low) for p in (0.5, 0.3)
    )
    assert wants.p_interruption >= low.cut_p
    assert not resumes(wants, low.resume_p)
    assert resumes(harmless, low.resume_p)
    assert harmless.p_interruption < low.hold_p


@pytest.mark.parametrize("hold_p", [0.1, 0.3, 0.5, 0.7, 0.8])
def test_what_may_be_a_stop_word_holds_at_any_setting_and_lets_go_again(hold_p: float) -> None:
    at = Thresholds(hold_p=hold_p)
    evidence = seen(0.1, 0.7, is_spotted=True, may_be_stop=True)
    held = overlap_verdict(evidence, POINT, at)
    assert held.p_interruption >= hold_p
    assert not resumes(held)
    assert held.p_interruption + held.p_backchannel + held.p_noise <= 1.0 + 1e-9
    assert resumes(overlap_verdict(replace(evidence, quiet_ms=OVERLAP_WORDS_MS), POINT, at))


@pytest.mark.parametrize(
    ("n_words", "p_noise", "cuts"),
    [(2, 0.1, False), (3, 0.1, True), (5, 0.1, True), (5, 0.9, False)],
)
def test_a_clause_cuts_though_the_voice_also_acknowledged_but_not_of_an_echo(
    n_words: int, p_noise: float, cuts: bool
) -> None:
    evidence = seen(0.02, 0.98 - p_noise, is_spotted=True, has_words=True, n_words=n_words)
    verdict = overlap_verdict(evidence, POINT)
    assert (verdict.p_interruption >= CUT_P) is cuts
    assert verdict.p_interruption + verdict.p_backchannel + verdict.p_noise <= 1.0 + 1e-9


@pytest.mark.parametrize("p_interruption", [0.1, 0.5, 0.9, 0.99])
def test_what_the_detector_takes_for_no_voice_at_all_neither_holds_nor_cuts(
    p_interruption: float,
) -> None:
    evidence = seen(p_interruption, 0.0, is_spotted=True, is_voiced=False, quiet_ms=200.0)
    verdict = overlap_verdict(evidence, POINT)
    assert verdict.p_interruption < HOLD_P
    assert verdict.p_noise >= RESUME_P
    assert verdict.p_interruption + verdict.p_backchannel + verdict.p_noise <= 1.0 + 1e-9
