"""Reading a replay bundle; whatever is wrong with it is one line.

bundle.json        what this is, and the checksum of every piece
frames-0001.npz    what the predictor was given (``app.replay.codec``)
steps-0001.jsonl   texts, predictions, events and effects in their order
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import numpy as np

from app.dialogue.effects import Effect
from app.dialogue.events import DialogueEvent
from app.dialogue.state import DialogueRules, DialogueState
from app.messages.errors import BadInputError
from app.replay.codec import (
    VERSION,
    CodecError,
    Columns,
    Row,
    decode,
    decode_line,
    decode_named,
    rows_of,
)
from app.settings.option import problem_with
from app.settings.settings import Settings, options
from model.files.records import read_json
from model.types import DuplexPrediction

MANIFEST = "bundle.json"
INNER = "replay"  # where scenes keep theirs
_REMEDY = "give a folder that `parley scene` or a recorded conversation has written"


class Manifest(msgspec.Struct, frozen=True):
    """The content of ``bundle.json``.

    Attributes:
        source: "scene" or "conversation".
        is_redacted: it holds neither sound nor words.
        weights: what the predictor is made of, by name: a checksum, "" where it is missing.
        n_lost: moments that did not reach the disk.
        files: checksum of every piece.
    """

    format: Literal["parley-replay"]
    version: int
    program: str
    source: str
    is_redacted: bool
    weights: dict[str, str]
    n_frames: int
    n_lost: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One event and what the controller answered.

    Attributes:
        event: None where it is the prediction made at ``frame``.
        before: digest of the state; None where there is none to compare with.
    """

    now_s: float
    event: DialogueEvent | None
    frame: int | None
    before: int | None
    rules: DialogueRules
    effects: tuple[Effect, ...]


@dataclass(slots=True)
class Bundle:
    """A bundle's content; ``rows`` reads the sound piece by piece.

    Attributes:
        changes: frame, and settings of a fresh predictor or None where it is reset.
        rules: those of the latest step.
    """

    folder: Path
    manifest: Manifest
    state: DialogueState = field(default_factory=DialogueState)
    rules: DialogueRules = field(default_factory=DialogueRules)
    changes: list[tuple[int, Settings | None]] = field(
        default_factory=list[tuple[int, Settings | None]]
    )
    predictions: dict[int, DuplexPrediction] = field(default_factory=dict[int, DuplexPrediction])
    steps: list[RecordedStep] = field(default_factory=list[RecordedStep])
    texts: list[str] = field(default_factory=list[str])

    def names(self, beginning: str) -> list[str]:
        """Return the files of one kind in their order."""
        return sorted(name for name in self.manifest.files if name.startswith(beginning))

    def rows(self) -> Iterator[Row]:
        """Yield what the predictor was given. Raises BadInputError."""
        for name, columns in self.pieces():
            try:
                yield from rows_of(columns, self.texts)
            except CodecError as error:
                raise _damaged(self.folder / name, str(error)) from None

    def pieces(self) -> Iterator[tuple[str, Columns]]:
        """Yield file name and columns. Raises BadInputError."""
        for name in self.names("frames-"):
            try:
                with np.load(io.BytesIO((self.folder / name).read_bytes())) as stored:
                    yield name, {key: stored[key] for key in stored.files}
            except (OSError, ValueError, zipfile.BadZipFile) as error:
                raise _damaged(self.folder / name, str(error)) from None

    def lines(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Yield file name, number and content of every line of the steps. Raises CodecError."""
        for name in self.names("steps-"):
            for n, line in enumerate((self.folder / name).read_bytes().splitlines(), 1):
                try:
                    yield name, n, decode_line(line, self.manifest.version)
                except CodecError as error:
                    raise _damaged(self.folder / name, f"line {n}: {error}") from None


def read_bundle(folder: Path) -> Bundle:
    """Read and check everything but the sound's meaning. Raises BadInputError.

    Args:
        folder: the bundle's own or the one that holds it.
    """
    if not (folder / MANIFEST).is_file():
        if not (folder / INNER / MANIFEST).is_file():
            raise BadInputError(folder, "", f"holds no replay bundle ({MANIFEST})", _REMEDY)
        folder = folder / INNER
    manifest = read_json(folder / MANIFEST, Manifest, BadInputError.of_record, remedy=_REMEDY)
    if not 1 <= manifest.version <= VERSION:
        what = f"is {manifest.version}; this Parley reads versions 1 to {VERSION}"
        remedy = "replay it with the Parley that wrote it"
        raise BadInputError(folder / MANIFEST, "version", what, remedy)
    for name, checksum in manifest.files.items():
        _check(folder, name, checksum)
    bundle = Bundle(folder, manifest)
    for name, n, line in bundle.lines():
        try:
            _take(bundle, line)
        except CodecError as error:
            raise _damaged(folder / name, f"line {n}: {error}") from None
    return bundle


def _take(bundle: Bundle, line: dict[str, Any]) -> None:
    match line:
        case {"kind": "text", "n": int(n), "text": str(text)}:
            if n != len(bundle.texts):
                raise CodecError(f"text {n} is out of order")
            bundle.texts.append(text)
        case {"kind": "state", "state": state}:
            bundle.state = decode(DialogueState, state)
        case {"kind": "rules", "rules": rules}:
            bundle.rules = decode(DialogueRules, rules)
        case {"kind": "predictor", "frame": int(frame), "settings": settings}:
            bundle.changes.append((frame, _settings(decode(dict[str, Any], settings))))
        case {"kind": "reset", "frame": int(frame)}:
            bundle.changes.append((frame, None))
        case {"kind": "prediction", "frame": int(frame), "prediction": prediction}:
            bundle.predictions[frame] = decode(DuplexPrediction, prediction)
        case {"kind": "step", "t_s": int() | float() as t_s, "effects": effects}:
            frame = line.get("prediction")
            if frame is not None and frame not in bundle.predictions:
                raise CodecError(f"names a prediction at frame {frame} that is not there")
            step = RecordedStep(
                now_s=float(t_s),
                event=None if frame is not None else decode_named(DialogueEvent, line.get("event")),
                frame=frame,
                before=line.get("before") if bundle.manifest.version == VERSION else None,
                rules=bundle.rules,
                effects=tuple(
                    decode_named(Effect, effect) for effect in cast("list[Any]", effects)
                ),
            )
            bundle.steps.append(step)
        case _:
            raise CodecError(f"{line.get('kind')!r} with {', '.join(line)} is no line of a replay")


def _settings(values: Mapping[str, Any]) -> Settings:
    """What this version knows of them."""
    settings = Settings()
    for info in options():
        if info.name in values:
            value = values[info.name]
            value = tuple(cast("list[str]", value)) if isinstance(value, list) else value
            problem = problem_with(info, value)
            if problem is not None:
                raise CodecError(f"{info.name}: {problem}")
            settings = settings.with_value(info.section, info.key, value)
    return settings


def _check(folder: Path, name: str, checksum: str) -> None:
    path = folder / Path(name).name  # nothing outside of the folder is read
    if path.name != name or not path.is_file():
        raise _damaged(folder / MANIFEST, f"names {name}, which is not there")
    if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
        raise _damaged(path, f"its checksum differs from the one in {MANIFEST}")


def _damaged(path: Path, what: str) -> BadInputError:
    return BadInputError(path, "", f"is damaged: {what}", "record it again, or fetch it again")
