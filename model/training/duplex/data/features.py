"""Feature vectors of what was heard, through the very stream that runs in a conversation.

The slow judges' opinions are remembered, so that making the vectors again costs little. Knows no
labels.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from audio_io.frames import AudioFrame, Samples, UserFrame, level_dbfs
from model.duplex.frame_features import N_FEATURES, FeatureStream
from model.duplex.offline import FRAME
from model.duplex.smart_turn import TurnClassifier
from model.duplex.text_turn_detector import STATE_SIZE, State, TextEncoder, spoken_words
from model.training.duplex.data.heard_clips import (
    Heard,
    TextChange,
    read_tensors,
    write_tensors,
    write_text,
)
from model.training.duplex.data.records import DataError
from model.types import AgentState


class RememberedClassifier:
    """Asks ``classifier`` about a sound only once; see TurnClassifier.

    Opinions of one clip are kept in one file beside it.
    """

    def __init__(self, classifier: TurnClassifier) -> None:
        self._classifier = classifier
        self._known: dict[str, float] = {}
        self._path: Path | None = None
        self._is_changed = False

    last_inference_s = 0.0  # it takes no time that a conversation would notice

    def open(self, path: Path) -> None:
        """The clip whose opinions are in ``path``. Raises DataError."""
        self._path = path
        self._known = {}
        self._is_changed = False
        if path.is_file():
            try:
                self._known = cast(dict[str, float], json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: unreadable ({error}); remove it and run again") from error

    def save(self) -> None:
        """Writes what is new."""
        if self._path is None or not self._is_changed:
            return
        write_text(self._path, json.dumps(self._known))

    def p_complete(self, samples: Samples) -> float:
        key = hashlib.sha1(samples.tobytes(), usedforsecurity=False).hexdigest()[:16]
        if key not in self._known:
            self._known[key] = round(self._classifier.p_complete(samples), 5)
            self._is_changed = True
        return self._known[key]


class RememberedReader:
    """Reads a text only once; see TextEncoder. States of one clip are kept in a file beside it."""

    last_inference_s = 0.0  # it takes no time that a conversation would notice

    def __init__(self, reader: TextEncoder) -> None:
        self._reader = reader
        self._known: dict[str, State] = {}
        self._path: Path | None = None
        self._is_changed = False

    def open(self, path: Path) -> None:
        """The clip whose states are in ``path``. Raises DataError."""
        self._path = path
        self._known = {}
        self._is_changed = False
        if path.is_file():
            states = read_tensors(path)
            # those of another reader have another size
            self._known = {k: s for k, s in states.items() if s.shape == (STATE_SIZE,)}

    def save(self) -> None:
        """Writes what is new."""
        if self._path is None or not self._is_changed:
            return
        write_tensors(self._path, self._known, {})

    def state(self, text: str) -> State | None:
        key = " ".join(spoken_words(text))
        if not key:
            return None
        if key not in self._known:
            state = self._reader.state(text)
            if state is None:
                return None
            self._known[key] = np.array(state, np.float32)
            self._is_changed = True
        return self._known[key]

    def close(self) -> None:
        """Frees the weights."""
        self._reader.close()


def vectors(heard: Heard, stream: FeatureStream) -> npt.NDArray[np.float16]:
    """Returns float16 (t, N_FEATURES), one row every 80 ms."""
    rows: list[npt.NDArray[np.float32]] = []
    words, agent_text = _Text(heard.words), _Text(heard.agent_text)
    for i in range(heard.n_frames):
        clean = heard.clean[i * FRAME : (i + 1) * FRAME]
        far = heard.far[i * FRAME : (i + 1) * FRAME]
        text, until_s = words.at(i)
        user = UserFrame(
            clean=AudioFrame(clean, i * FRAME),
            p_speech=float(heard.p_speech[i]),
            is_speech=bool(heard.is_speech[i]),
            clean_dbfs=level_dbfs(clean),
            far=AudioFrame(far, i * FRAME),
            far_dbfs=level_dbfs(far),
            aec_has_converged=bool(heard.has_converged[i]),
            partial_text=text,
            partial_at_s=until_s,
        )
        agent = AgentState(
            is_speaking=bool(heard.is_agent_speaking[i]), text_so_far=agent_text.at(i)[0]
        )
        row = stream.step(user, agent)
        if row is not None:
            rows.append(row)
    n = len(heard.truth.outcomes)
    if len(rows) != n:
        raise DataError(f"{heard.info.id}: {len(rows)} vectors for {n} steps; remove its files")
    return np.stack(rows).astype(np.float16) if rows else np.zeros((0, N_FEATURES), np.float16)


class _Text:
    """Follows changes, frame after frame."""

    def __init__(self, changes: tuple[TextChange, ...]) -> None:
        self._changes = changes
        self._next = 0
        self._now = ("", 0.0)

    def at(self, frame: int) -> tuple[str, float]:
        while self._next < len(self._changes) and self._changes[self._next].frame <= frame:
            change = self._changes[self._next]
            self._now = (change.text, change.until_s)
            self._next += 1
        return self._now
