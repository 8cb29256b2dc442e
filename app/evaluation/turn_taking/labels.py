"""Labelled recordings of a folder: what is in them and where, checked before anything is scored.

A folder may hold only some of the parts. Does not know how they are scored.

A file of labels: one JSON object a line, read key by key with the place in every complaint.

Does not know what the labels mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import soundfile as sf

from app.messages.errors import BadInputError
from audio_io.frames import ENGINE_RATE_HZ, Samples

Json = Mapping[str, object]


class LabelsError(BadInputError):
    """A labels file or a recording cannot be used; one line names file, key and remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(None, "", message)


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from the start of the file."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Record:
    """One line, with where it came from for error messages."""

    where: str
    values: Json

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            raise LabelsError(f'{self.where}: key "{key}" must be a text')
        return value

    def text_or(self, key: str, default: str) -> str:
        """``default`` where there is none."""
        value = self.values.get(key)
        return value if isinstance(value, str) else default

    def seconds(self, key: str) -> float:
        return self._seconds(self.values.get(key), key)

    def _seconds(self, value: object, key: str) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not 0.0 <= float(cast(float, value)) < float("inf"):
            raise LabelsError(f'{self.where}: key "{key}" must be a time in seconds, 0 or more')
        return float(cast(float, value))

    def children(self, key: str) -> Iterator[Record]:
        value = self.values.get(key)
        if not isinstance(value, list):
            raise LabelsError(f'{self.where}: key "{key}" must be a list')
        for i, child in enumerate(cast(list[object], value)):
            if not isinstance(child, dict):
                raise LabelsError(f"{self.where}: {key}[{i}] must be an object")
            yield Record(f"{self.where}, {key}[{i}]", cast(Json, child))

    def span(self, first: str, last: str) -> Span:
        span = Span(self.seconds(first), self.seconds(last))
        if span.end_s <= span.start_s:
            raise LabelsError(f'{self.where}: "{last}" must come after "{first}"')
        return span

    def far(self) -> Span | None:
        far = self.values.get("far")
        if far is None:
            return None
        segments = cast(Json, far).get("segments") if isinstance(far, dict) else None
        if not isinstance(segments, list):
            raise LabelsError(f'{self.where}: key "far.segments" must be a list of [start, end]')
        times: list[float] = []
        for segment in cast(list[object], segments):
            if not isinstance(segment, list) or len(cast(list[object], segment)) != 2:
                raise LabelsError(
                    f'{self.where}: key "far.segments" must be a list of [start, end]'
                )
            times.extend(self._seconds(t, "far.segments") for t in cast(list[object], segment))
        return Span(min(times), max(times)) if times else None


def records(labels: Path) -> Iterator[Record]:
    """Every line of ``labels``. Raises LabelsError, also where there is none."""
    try:
        lines = labels.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelsError(f"{labels}: cannot read the labels ({error})") from error
    n_records = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{labels}:{number}"
        try:
            values = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise LabelsError(f"{where}: not JSON ({error})") from error
        if not isinstance(values, dict):
            raise LabelsError(f"{where}: must be an object")
        n_records += 1
        yield Record(where, cast(Json, values))
    if not n_records:
        raise LabelsError(f"{labels}: no labels in it")


TURNS, OVERLAPS, MANIFEST = "turns/labels.jsonl", "bargein/labels.jsonl", "manifest.jsonl"
NOISE_FOLDER = "noise/"


@dataclass(frozen=True, slots=True)
class TurnClip:
    """One user turn.

    Attributes:
        kind: complete, pause_inserted, pause_natural or truncated.
        end_s: where the turn ends; None where the user stops in mid-phrase.
        stop_s: where the voice stops for good; equals ``end_s`` if there is one.
    """

    name: str
    path: Path
    kind: str
    language: str
    pauses: tuple[Span, ...]
    is_inserted: tuple[bool, ...]
    end_s: float | None
    stop_s: float


@dataclass(frozen=True, slots=True)
class OverlapEvent:
    """``kind``: user_interruption, user_backchannel, user_turn or noise_event.

    Attributes:
        clip: which recording it was made of, if the labels say.
    """

    kind: str
    onset_s: float
    end_s: float
    clip: str = ""


