"""Bad moments that the user marks: the last seconds as a labelled clip, for training.

    <stamp>-<kind>/sound.flac   16 kHz, two channels: microphone, loudspeaker
    <stamp>-<kind>/label.json   what went wrong and when, in seconds from the clip's start

The recorder's thread owns the sound, the dialogue's owns the spans.
"""

import json
import shutil
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path

import numpy as np
import soundfile

from app.dialogue.causes import Cause, DecisionKind
from app.dialogue.timeline import Entry
from audio_io.frames import ENGINE_RATE_HZ, Samples


class BadMoment(StrEnum):
    """What the user complains about."""

    CUT_ME_OFF = "cut_me_off"
    IGNORED_ME = "ignored_me"


CLIP_S = 20.0
LABEL_FORMAT = 1
LABEL, SOUND = "label.json", "sound.flac"

_FRAMES = round(CLIP_S * 100)
_PARTIAL = ".partial"
_SPANS = 64  # more replies than 20 s can hold
# What each complaint is about: the latest such decision of the clip.
_BLAMED = {
    BadMoment.CUT_ME_OFF: DecisionKind.END_OF_TURN,
    BadMoment.IGNORED_ME: DecisionKind.RESUMED,
}
# No detector has decided there.
_BY_HAND = {cause.key for cause in (Cause.TYPED, Cause.RELEASED, Cause.OWED)}


@dataclass(frozen=True, slots=True)
class Mark:
    """A complaint; times are on the microphone's clock.

    Attributes:
        decision_s: of the decision complained about; None where there was none.
        agent: when the assistant could be heard.
    """

    kind: BadMoment
    stamp: str
    marked_s: float
    decision_s: float | None
    language: str
    agent: tuple[tuple[float, float], ...]


class RecentSound:
    """The last 20 s of microphone and loudspeaker."""

    def __init__(self) -> None:
        self._frames: deque[tuple[float, Samples]] = deque(maxlen=_FRAMES)

    def add(self, end_s: float, both: Samples) -> None:
        """Add float32 (160, 2) that end at ``end_s``."""
        self._frames.append((end_s, both))

    def clear(self) -> None:
        """Forget everything."""
        self._frames.clear()

    def __len__(self) -> int:
        return len(self._frames)

    def clip(self) -> tuple[float, Samples]:
        """Return where it begins, and float32 (n, 2); sound before a gap is left out."""
        kept: deque[Samples] = deque()
        begin_s = 0.0
        for end_s, both in reversed(self._frames):
            seconds = len(both) / ENGINE_RATE_HZ
            if kept and abs(end_s - begin_s) > seconds / 2:
                break
            begin_s = end_s - seconds
            kept.appendleft(both)
        return begin_s, np.concatenate(kept) if kept else np.empty((0, 2), dtype=np.float32)


class MomentLog:
    """What of the timeline a label needs: when the assistant was audible, what was decided."""

    def __init__(self) -> None:
        self._spans: deque[tuple[float, float]] = deque(maxlen=_SPANS)
        self._audible_since_s: float | None = None
        self._decisions: deque[tuple[str, float]] = deque(maxlen=_SPANS)

    def on_entry(self, entry: Entry) -> None:
        """Take the next record; see ``Timeline.listen``."""
        what, t_s, since_s = str(entry["event"]), entry["t_s"], self._audible_since_s
        if not isinstance(t_s, int | float):
            return
        if what in ("assistant_speech_started", DecisionKind.RESUMED) and since_s is None:
            self._audible_since_s = t_s
        elif what in (DecisionKind.HELD, "assistant_speech_ended"):
            if since_s is not None and t_s > since_s:
                self._spans.append((since_s, t_s))
            self._audible_since_s = None
        if "why" in entry and entry.get("cause") not in _BY_HAND:
            self._decisions.append((what, t_s))

    def mark(self, kind: BadMoment, stamp: str, now_s: float, language: str) -> Mark:
        """Return everything about ``now_s`` that goes into the label."""
        since_s = self._audible_since_s
        spans = (*self._spans, *(() if since_s is None else ((since_s, now_s),)))
        recent = [t_s for what, t_s in self._decisions if what == _BLAMED[kind]]
        blamed_s = recent[-1] if recent and recent[-1] > now_s - CLIP_S else None
        return Mark(kind, stamp, now_s, blamed_s, language, spans)


def write_clip(folder: Path, mark: Mark, sound: RecentSound) -> Path:
    """Write the clip below ``folder``, whole or not at all, and return it. Raises OSError."""
    begin_s, samples = sound.clip()
    names = (f"{mark.stamp}-{mark.kind}{f'-{n}' if n > 1 else ''}" for n in count(1))
    target = next(folder / name for name in names if not (folder / name).exists())
    partial = target.with_name(f"{target.name}{_PARTIAL}")
    partial.mkdir(parents=True)
    try:
        soundfile.write(partial / SOUND, samples, ENGINE_RATE_HZ, subtype="PCM_16")
        label = json.dumps(_label(mark, begin_s, len(samples) / ENGINE_RATE_HZ), indent=2)
        (partial / LABEL).write_text(label + "\n", encoding="utf-8")
        partial.rename(target)
    except (OSError, soundfile.SoundFileError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(f"{target}: {error}") from error
    return target


def _label(mark: Mark, begin_s: float, seconds: float) -> dict[str, object]:
    """The content of label.json; times from the clip's start, in its bounds."""

    def inside(t_s: float) -> float:
        return round(min(max(t_s - begin_s, 0.0), seconds), 3)

    decision_s = mark.decision_s
    is_inside = decision_s is not None and begin_s <= decision_s <= begin_s + seconds
    spans = ((inside(start_s), inside(end_s)) for start_s, end_s in mark.agent)
    return {
        "format": LABEL_FORMAT,
        "kind": str(mark.kind),
        "marked_s": inside(mark.marked_s),
        "decision_s": inside(decision_s) if decision_s is not None and is_inside else None,
        "language": mark.language,
        "agent": [[start_s, end_s] for start_s, end_s in spans if end_s > start_s],
    }
