"""Labelled recordings of a folder: what is in them and where, checked before anything is scored.

A folder may hold only some of the parts. Does not know how they are scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from app.bench.label_file import LabelsError, Record, Span, records
from audio_io.frames import ENGINE_RATE_HZ, Samples

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