@dataclass(frozen=True, slots=True)
class OverlapScene:
    """Channel 0 microphone, channel 1 what the loudspeaker was given.

    Attributes:
        far: from the first to the last sound of the far end; None where it is silent.
    """

    name: str
    path: Path
    category: str
    language: str
    far: Span | None
    events: tuple[OverlapEvent, ...]


@dataclass(frozen=True, slots=True)
class NoiseClip:
    """A recording without anybody who speaks to the assistant.

    Attributes:
        is_held_out: weights that ship were not trained on it.
    """

    name: str
    path: Path
    is_held_out: bool


def read_turns(folder: Path) -> tuple[TurnClip, ...]:
    """Nothing where the folder has no such part. Raises LabelsError."""
    labels = folder / TURNS
    return tuple(_turn(record, folder) for record in records(labels)) if labels.exists() else ()


def read_overlaps(folder: Path) -> tuple[OverlapScene, ...]:
    """Nothing where the folder has no such part. Raises LabelsError."""
    labels = folder / OVERLAPS
    return tuple(_overlap(record, folder) for record in records(labels)) if labels.exists() else ()


def read_noise(folder: Path, scenes: tuple[OverlapScene, ...]) -> tuple[NoiseClip, ...]:
    """The manifest's noises; nothing where there is no manifest. Raises LabelsError.

    Held out are those that must not be trained on (``train_ok`` is not true) and those that
    ``scenes`` are made of, which training leaves to testing.
    """
    manifest = folder / MANIFEST
    if not manifest.exists():
        return ()
    tested = {event.clip for scene in scenes for event in scene.events}
    return tuple(
        NoiseClip(
            name := record.text("id"),
            _path(record, folder),
            is_held_out=record.values.get("train_ok") is not True or name in tested,
        )
        for record in records(manifest)
        if record.text("path").startswith(NOISE_FOLDER)
    )


def read_channels(path: Path, n_channels: int) -> Samples:
    """float32 (n_channels, n) at 16 kHz. Raises LabelsError."""
    try:
        samples, rate_hz = sf.read(str(path), dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError) as error:
        raise LabelsError(f"{path}: not a readable recording ({error})") from error
    if rate_hz != ENGINE_RATE_HZ:
        raise LabelsError(f"{path}: {rate_hz} Hz; resample it to {ENGINE_RATE_HZ} Hz")
    if samples.shape[1] != n_channels:
        raise LabelsError(f"{path}: {samples.shape[1]} channels where {n_channels} are needed")
    return np.ascontiguousarray(samples.T, np.float32)


def _path(record: Record, folder: Path) -> Path:
    path = folder / record.text("path")
    if not path.is_file():
        raise LabelsError(f'{record.where}: key "path": {path} is missing')
    return path


def _turn(record: Record, folder: Path) -> TurnClip:
    pauses: list[Span] = []
    is_inserted: list[bool] = []
    end_s: float | None = None
    stop_s: float | None = None
    for event in record.children("events"):
        match event.text("event"):
            case "pause":
                pauses.append(event.span("start", "end"))
                is_inserted.append(event.seconds("inserted_s") > 0.0)
            case "end_of_turn":
                end_s = stop_s = event.seconds("t")
            case "incomplete_stop":
                stop_s = event.seconds("t")
            case _:
                pass
    if stop_s is None:
        raise LabelsError(f'{record.where}: key "events" needs an end_of_turn or incomplete_stop')
    return TurnClip(
        name=record.text("id"),
        path=_path(record, folder),
        kind=record.text("kind"),
        language=record.text("lang"),
        pauses=tuple(pauses),
        is_inserted=tuple(is_inserted),
        end_s=end_s,
        stop_s=stop_s,
    )


def _overlap(record: Record, folder: Path) -> OverlapScene:
    events: list[OverlapEvent] = []
    for event in record.children("events"):
        span = event.span("onset", "end")
        kind, clip = event.text("event"), event.text_or("clip", "")
        events.append(OverlapEvent(kind, span.start_s, span.end_s, clip))
    return OverlapScene(
        name=record.text("id"),
        path=_path(record, folder),
        category=record.text("category"),
        language=record.text("lang"),
        far=record.far(),
        events=tuple(events),
    )
