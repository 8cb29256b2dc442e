"""The smaller tables: who was heard through which echo, and which turns waited."""

from __future__ import annotations

import math

import pytest

from app.evaluation.turn_taking.conditions import (
    interruptions_by_echo,
    interruptions_by_kind,
    kept_by_echo,
    n_words,
    self_stops_by_echo,
    turns_table,
)
from app.evaluation.turn_taking.detectors import OverlapTrace, TurnTrace
from app.evaluation.turn_taking.overlap_scores import OverlapResult, OverlapScores, OverlapTruth
from app.evaluation.turn_taking.silences import Stop
from app.evaluation.turn_taking.turn_scores import TurnScores
from model.duplex.scoring import Hold, Silence, Span, TurnTruth

SPEAKING = Span(0.0, 60.0)


def scene(
    category: str,
    echo_db: float | None,
    *,
    interruptions: tuple[Span, ...] = (),
    backchannels: tuple[Span, ...] = (),
    unsure: tuple[Span, ...] = (),
    alone: tuple[Span, ...] = (),
) -> OverlapTruth:
    return OverlapTruth(
        "a",
        SPEAKING,
        interruptions,
        backchannels,
        (),
        alone,
        is_noisy=False,
        unsure=unsure,
        category=category,
        echo_db=echo_db,
    )


def cut(at_s: float) -> Stop:
    return Stop(at_s, at_s + 0.1, was_cut=True)


def results(*recordings: tuple[OverlapTruth, tuple[Stop, ...]]) -> dict[str, list[OverlapResult]]:
    scores = OverlapScores()
    for truth, stops in recordings:
        scores.add(truth, OverlapTrace(stops))
    return {"ours": scores.results}


def test_interruptions_are_told_by_kind_and_echo() -> None:
    word = Span(5.0, 5.4)
    found = results(
        (scene("interrupt_word", -20.0, interruptions=(word,)), (cut(5.3),)),
        (scene("interrupt_word", -15.0, interruptions=(word,)), ()),
        (scene("interrupt_speech", None, interruptions=(word,)), (cut(5.9),)),
    )
    (by_kind,) = interruptions_by_kind(found)
    assert by_kind["single_words"] == "1 of 2, 400 ms"
    assert by_kind["sentences"] == "1 of 1, 1000 ms"
    assert by_kind["orders"] is None
    (by_echo,) = interruptions_by_echo(found)
    assert by_echo["headphones"] == "1 of 1, 1000 ms"
    assert by_echo["-20_dB"] == "1 of 2, 400 ms"
    assert by_echo["-5_dB"] is None


@pytest.mark.parametrize(
    ("db", "column"),
    [
        (-30, "-30_dB"),
        (-25, "-30_dB"),
        (-20, "-20_dB"),
        (-15, "-20_dB"),
        (-10, "-10_dB"),
        (-5, "-5_dB"),
    ],
)
def test_every_level_of_echo_has_one_column(db: float, column: str) -> None:
    truth = scene("backchannel", db, backchannels=(Span(5.0, 5.4),))
    (row,) = kept_by_echo(results((truth, ())))
    assert {name: value for name, value in row.items() if value is not None} == {
        "detector": "ours",
        column: "1 of 1",
    }


def test_stops_and_long_holds_by_its_own_echo_are_told_with_the_minutes() -> None:
    alone = scene("echo_only", -10.0, alone=(Span(0.0, 30.0),))
    held = (Stop(10.0, 10.5, was_cut=False), Stop(12.0, 15.0, was_cut=False))
    (row,) = self_stops_by_echo(results((alone, (cut(5.0), *held))))
    assert row["-10_dB"] == "1 + 1 in 0.5 min"


def test_an_unsure_word_is_no_interruption_and_no_false_stop() -> None:
    truth = scene("interrupt_word", -20.0, unsure=(Span(5.0, 5.4),), alone=(Span(0.0, 4.75),))
    found = results((truth, (cut(5.2),)))
    assert interruptions_by_kind(found) == ()
    assert self_stops_by_echo(found)[0]["-20_dB"] == "0 + 0 in 0.1 min"


def turn(text: str, language: str, *, inserted: bool) -> TurnTruth:
    hold = Hold(2.0, 2.8, is_inserted=inserted)
    return TurnTruth(language, (hold,), 5.0, 5.0, 8.0, text=text)


def test_turns_are_told_by_language_and_length() -> None:
    scores = TurnScores()
    found = (Silence(2.0, 0.8, 2.0), Silence(5.0, math.inf, 2.2))
    scores.add(turn("stop", "en", inserted=True), found, TurnTrace((2.5, 7.5)))
    scores.add(turn("你好吗", "zh", inserted=False), found, TurnTrace(()))
    rows = {str(row["turns"]): row for row in turns_table({"ours": scores})}
    assert set(rows) == {"all", "English", "Mandarin", "one word"}
    assert rows["all"]["cut_inserted"] == "1 of 1"
    assert (rows["all"]["later_than_2_s"], rows["all"]["never_taken"]) == (2, 1)
    assert rows["one word"]["mean_ms"] == pytest.approx(2500.0)
    assert rows["Mandarin"]["cut_natural"] == "0 of 1"


@pytest.mark.parametrize(
    ("text", "language", "n"),
    [("", "en", 0), ("one two", "en", 2), ("停", "zh", 1), ("等一下", "zh", 2)],
)
def test_words_are_counted_in_both_languages(text: str, language: str, n: int) -> None:
    assert n_words(turn(text, language, inserted=False)) == n
