"""Writing a replay bundle while it happens, in pieces, so that a crash costs the last one only.

What is needed is watched as it happens: steps of the predictor and steps of the dialogue.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app import __version__
from app.dialogue.state import DialogueRules, DialogueState, DialogueStepped
from app.replay.bundle import MANIFEST, Manifest
from app.replay.codec import VERSION, Columns, Row, columns_of, encode, encode_named
from app.settings.settings import Settings, options
from audio_io.frames import UserFrame
from model.files.whole_file import write_atomically
from model.interfaces import DuplexPredictor
from model.types import AgentState, DuplexPrediction

_SECTIONS = ("vad", "conversation", "overlap")  # of the settings: what decisions depend on
_PIECE_FRAMES = 3000  # half a minute, 4 MB of sound


@dataclass(frozen=True, slots=True, eq=False)
class PredictorBegan:
    """A fresh predictor made for ``settings`` takes its first step next."""

    settings: Settings


@dataclass(frozen=True, slots=True, eq=False)
class PredictorReset:
    """The predictor was told to forget."""


@dataclass(frozen=True, slots=True, eq=False)
class PredictorStepped:
    """10 ms and what was said about them."""

    user: UserFrame
    agent: AgentState
    prediction: DuplexPrediction | None


Moment = PredictorBegan | PredictorReset | PredictorStepped | DialogueStepped
Sink = Callable[[Moment], None]


class WatchedPredictor:
    """A fresh ``DuplexPredictor`` whose every step is told to ``sink``, which must be quick."""

    def __init__(self, predictor: DuplexPredictor, settings: Settings, sink: Sink) -> None:
        self._predictor = predictor
        self._settings = settings
        self._sink = sink
        self._has_begun = False

    def step(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        """Return the predictor's own answer."""
        if not self._has_begun:
            self._has_begun = True
            self._sink(PredictorBegan(self._settings))
        prediction = self._predictor.step(user, agent)
        self._sink(PredictorStepped(user, agent, prediction))
        return prediction

    def reset(self) -> None:
        """Let the predictor forget."""
        self._predictor.reset()
        self._sink(PredictorReset())


class BundleWriter:
    """Takes moments in their order, on one thread.

    Args:
        source: "scene" or "conversation".
        weights: what the predictor is made of, by name: a checksum, "" where it is missing.
    """

    def __init__(self, folder: Path, source: str, weights: Mapping[str, str]) -> None:
        self.folder = folder
        self.n_lost = 0
        self._source = source
        self._weights = dict(weights)
        self._rows: list[Row] = []
        self._lines: list[str] = []
        self._texts: dict[str, int] = {}
        self._files: dict[str, str] = {}
        self._frame_of: dict[float, int] = {}
        self._rules: DialogueRules | None = None
        self._n_frames = 0
        self._n_pieces = 0

    def take(self, moment: Moment) -> None:
        """Take the next moment. Raises OSError when a piece cannot be written."""
        match moment:
            case PredictorStepped(user=user, agent=agent, prediction=prediction):
                self._rows.append((user, agent))
                if prediction is not None:
                    self._frame_of[prediction.at_s] = self._n_frames
                    self._line("prediction", frame=self._n_frames, prediction=encode(prediction))
                self._n_frames += 1
            case DialogueStepped():
                self._stepped(moment)
            case PredictorBegan(settings=settings):
                self._line("predictor", frame=self._n_frames, settings=settings_of(settings))
            case PredictorReset():
                self._line("reset", frame=self._n_frames)
        if len(self._rows) >= _PIECE_FRAMES:
            self._end_piece()

    def close(self) -> None:
        """Write what is left. Raises OSError."""
        if self._rows or self._lines:
            self._end_piece()

    def _stepped(self, step: DialogueStepped) -> None:
        if self._rules is None:
            self._line("state", state=encode(step.before))
        if step.rules is not self._rules:
            self._rules = step.rules
            self._line("rules", rules=encode(step.rules))
        event = step.event
        frame = self._frame_of.get(event.at_s) if isinstance(event, DuplexPrediction) else None
        what = {"prediction": frame} if frame is not None else {"event": encode_named(event)}
        effects = [encode_named(effect) for effect in step.effects]
        self._line("step", t_s=step.now_s, before=digest(step.before), **what, effects=effects)

    def _line(self, kind: str, **fields: object) -> None:
        self._lines.append(json.dumps({"kind": kind, **fields}))

    def _text_id(self, text: str) -> int:
        if text not in self._texts:
            self._texts[text] = len(self._texts)
            self._line("text", n=self._texts[text], text=text)
        return self._texts[text]

    def _end_piece(self) -> None:
        self._n_pieces += 1
        if self._rows:
            columns = npz_of(columns_of(self._rows, self._text_id))
            self._files |= write_piece(self.folder, f"frames-{self._n_pieces:04}.npz", columns)
        lines = "".join(f"{line}\n" for line in self._lines).encode()
        self._files |= write_piece(self.folder, f"steps-{self._n_pieces:04}.jsonl", lines)
        self._rows.clear()
        self._lines.clear()
        oldest = self._n_frames - _PIECE_FRAMES
        self._frame_of = {at_s: n for at_s, n in self._frame_of.items() if n >= oldest}
        manifest = Manifest(
            format="parley-replay",
            version=VERSION,
            program=__version__,
            source=self._source,
            is_redacted=False,
            weights=self._weights,
            n_frames=self._n_frames,
            n_lost=self.n_lost,
            files=self._files,
        )
        write_manifest(self.folder, manifest)


def npz_of(columns: Columns) -> bytes:
    """Return the columns as the content of an NPZ file."""
    buffer, arrays = io.BytesIO(), dict[str, Any](columns)
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def write_piece(folder: Path, name: str, content: bytes) -> dict[str, str]:
    """Write a piece; return its name and checksum. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return {name: hashlib.sha256(content).hexdigest()}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest last, so that what it names is there. Raises OSError."""
    write_atomically(folder / MANIFEST, json.dumps(encode(manifest), indent=2) + "\n")


def settings_of(settings: Settings) -> dict[str, object]:
    """Return the settings that decisions depend on, by name."""
    return {
        info.name: encode(settings.value(info.section, info.key))
        for info in options()
        if info.section in _SECTIONS
    }


def digest(state: DialogueState) -> int:
    """Return what tells states apart: a replay that goes astray is noticed at its first step."""
    return zlib.crc32(json.dumps(encode(state)).encode())
