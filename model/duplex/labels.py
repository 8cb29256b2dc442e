"""Labelled recordings of turns and overlaps, checked as they are read.

Training looks at them and the bench scores on them. A folder may hold only some of the parts. Every
recording belongs to a split by the people in it; ``turns/`` and ``bargein/`` are all test.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
import numpy as np
import soundfile as sf

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.scoring import Hold, Span, TurnTruth
from model.duplex.splits import DEFAULT_SPLIT, SPLITS, LabelsError, Split, read_speakers, strictest
from model.files.records import Misfit, read_jsonl

TURNS, OVERLAPS, MANIFEST = "turns/labels.jsonl", "bargein/labels.jsonl", "manifest.jsonl"
MORE_TURNS, MORE_OVERLAPS = "turns_more/labels.jsonl", "bargein_more/labels.jsonl"
NOISE_FOLDER = "noise/"

Text = Annotated[str, msgspec.Meta(min_length=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0, description="a time in seconds, 0 or more")]

ClipT = TypeVar("ClipT", "TurnClip", "OverlapScene")


class TurnEvent(msgspec.Struct, frozen=True):
    """A pause from ``start`` to ``end``; the others happen at ``t``.

    Attributes:
        sentence_end: the text has a full stop at this pause: who takes the turn is understood.
    """

    event: Literal["speech_start", "pause", "end_of_turn", "incomplete_stop"]
    t: Seconds | None = None
    start: Seconds = 0.0
    end: Seconds = 0.0
    inserted_s: Seconds = 0.0
    sentence_end: bool = False

    def __post_init__(self) -> None:
        if self.event == "pause":
            _require_order(self.start, self.end, "start")
        elif self.t is None:
            raise Misfit("t", "is missing")


class TurnClip(msgspec.Struct, frozen=True):
    """One user turn.

    Attributes:
        path: of the recording; as in all labels below the folder, with it once it is read.
        kind: complete, pause_inserted, pause_natural or truncated.
        text: the words.
        split: what its line says; once it is read, what holds.
        end_sure: False: the recording may end inside a sentence.
    """

    id: Text
    path: Text
    kind: Text
    lang: Text
    events: tuple[TurnEvent, ...]
    speaker: str = ""
    source_id: str = ""
    licence: str = ""
    text: str = ""
    split: Split | None = None
    train_ok: bool | None = None
    end_sure: bool = True

    def __post_init__(self) -> None:
        if self.end_s is None and self._at("incomplete_stop") is None:
            raise Misfit("events", "needs an end_of_turn or incomplete_stop")

    @property
    def people(self) -> tuple[str, ...]:
        """Return whose turn it is; nobody where the labels do not say."""
        return (self.speaker,) if self.speaker else ()

    @property
    def start_s(self) -> float:
        """Return where the voice begins; 0 where the labels do not say."""
        return self._at("speech_start") or 0.0

    @property
    def end_s(self) -> float | None:
        """Return where the turn ends; None where the user stops in mid-phrase."""
        return self._at("end_of_turn")

    @property
    def stop_s(self) -> float:
        """Return where the voice stops for good; equals ``end_s`` if there is one."""
        return (self._at("incomplete_stop") or 0.0) if self.end_s is None else self.end_s

    def truth(self, clip_s: float) -> TurnTruth:
        """Return what a detector is scored against; ``clip_s`` is the recording's length."""
        pauses = (
            Hold(
                event.start,
                event.end,
                is_inserted=event.inserted_s > 0.0,
                is_sentence_end=event.sentence_end,
            )
            for event in self.events
            if event.event == "pause"
        )
        holds = tuple(pause for pause in pauses if pause.is_scored)
        return TurnTruth(
            self.lang,
            holds,
            self.end_s,
            self.stop_s,
            clip_s,
            is_end_sure=self.end_sure,
            speaker=self.speaker or self.id,
            text=self.text,
        )

    def _at(self, what: str) -> float | None:
        return next((event.t for event in self.events if event.event == what), None)


class OverlapEvent(msgspec.Struct, frozen=True):
    """Something heard at the microphone.

    Attributes:
        event: user_interruption, user_backchannel, user_turn, background_talk or noise_event.
        clip: which recording it was made of, if the labels say.
        speaker: who it is; "" of a noise, and where the labels do not say.
        word: what is said where it is one word.
    """

    event: Text
    onset: Seconds
    end: Seconds
    clip: str = ""
    speaker: str = ""
    text: str | None = None
    word: str = ""

    def __post_init__(self) -> None:
        _require_order(self.onset, self.end, "onset")


class FarEnd(msgspec.Struct, frozen=True):
    """What the loudspeaker was given: stretches of sound."""

    segments: tuple[tuple[Seconds, Seconds], ...]


class Echo(msgspec.Struct, frozen=True):
    """The way from the loudspeaker to the microphone.

    Attributes:
        erl_db: level of the echo at the microphone, relative to what the loudspeaker was given.
        softclip: how much the loudspeaker distorts; 0: not at all.
    """

    erl_db: float
    softclip: float = 0.0


class BackgroundNoise(msgspec.Struct, frozen=True):
    """A noise that goes on below a whole scene."""

    clip: str = ""


