"""Turns of callers in recorded telephone calls: people's own pauses, with nobody acting.

A turn is all the caller says until the other one speaks; labels are machine-made, so they are
reported apart. Does not know how turns are scored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

from app.evaluation.turn_taking.labels import (
    MANIFEST,
    Json,
    LabelsError,
    Record,
    Span,
    read_channels,
    records,
)
from app.evaluation.turn_taking.truth import LONGEST_HOLD_S, SHORTEST_HOLD_S, Hold, TurnTruth
from audio_io.frames import ENGINE_RATE_HZ, Samples

KIND, CALLER = "dialog_2ch", "caller"
LEAD_S = 1.0  # heard before a turn begins
TAIL_S = 3.5  # heard after it ends, unless the caller speaks again


@dataclass(frozen=True, slots=True)
class CallTurn:
    """``mic``: the caller's side from a second before the turn, float32 (n,)."""

    mic: Samples
    truth: TurnTruth


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One stretch of speech; a word of assent while the other speaks is no turn."""

    span: Span
    is_caller: bool
    is_turn: bool


def read_calls(folder: Path) -> tuple[CallTurn, ...]:
    """Calls of the manifest; nothing where there is none. Raises LabelsError."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        return ()
    calls = [row for row in records(manifest) if row.text_or("kind", "") == KIND]
    return tuple(turn for row in calls for turn in _turns(row, folder))


def _turns(row: Record, folder: Path) -> Iterator[CallTurn]:
    roles = row.values.get("channel_roles")
    if not isinstance(roles, list) or CALLER not in cast(list[object], roles):
        raise LabelsError(f'{row.where}: key "channel_roles" must name the "{CALLER}"')
    channel = cast(list[object], roles).index(CALLER)
    sound = read_channels(folder / row.text("path"), len(cast(list[object], roles)))[channel]
    stretches = _stretches(folder / row.text("labels"), channel)
    language = row.text_or("lang", "en")
    own = [stretch.span for stretch in stretches if stretch.is_caller]
    for turn in _runs(stretches):
        begin_s = max(0.0, turn[0].start_s - LEAD_S)
        next_s = min((span.start_s for span in own if span.start_s > turn[-1].end_s), default=1e9)
        end_s = min(turn[-1].end_s + TAIL_S, next_s, len(sound) / ENGINE_RATE_HZ)
        begin, end = round(begin_s * ENGINE_RATE_HZ), round(end_s * ENGINE_RATE_HZ)
        yield CallTurn(sound[begin:end], _truth(turn, begin_s, end_s, language))


def _truth(turn: Sequence[Span], begin_s: float, end_s: float, language: str) -> TurnTruth:
    pauses = [
        Hold(before.end_s - begin_s, after.start_s - begin_s, is_inserted=False)
        for before, after in pairwise(turn)
    ]
    holds = tuple(h for h in pauses if SHORTEST_HOLD_S <= h.seconds <= LONGEST_HOLD_S)
    stop_s = turn[-1].end_s - begin_s
    return TurnTruth(language, holds, stop_s, stop_s, end_s - begin_s)


def _runs(stretches: Sequence[_Stretch]) -> Iterator[tuple[Span, ...]]:
    """The caller's stretches between two of the other's."""
    run: list[Span] = []
    for stretch in (*stretches, None):
        if stretch is not None and not stretch.is_turn:
            continue
        if stretch is not None and stretch.is_caller:
            run.append(stretch.span)
        elif run:
            yield tuple(run)
            run = []


def _stretches(path: Path, channel: int) -> list[_Stretch]:
    """In order of time."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise LabelsError(f"{path}: cannot read the labels ({error})") from error
    if not isinstance(values, dict):
        raise LabelsError(f"{path}: must be an object")
    found = [
        _Stretch(
            ipu.span("start", "end"),
            is_caller=ipu.values.get("ch") == channel,
            is_turn=ipu.text("type") == "turn",
        )
        for ipu in Record(str(path), cast(Json, values)).children("ipus")
    ]
    return sorted(found, key=_start)


def _start(stretch: _Stretch) -> float:
    return stretch.span.start_s
