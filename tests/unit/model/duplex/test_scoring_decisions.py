"""Where a decision belongs."""

from __future__ import annotations

from model.duplex.labels import TurnClip, TurnEvent
from model.duplex.scoring import Hold, TurnTruth, place_decisions

PAUSE = Hold(2.0, 3.0, is_inserted=True)
TRUTH = TurnTruth("en", (PAUSE,), 5.0, 5.0, 9.0)


def test_a_decision_in_a_pause_cuts_it_once() -> None:
    found = place_decisions(TRUTH, [2.5, 2.9])
    assert (found.cut_holds, found.n_elsewhere, found.after) == ((PAUSE,), 0, ())


def test_a_decision_while_the_user_speaks_belongs_elsewhere() -> None:
    assert place_decisions(TRUTH, [1.0, 4.0]).n_elsewhere == 2


def test_decisions_after_the_end_are_in_order() -> None:
    assert place_decisions(TRUTH, [7.0, 5.4]).after == (5.4, 7.0)


def test_the_detector_may_be_a_little_early_at_the_end_and_late_at_a_return() -> None:
    assert place_decisions(TRUTH, [4.9]).after == (4.9,)
    assert place_decisions(TRUTH, [3.2]).cut_holds == (PAUSE,)


def test_nothing_decided_is_nothing_cut() -> None:
    found = place_decisions(TRUTH, [])
    assert (found.cut_holds, found.n_elsewhere, found.after) == ((), 0, ())


def test_pauses_are_scored_from_a_fifth_of_a_second_to_five() -> None:
    clip = TurnClip(
        id="a",
        path="a.flac",
        kind="pause_natural",
        lang="en",
        events=(
            *(TurnEvent("pause", start=a, end=b) for a, b in ((1.0, 1.1), (2.0, 2.4), (3.0, 9.0))),
            TurnEvent("end_of_turn", 10.0),
        ),
    )
    assert clip.truth(12.0).holds == (Hold(2.0, 2.4, is_inserted=False),)