class OverlapScene(msgspec.Struct, frozen=True):
    """Channel 0 is the microphone, channel 1 what the loudspeaker was given.

    Attributes:
        echo: None: nothing of the loudspeaker reaches the microphone.
        ser_db: how much louder the user is than the echo.
        split: what its line says; once it is read, what holds.
        expect_sure: False: the word may mean either ("right", "no"), said from a list.
    """

    id: Text
    path: Text
    category: Text
    lang: Text
    events: tuple[OverlapEvent, ...]
    far: FarEnd | None = None
    echo: Echo | None = None
    ser_db: float | None = None
    noise: tuple[BackgroundNoise, ...] = ()
    split: Split | None = None
    train_ok: bool | None = None
    expect_sure: bool = True

    @property
    def people(self) -> tuple[str, ...]:
        """Return who is heard as a user; the far end is the assistant."""
        return tuple(dict.fromkeys(event.speaker for event in self.events if event.speaker))

    @property
    def noises(self) -> frozenset[str]:
        """Return the recordings of noise in it."""
        return frozenset(
            (
                *(noise.clip for noise in self.noise),
                *(event.clip for event in self.events if not event.speaker),
            )
        )

    @property
    def far_span(self) -> Span | None:
        """Return from the first to the last sound of the far end; None where it is silent."""
        times_s = [t for segment in self.far.segments for t in segment] if self.far else []
        return Span(min(times_s), max(times_s)) if times_s else None


class ManifestRow(msgspec.Struct, frozen=True):
    """One recording of ``manifest.jsonl``.

    Attributes:
        labels: path of its own labels file.
        channel_roles: who is on which channel of a call.
        speaker: everybody in it, with commas between.
    """

    id: str = ""
    path: str = ""
    kind: str = ""
    lang: str | None = None
    train_ok: bool | None = None
    labels: str = ""
    channel_roles: tuple[str, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class NoiseClip:
    """A recording without anybody who speaks to the assistant.

    Attributes:
        split: test where shipped weights must not be trained on it.
    """

    name: str
    path: Path
    split: Split


def _require_order(start_s: float, end_s: float, start: str) -> None:
    if end_s <= start_s:
        raise Misfit("end", f"must come after {start}")


def read_turns(folder: Path, split: str = DEFAULT_SPLIT) -> tuple[TurnClip, ...]:
    """Return the turns of a split; nothing where the folder has no such part.

    Args:
        split: one of ``SPLITS``.

    Raises:
        LabelsError: labels or a recording cannot be used.
    """
    clips = (*_old(folder, TURNS, TurnClip), *_labelled(folder, MORE_TURNS, TurnClip))
    return _of_split(folder, clips, split)


def read_overlaps(folder: Path, split: str = DEFAULT_SPLIT) -> tuple[OverlapScene, ...]:
    """Return the scenes of a split; see ``read_turns``. Raises LabelsError."""
    scenes = (
        *_old(folder, OVERLAPS, OverlapScene),
        *_labelled(folder, MORE_OVERLAPS, OverlapScene),
    )
    return _of_split(folder, scenes, split)


def read_manifest(folder: Path) -> tuple[tuple[int, ManifestRow], ...]:
    """Return line number and row; nothing where there is no manifest. Raises LabelsError."""
    manifest = folder / MANIFEST
    return tuple(read_jsonl(manifest, ManifestRow, LabelsError)) if manifest.exists() else ()


def read_noise(folder: Path, split: str = DEFAULT_SPLIT) -> tuple[NoiseClip, ...]:
    """Return the manifest's noises of a split. Raises LabelsError.

    In test are those that must not be trained on (``train_ok`` is not true) and those that test
    scenes are made of; in tune those that its scenes are made of; all others in train.
    """
    heard: dict[str, Split] = {}
    for scene in read_overlaps(folder, "all"):
        for name in scene.noises:
            heard[name] = strictest((scene.split or "test", heard.get(name, "train")))
    rows = (
        (number, row, "test" if row.train_ok is not True else heard.get(row.id, "train"))
        for number, row in read_manifest(folder)
        if row.path.startswith(NOISE_FOLDER)
    )
    return tuple(
        NoiseClip(row.id, _sound(folder, row.path, f"{folder / MANIFEST}:{number}"), where)
        for number, row, where in rows
        if where in SPLITS[split]
    )


def _old(folder: Path, name: str, kind: type[ClipT]) -> Iterable[ClipT]:
    """Return the recordings that were made before there were splits: all test."""
    clips = _labelled(folder, name, kind)
    return (msgspec.structs.replace(clip, split="test") for clip in clips)


def _of_split(folder: Path, clips: Iterable[ClipT], split: str) -> tuple[ClipT, ...]:
    speakers = read_speakers(folder)
    placed = (
        msgspec.structs.replace(clip, split=speakers.split(clip.people, clip.split))
        for clip in clips
    )
    return tuple(clip for clip in placed if clip.split in SPLITS[split])


def _labelled(folder: Path, name: str, kind: type[ClipT]) -> tuple[ClipT, ...]:
    labels = folder / name
    if not labels.exists():
        return ()
    clips: list[ClipT] = []
    for number, clip in read_jsonl(labels, kind, LabelsError):
        path = _sound(folder, clip.path, f"{labels}:{number}")
        clips.append(msgspec.structs.replace(clip, path=str(path)))
    if not clips:
        raise LabelsError(f"{labels}: no labels in it")
    return tuple(clips)


def _sound(folder: Path, path: str, where: str) -> Path:
    if not (folder / path).is_file():
        raise LabelsError(f"{where}: path: {folder / path} is missing")
    return folder / path


def read_channels(path: Path | str, n_channels: int) -> Samples:
    """Return float32 (n_channels, n) at 16 kHz. Raises LabelsError."""
    try:
        samples, rate_hz = sf.read(str(path), dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError) as error:
        raise LabelsError(f"{path}: not a readable recording ({error})") from error
    if rate_hz != ENGINE_RATE_HZ:
        raise LabelsError(f"{path}: {rate_hz} Hz; resample it to {ENGINE_RATE_HZ} Hz")
    if samples.shape[1] != n_channels:
        raise LabelsError(f"{path}: {samples.shape[1]} channels where {n_channels} are needed")
    return np.ascontiguousarray(samples.T, np.float32)
