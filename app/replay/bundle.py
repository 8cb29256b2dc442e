"""Reads a replay bundle; whatever is wrong with it is one line. See ``app.replay.writer``.

Knows nothing of predictors or the controller.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from app.dialogue.effects import Effect
from app.dialogue.events import DialogueEvent
from app.dialogue.state import DialogueRules, DialogueState
from app.messages.errors import BadInputError
from app.replay.codec import (
    CodecError,
    Row,
    decode,
    decode_effect,
    decode_event,
    rows_of,
    with_new_names,
)
from app.replay.writer import FORMAT, MANIFEST, VERSION
from app.settings.option import problem_with
from app.settings.settings import Settings, options
from model.types import DuplexPrediction

INNER = "replay"  # where scenes keep theirs
_REMEDY = "give a folder that `parley scene` or a recorded conversation has written"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One event and what the controller answered.

    Attributes:
        event: None where it is the prediction made at ``frame``.
        before: digest of the state, see ``app.replay.writer.digest``.
    """

    now_s: float
    event: DialogueEvent | None
    frame: int | None
    before: int
    rules: DialogueRules
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class PredictorChange:
    """From ``frame`` on: a fresh predictor for ``settings``, or (None) the same one, reset."""

    frame: int
    settings: Settings | None


@dataclass(slots=True)
class Bundle:
    """A bundle's content; ``rows`` reads the sound piece by piece."""

    folder: Path
    manifest: Mapping[str, Any]
    state: DialogueState = field(default_factory=DialogueState)
    changes: list[PredictorChange] = field(default_factory=list[PredictorChange])
    predictions: dict[int, DuplexPrediction] = field(default_factory=dict[int, DuplexPrediction])
    steps: list[RecordedStep] = field(default_factory=list[RecordedStep])
    texts: list[str] = field(default_factory=list[str])

    @property
    def is_redacted(self) -> bool:
        """It holds neither sound nor words."""
        return bool(self.manifest["is_redacted"])

    def rows(self) -> Iterator[Row]:
        """What the predictor was given. Raises BadInputError."""
        for name, arrays in self.pieces():
            try:
                yield from rows_of(arrays, self.texts)
            except CodecError as error:
                raise _damaged(self.folder / name, str(error)) from None

    def pieces(self) -> Iterator[tuple[str, dict[str, npt.NDArray[Any]]]]:
        """Columns by file. Raises BadInputError."""
        for name in _names(self.manifest, "frames-"):
            try:
                with np.load(io.BytesIO((self.folder / name).read_bytes())) as arrays:
                    yield name, {key: arrays[key] for key in arrays.files}
            except (OSError, ValueError, zipfile.BadZipFile) as error:
                raise _damaged(self.folder / name, str(error)) from None


def find_bundle(folder: Path) -> Path:
    """The bundle's own folder: ``folder`` or the one in it. Raises BadInputError."""
    for place in (folder, folder / INNER):
        if (place / MANIFEST).is_file():
            return place
    raise BadInputError(folder, "", f"holds no replay bundle ({MANIFEST})", _REMEDY)


def read_bundle(folder: Path) -> Bundle:
    """Reads and checks everything but the sound's meaning. Raises BadInputError."""
    folder = find_bundle(folder)
    manifest = _manifest(folder / MANIFEST)
    for name, checksum in cast("dict[str, str]", manifest["files"]).items():
        _check(folder, name, checksum)
    bundle = Bundle(folder, manifest)
    reader = _StepReader(bundle)
    for name in _names(manifest, "steps-"):
        reader.read(folder / name)
    return bundle


class _StepReader:
    """Fills a bundle, line by line."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._rules = DialogueRules()

    def read(self, path: Path) -> None:
        for n, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                self._take(with_new_names(json.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise _damaged(path, f"line {n}: {_cause(error)}") from None

    def _take(self, line: dict[str, Any]) -> None:
        bundle = self._bundle
        match line["kind"]:
            case "text":
                if line["n"] != len(bundle.texts):
                    raise CodecError(f"text {line['n']} is out of order")
                bundle.texts.append(line["text"])
            case "state":
                bundle.state = decode(DialogueState, line["state"])
            case "rules":
                self._rules = decode(DialogueRules, line["rules"])
            case "predictor":
                settings = _settings(line["settings"])
                bundle.changes.append(PredictorChange(line["frame"], settings))
            case "reset":
                bundle.changes.append(PredictorChange(line["frame"], None))
            case "prediction":
                prediction = decode(DuplexPrediction, line["prediction"])
                bundle.predictions[line["frame"]] = prediction
            case "step":
                bundle.steps.append(self._step(line))
            case kind:
                raise CodecError(f"{kind!r} is no kind of line")

    def _step(self, line: dict[str, Any]) -> RecordedStep:
        frame = line.get("prediction")
        if frame is not None and frame not in self._bundle.predictions:
            raise CodecError(f"names a prediction at frame {frame} that is not there")
        return RecordedStep(
            now_s=float(line["t_s"]),
            event=None if frame is not None else decode_event(line["event"]),
            frame=frame,
            before=int(line["before"]),
            rules=self._rules,
            effects=tuple(decode_effect(effect) for effect in line["effects"]),
        )


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(manifest, dict) or cast("dict[str, Any]", manifest).get("format") != FORMAT:
        raise BadInputError(path, "format", "is no replay bundle", _REMEDY)
    table = cast("dict[str, Any]", manifest)
    version = table.get("version")
    if version != VERSION:
        what = f"is {version!r}; this Parley reads version {VERSION}"
        raise BadInputError(path, "version", what, "replay it with the Parley that wrote it")
    kinds = {"files": dict, "weights": dict, "n_frames": int, "is_redacted": bool, "n_lost": int}
    for key, kind in kinds.items():
        if not isinstance(table.get(key), kind):
            raise _damaged(path, f"{key} is {table.get(key)!r}")
    return table


def _check(folder: Path, name: str, checksum: str) -> None:
    path = folder / Path(name).name  # nothing outside of the folder is read
    if path.name != name or not path.is_file():
        raise _damaged(folder / MANIFEST, f"names {name}, which is not there")
    if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
        raise _damaged(path, "its checksum differs from the one in bundle.json")


def _names(manifest: Mapping[str, Any], beginning: str) -> list[str]:
    return sorted(name for name in manifest["files"] if name.startswith(beginning))


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


def _damaged(path: Path, what: str) -> BadInputError:
    return BadInputError(path, "", f"is damaged: {what}", "record it again, or fetch it again")


def _cause(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
