"""Keeps what was heard of recordings, so that a second look at them costs next to nothing.

An entry is addressed by the sound of a recording and by all that decides what is heard of it: the
weights and the source of the front end and the recogniser, and the libraries below them. Whoever
changes one of these hears everything anew, and never reads what another program heard.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.frames import AudioFrame, Samples, Spotted, UserFrame, frozen
from audio_io.interfaces import WordSpotter
from model.cascade.turn_endings import Ending, EndingReader
from model.duplex.offline import HeardFrame, Listener, Listening, SpotterFactory
from model.files.content_cache import Cache, Entry, address, file_hash

_KIND = "listening"
_FORMAT = 2  # to be raised when an entry is read in another way
_FRONT_END = ("audio_io.aec", "audio_io.vad", Listener.__module__)
_RECOGNIZER = "model.cascade.recognizer"
_LIBRARIES = ("numpy", "onnxruntime", "pywebrtc-audio", "soxr")
_OURS = ("audio_io", "model")
_EVENTS: dict[str, type[SpeechStarted | SpeechEnded]] = {
    "SpeechStarted": SpeechStarted,
    "SpeechEnded": SpeechEnded,
}
_JUDGED = ("spotted", "ending")  # what weights make of the rest, made again
_ABSENT = -1  # start of a frame that is not there


class Hears(Protocol):
    """What ``Listener.hear`` promises."""

    def hear(self, mic: Samples, far: Samples | None = None, *, one_turn: bool = True) -> Listening:
        """Process a recording, (n,) at 16 kHz."""
        ...


class CachedListener:
    """A ``Listener`` that hears a recording once; it is opened when something is new.

    Args:
        opened: opens the listener.
        heard_by: see ``fingerprint``.
        spotter_factory: of the listener's spotter; what it hears is not kept but heard again.
        endings: judges the pauses; what it says is not kept but said again.
    """

    def __init__(
        self,
        opened: Callable[[], Hears],
        cache: Cache,
        heard_by: str,
        spotter_factory: SpotterFactory | None = None,
        endings: EndingReader | None = None,
    ) -> None:
        self._endings = endings
        self._opened = opened
        self._spotter_factory = spotter_factory
        self._listener: Hears | None = None
        self._cache = cache
        self._heard_by = heard_by

    def hear(self, mic: Samples, far: Samples | None = None, *, one_turn: bool = True) -> Listening:
        """See ``Listener.hear``; what it returns is the same to the last bit."""
        sound = [_sound_hash(mic), None if far is None else _sound_hash(far)]
        where = address(_KIND, self._heard_by, *sound, one_turn)
        recording = _Recording(mic, far)
        kept = self._cache.read(where)
        if kept is not None:
            return self._with_spotter(self._judged(_unpacked(kept, recording)))
        if self._listener is None:
            self._listener = self._opened()
        listening = self._listener.hear(mic, far, one_turn=one_turn)
        self._cache.write(where, _packed(listening, recording))
        return self._judged(listening)

    def _judged(self, listening: Listening) -> Listening:
        return listening if self._endings is None else listening.judged_by(self._endings)

    def _with_spotter(self, listening: Listening) -> Listening:
        spotter = None if self._spotter_factory is None else self._spotter_factory()
        return listening if spotter is None else _heard_by(spotter, listening)


def _heard_by(spotter: WordSpotter, listening: Listening) -> Listening:
    """Let ``spotter`` hear the frames as it would in the front end."""
    spotted: Spotted | None = None
    frames: list[HeardFrame] = []
    for heard in listening.frames:
        spotted = spotter.step(heard.user) or spotted
        frames.append(HeardFrame(replace(heard.user, spotted=spotted), heard.event))
    return replace(listening, frames=tuple(frames))


def fingerprint(weights: Iterable[Path], *about: object, has_words: bool = True) -> str:
    """Return what stands for all that decides what is heard of a recording.

    Args:
        weights: of the voice activity detector and the recognisers.
        about: whatever else was chosen, as JSON.
        has_words: False: no recogniser listens.
    """
    roots = (*_FRONT_END, _RECOGNIZER) if has_words else _FRONT_END
    return address(
        "heard-by",
        _FORMAT,
        sorted((name, _source_hash(path)) for name, path in _with_imports(roots).items()),
        sorted((f"{path.parent.name}/{path.name}", file_hash(path)) for path in weights),
        [(name, importlib.metadata.version(name)) for name in _LIBRARIES],
        *about,
    )


def _with_imports(roots: Sequence[str]) -> dict[str, Path]:
    """Return these modules of ours and those they import, by name."""
    found: dict[str, Path] = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name in found:
            continue
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            found[name] = Path(spec.origin)
            pending += _imports(ast.parse(found[name].read_bytes()))
    return found


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in _OURS)


def _source_hash(path: Path) -> str:
    """Hash what a file does: comments and line breaks do not count."""
    return hashlib.sha256(ast.dump(ast.parse(path.read_bytes())).encode()).hexdigest()


def _sound_hash(samples: Samples) -> str:
    return hashlib.sha256(np.ascontiguousarray(samples, np.float32).tobytes()).hexdigest()


# -- what an entry holds -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    """What was heard; frames that repeat it are not kept twice."""

    mic: Samples
    far: Samples | None

    def channel(self, name: str) -> Samples | None:
        return self.mic if name == "mic" else self.far

    def holding(self, samples: Samples) -> str | None:
        """Return the channel that begins with ``samples``, (n,)."""
        for name in ("mic", "far"):
            channel = self.channel(name)
            if channel is not None and np.array_equal(channel[: len(samples)], samples):
                return name
        return None


_Columns = dict[str, npt.NDArray[Any]]
_Told = list[tuple[int, str]] | dict[str, Any] | None  # JSON


def _packed(listening: Listening, recording: _Recording) -> Entry:
    columns: _Columns = {}
    told: dict[str, Any] = {}
    for field in fields(UserFrame):
        if field.name in _JUDGED:
            continue
        values = [getattr(heard.user, field.name) for heard in listening.frames]
        told[field.name] = _pack(field.name, values, columns, recording)
    events = [
        (i, type(heard.event).__name__, _times(heard.event))
        for i, heard in enumerate(listening.frames)
        if heard.event is not None
    ]
    n = len(listening.frames)
    endings = [(at, ending.language, ending.at_s) for at, ending in listening.endings]
    for i, (_, ending) in enumerate(listening.endings):
        columns[f"ending.{i}"] = ending.vector
    about = {
        "n": n,
        "told": told,
        "events": events,
        "recognizer_s": listening.recognizer_s,
        "endings": endings,
    }
    return Entry(columns, about)


def _pack(name: str, values: list[Any], columns: _Columns, recording: _Recording) -> _Told:
    """Put one field of all frames into ``columns``, or return it as JSON. Raises TypeError."""
    kinds: set[type] = {type(value) for value in values}
    if kinds <= {AudioFrame, type(None)}:
        return _pack_sound(name, values, columns, recording)
    if kinds == {bool}:
        columns[name] = np.array(values, np.bool_)
    elif kinds == {float}:
        columns[name] = np.array(values, np.float64)
    elif kinds == {str}:
        return [(len(list(run)), text) for text, run in groupby(values)]
    else:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"UserFrame.{name}: {names} cannot be kept")
    return None


def _pack_sound(
    name: str, frames: list[AudioFrame | None], columns: _Columns, recording: _Recording
) -> dict[str, Any] | None:
    found = [frame for frame in frames if frame is not None]
    if not found:
        return None
    starts = [_ABSENT if frame is None else frame.start for frame in frames]
    columns[f"{name}.start"] = np.array(starts, np.int64)
    columns[f"{name}.n"] = np.array(
        [0 if frame is None else len(frame.samples) for frame in frames], np.int32
    )
    samples = np.concatenate([frame.samples for frame in found])
    channel = recording.holding(samples)
    if channel is None:
        columns[f"{name}.samples"] = samples
    return {"rate_hz": found[0].rate_hz, "channel": channel}


def _unpacked(entry: Entry, recording: _Recording) -> Listening:
    about = entry.about
    n: int = about["n"]
    values = {
        name: _unpack(name, told, n, entry, recording) for name, told in about["told"].items()
    }
    events = {i: _EVENTS[kind](*times) for i, kind, times in about["events"]}
    rows = zip(*values.values(), strict=True)
    users = (UserFrame(**dict(zip(values, row, strict=True))) for row in rows)
    frames = tuple(HeardFrame(user, events.get(i)) for i, user in enumerate(users))
    endings = (
        (at, Ending(language, entry.tensors[f"ending.{i}"], at_s))
        for i, (at, language, at_s) in enumerate(about["endings"])
    )
    return Listening(frames, about["recognizer_s"], tuple(endings))


def _unpack(name: str, told: _Told, n: int, entry: Entry, recording: _Recording) -> list[Any]:
    if name in entry.tensors:
        return entry.tensors[name].tolist()
    if told is None:
        return [None] * n
    if isinstance(told, dict):
        return _unpack_sound(name, told, entry, recording)
    return [text for count, text in told for _ in range(count)]


def _unpack_sound(
    name: str, told: dict[str, Any], entry: Entry, recording: _Recording
) -> list[AudioFrame | None]:
    repeated = None if told["channel"] is None else recording.channel(told["channel"])
    samples = frozen(entry.tensors[f"{name}.samples"] if repeated is None else repeated)
    frames: list[AudioFrame | None] = []
    at = 0
    starts, counts = entry.tensors[f"{name}.start"], entry.tensors[f"{name}.n"]
    for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
        if start == _ABSENT:
            frames.append(None)
            continue
        frames.append(AudioFrame(samples[at : at + count], start, told["rate_hz"]))
        at += count
    return frames


def _times(event: SpeechStarted | SpeechEnded) -> list[float]:
    return [getattr(event, field.name) for field in fields(event)]
