"""Writes a replay bundle while it happens, in pieces, so that a crash costs the last one only.

    bundle.json        what this is, and the checksum of every piece
    frames-0001.npz    what the predictor was given, a row each 10 ms (``app.replay.codec``)
    steps-0001.jsonl   texts, predictions, events and effects in their order, a JSON object a line

One thread; knows nothing of how a bundle is used.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app import __version__
from app.dialogue.state import DialogueRules, DialogueState, DialogueStepped
from app.replay.codec import Row, columns_of, encode, encode_named, without_sound
from app.replay.tap import Moment, PredictorBegan, PredictorReset, PredictorStepped
from app.settings.settings import Settings, options
from model.files.whole_file import write_atomically
from model.types import DuplexPrediction

FORMAT = "parley-replay"
VERSION = 1
MANIFEST = "bundle.json"
SECTIONS = ("vad", "conversation", "overlap")  # of the settings: what decisions depend on
PIECE_FRAMES = 3000  # half a minute, 4 MB of sound


class BundleWriter:
    """Takes moments in their order.

    Args:
        source: "scene" or "conversation".
        weights: what the predictor is made of, by name: a checksum, "" where it is missing.
        is_redacted: the words are gone already; the sound is left out here.
    """

    def __init__(
        self, folder: Path, source: str, weights: Mapping[str, str], *, is_redacted: bool = False
    ) -> None:
        self.folder = folder
        self.n_lost = 0
        self._source = source
        self._weights = dict(weights)
        self._is_redacted = is_redacted
        self._rows: list[Row] = []
        self._lines: list[str] = []
        self._texts: dict[str, int] = {}
        self._files: dict[str, str] = {}
        self._frame_of: dict[float, int] = {}
        self._rules: DialogueRules | None = None
        self._has_state = False
        self._n_frames = 0
        self._n_pieces = 0

    def take(self, moment: Moment) -> None:
        """Raises OSError when a piece cannot be written."""
        match moment:
            case PredictorStepped(user=user, agent=agent, prediction=prediction):
                self._rows.append((user, agent))
                if prediction is not None:
                    self._predicted(prediction)
                self._n_frames += 1
            case DialogueStepped():
                self._stepped(moment)
            case PredictorBegan(settings=settings):
                self._line("predictor", frame=self._n_frames, settings=settings_of(settings))
            case PredictorReset():
                self._line("reset", frame=self._n_frames)
        if len(self._rows) >= PIECE_FRAMES:
            self._write_piece()

    def close(self) -> None:
        """Writes what is left. Raises OSError."""
        if self._rows or self._lines:
            self._write_piece()

    def _predicted(self, prediction: DuplexPrediction) -> None:
        self._frame_of[prediction.at_s] = self._n_frames
        self._line("prediction", frame=self._n_frames, prediction=encode(prediction))

    def _stepped(self, step: DialogueStepped) -> None:
        if not self._has_state:
            self._has_state = True
            self._line("state", state=encode(step.before))
        if step.rules is not self._rules:
            self._rules = step.rules
            self._line("rules", rules=encode(step.rules))
        event = step.event
        frame = self._frame_of.get(event.at_s) if isinstance(event, DuplexPrediction) else None
        what = {"prediction": frame} if frame is not None else {"event": encode_named(event)}
        self._line(
            "step",
            t_s=step.now_s,
            before=digest(step.before),
            **what,
            effects=[encode_named(effect) for effect in step.effects],
        )

    def _line(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - JSON of any kind
        self._lines.append(json.dumps({"kind": kind, **fields}))

    def _text_id(self, text: str) -> int:
        if text not in self._texts:
            self._texts[text] = len(self._texts)
            self._line("text", n=self._texts[text], text=text)
        return self._texts[text]

    def _write_piece(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._n_pieces += 1
        if self._rows:
            buffer = io.BytesIO()
            columns: dict[str, Any] = dict(columns_of(self._rows, self._text_id))
            if self._is_redacted:
                columns = without_sound(columns)
            np.savez_compressed(buffer, **columns)
            self._write(f"frames-{self._n_pieces:04}.npz", buffer.getvalue())
        lines = "".join(f"{line}\n" for line in self._lines)
        self._write(f"steps-{self._n_pieces:04}.jsonl", lines.encode())
        self._rows.clear()
        self._lines.clear()
        oldest = self._n_frames - PIECE_FRAMES
        self._frame_of = {at_s: n for at_s, n in self._frame_of.items() if n >= oldest}
        write_manifest(self.folder, self._manifest())

    def _write(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)
        self._files[name] = hashlib.sha256(content).hexdigest()

    def _manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "program": __version__,
            "source": self._source,
            "is_redacted": self._is_redacted,
            "weights": self._weights,
            "n_frames": self._n_frames,
            "n_lost": self.n_lost,
            "files": self._files,
        }


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Last, so that what it names is there. Raises OSError."""
    write_atomically(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n")


def settings_of(settings: Settings) -> dict[str, Any]:
    """The settings that decisions depend on, by name."""
    return {
        info.name: encode(settings.value(info.section, info.key))
        for info in options()
        if info.section in SECTIONS
    }


def digest(state: DialogueState) -> int:
    """Tells states apart; a replay that has gone astray is noticed at its first step."""
    return zlib.crc32(json.dumps(encode(state)).encode())
