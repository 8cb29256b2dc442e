"""Turns of callers in recorded telephone calls: people's own pauses, with nobody acting.

A turn is all the caller says until the other one speaks; labels are machine-made, so they are
reported apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.labels import (
    MANIFEST,
    LabelsError,
    ManifestRow,
    Seconds,
    Text,
    read_channels,
    read_manifest,
)
from model.duplex.scoring import Hold, TurnTruth
from model.duplex.splits import DEFAULT_SPLIT, SPLITS, read_speakers
from model.files.records import Misfit, read_json

_KIND, _CALLER = "dialog_2ch", "caller"
LEAD_S = 1.0  # heard before a turn begins
TAIL_S = 3.5  # heard after it ends, unless the caller speaks again


@dataclass(frozen=True, slots=True)
class CallTurn:
    """The caller's side from a second before the turn; ``mic`` is float32 (n,)."""

    mic: Samples
    truth: TurnTruth


class _Stretch(msgspec.Struct, frozen=True):
    """One stretch of speech; a word of assent while the other speaks is no "turn"."""

    ch: int
    start: Seconds
    end: Seconds
    type: Text

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise Misfit("end", "must come after start")


class _CallLabels(msgspec.Struct, frozen=True):
    ipus: tuple[_Stretch, ...]


def read_calls(folder: Path, split: str = DEFAULT_SPLIT) -> tuple[CallTurn, ...]:
    """Return the calls of a split, one of ``SPLITS``; nothing where there is none.

    Raises:
        LabelsError: labels or a recording cannot be used.
    """
    speakers = read_speakers(folder)
    calls = (
        (n, row)
        for n, row in read_manifest(folder)
        if row.kind == _KIND
        and speakers.split((row.speaker or "").split(","), None) in SPLITS[split]
    )
    return tuple(turn for n, row in calls for turn in _turns_of(row, n, folder))


def _turns_of(row: ManifestRow, number: int, folder: Path) -> Iterator[CallTurn]:
    if _CALLER not in row.channel_roles:
        where = f"{folder / MANIFEST}:{number}"
        raise LabelsError(f'{where}: channel_roles: must name the "{_CALLER}"')
    channel = row.channel_roles.index(_CALLER)
    sound = read_channels(folder / row.path, len(row.channel_roles))[channel]
    labels = read_json(folder / row.labels, _CallLabels, LabelsError)
    stretches = sorted(labels.ipus, key=lambda stretch: stretch.start)
    onsets_s = [stretch.start for stretch in stretches if stretch.ch == channel]
    for turn in _runs(stretches, channel):
        begin_s = max(0.0, turn[0].start - LEAD_S)
        next_s = min((onset_s for onset_s in onsets_s if onset_s > turn[-1].end), default=1e9)
        end_s = min(turn[-1].end + TAIL_S, next_s, len(sound) / ENGINE_RATE_HZ)
        begin, end = round(begin_s * ENGINE_RATE_HZ), round(end_s * ENGINE_RATE_HZ)
        yield CallTurn(sound[begin:end], _truth(turn, begin_s, end_s, row.lang or "en"))


def _truth(turn: Sequence[_Stretch], begin_s: float, end_s: float, language: str) -> TurnTruth:
    pauses = (Hold(before.end - begin_s, after.start - begin_s) for before, after in pairwise(turn))
    stop_s = turn[-1].end - begin_s
    holds = tuple(pause for pause in pauses if pause.is_scored)
    return TurnTruth(language, holds, stop_s, stop_s, end_s - begin_s)


def _runs(stretches: Sequence[_Stretch], channel: int) -> Iterator[tuple[_Stretch, ...]]:
    """The caller's turns between two of the other's."""
    run: list[_Stretch] = []
    for stretch in stretches:
        if stretch.type != "turn":
            continue
        if stretch.ch == channel:
            run.append(stretch)
        elif run:
            yield tuple(run)
            run = []
    if run:
        yield tuple(run)
