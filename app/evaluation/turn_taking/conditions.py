"""The bench's smaller tables: by kind of interruption, by echo, by kind of turn.

Whoever is never answered waits until the recording ends, 3 s at least: that is what a mean counts.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from app.evaluation.scorecard import Row, ms, of_text, percentile
from app.evaluation.turn_taking.overlap_scores import (
    SECONDS_A_MINUTE,
    OverlapResult,
    OverlapTruth,
)
from app.evaluation.turn_taking.turn_scores import TurnScores
from model.duplex.scoring import Hold, PlacedDecisions, TurnTruth

LATE_S = 2.0  # who waits longer thinks that nobody listens
GIVEN_UP_S = 3.0

Placed = Sequence[tuple[TurnTruth, PlacedDecisions]]

KINDS: Mapping[str, str] = {
    "interrupt_word": "single_words",
    "interrupt_command": "orders",
    "interrupt_speech": "sentences",
    "interrupt_zh": "mandarin",
    "interrupt_hard": "hard",
}
ECHOES: Mapping[str, Callable[[float | None], bool]] = {
    "headphones": lambda db: db is None,
    "-30_dB": lambda db: db is not None and db <= -25.0,
    "-20_dB": lambda db: db is not None and -25.0 < db <= -15.0,
    "-10_dB": lambda db: db is not None and -15.0 < db <= -10.0,
    "-5_dB": lambda db: db is not None and db > -10.0,
}
"""By the level of the echo at the microphone; the older scenes of -25 and -15 dB count lower."""

TURNS: Mapping[str, Callable[[TurnTruth], bool]] = {
    "all": lambda truth: bool(truth.language),
    "English": lambda truth: truth.language == "en",
    "Mandarin": lambda truth: truth.language == "zh",
    "one word": lambda truth: n_words(truth) == 1,
}


def n_words(truth: TurnTruth) -> int:
    """Return the number of words of a turn; two ideographs count as one."""
    if truth.language == "zh":
        return (len(truth.text) + 1) // 2
    return len(truth.text.split())


def latencies_s(clips: Placed) -> list[float]:
    """Return how long each timed end was waited for."""
    return [
        placed.after[0] - truth.end_s if placed.after else given_up_s(truth)
        for truth, placed in clips
        if truth.end_s is not None and truth.is_end_sure
    ]


def given_up_s(truth: TurnTruth) -> float:
    """Return what a mean counts for a turn that is never answered."""
    return max(GIVEN_UP_S, truth.clip_s - truth.stop_s)


def end_row(clips: Placed) -> Row:
    """Return cuts and waits as shipped; None where nothing was measured."""
    waits_s = latencies_s(clips)
    n_never = sum(not placed.after for truth, placed in clips if truth.has_timed_end)
    return {
        "cut_natural": _cuts(clips, lambda hold: not hold.is_inserted),
        "cut_inserted": _cuts(clips, lambda hold: hold.is_inserted),
        "cut_elsewhere": sum(placed.n_elsewhere for _, placed in clips) if clips else None,
        "ends": len(waits_s) or None,
        "mean_ms": ms(float(np.mean(waits_s))) if waits_s else None,
        "p50_ms": ms(percentile(waits_s, 50)),
        "p95_ms": ms(percentile(waits_s, 95)),
        "later_than_2_s": sum(wait_s > LATE_S for wait_s in waits_s) if waits_s else None,
        "never_taken": n_never if waits_s else None,
    }


def _cuts(clips: Placed, is_wanted: Callable[[Hold], bool]) -> str | None:
    cut = [
        hold in placed.cut_holds
        for truth, placed in clips
        for hold in truth.scored_holds
        if is_wanted(hold)
    ]
    return of_text(sum(cut), len(cut))


def turns_table(scores: Mapping[str, TurnScores]) -> tuple[Row, ...]:
    """Return a row for each detector and kind of turn."""
    rows: list[Row] = []
    for kind, is_of in TURNS.items():
        for name, of_detector in scores.items():
            clips = [(truth, placed) for truth, placed in of_detector.placed if is_of(truth)]
            if clips:
                row = end_row(clips)
                del row["cut_elsewhere"]  # of all of them it stands in the main table
                rows.append({"turns": kind, "detector": name, **row})
    return tuple(rows)


Results = Mapping[str, Sequence[OverlapResult]]


def interruptions_by_kind(results: Results) -> tuple[Row, ...]:
    """Return a row for each detector with what it found of each kind, and how soon."""
    return _by(results, {name: _is_category(category) for category, name in KINDS.items()}, _found)


def interruptions_by_echo(results: Results) -> tuple[Row, ...]:
    """Return the same by the echo."""
    return _by(results, _echoes(), _found)


def kept_by_echo(results: Results) -> tuple[Row, ...]:
    """Return how many acknowledgements let the reply go on."""
    return _by(results, _echoes(), _kept)


def self_stops_by_echo(results: Results) -> tuple[Row, ...]:
    """Return false stops and long holds where only echo is heard, and the minutes of it."""
    return _by(
        {name: [r for r in found if not r.truth.is_noisy] for name, found in results.items()},
        _echoes(),
        _self_stops,
    )


def _by(
    results: Results,
    groups: Mapping[str, Callable[[OverlapTruth], bool]],
    cell: Callable[[Sequence[OverlapResult]], str | None],
) -> tuple[Row, ...]:
    rows: list[Row] = []
    for name, found in results.items():
        cells = {
            group: cell([result for result in found if is_of(result.truth)])
            for group, is_of in groups.items()
        }
        if any(cells.values()):
            rows.append({"detector": name, **cells})
    return tuple(rows)


def _is_category(category: str) -> Callable[[OverlapTruth], bool]:
    return lambda truth: truth.category == category


def _echoes() -> dict[str, Callable[[OverlapTruth], bool]]:
    def of(is_of: Callable[[float | None], bool]) -> Callable[[OverlapTruth], bool]:
        return lambda truth: is_of(truth.echo_db)

    return {name: of(is_of) for name, is_of in ECHOES.items()}


def _found(results: Sequence[OverlapResult]) -> str | None:
    decided = [at_s for result in results for at_s in result.decided_s]
    found_s = [at_s for at_s in decided if at_s is not None]
    if not decided:
        return None
    p50_s = percentile(found_s, 50)
    return f"{len(found_s)} of {len(decided)}" + (
        "" if p50_s is None else f", {1000.0 * p50_s:.0f} ms"
    )


def _kept(results: Sequence[OverlapResult]) -> str | None:
    kept = [is_kept for result in results for is_kept in result.were_kept]
    return of_text(sum(kept), len(kept))


def _self_stops(results: Sequence[OverlapResult]) -> str | None:
    minutes = sum(result.truth.alone_s for result in results) / SECONDS_A_MINUTE
    if not minutes:
        return None
    n_stops = sum(result.n_false_stops for result in results)
    n_holds = sum(result.n_long_holds for result in results)
    return f"{n_stops} + {n_holds} in {minutes:.1f} min"
