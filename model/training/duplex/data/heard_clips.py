"""A scene as the engine heard it, with the truth, on disk: all that features are made of.

What is slow (synthesis, canceller, recogniser) is in here once and for all; features can be made
from it again in minutes. Knows no features.

Tensors with a few words about them in one file; a file is whole or not there.

Knows no content.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
import soundfile as sf

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.training.duplex.data.recordings import read_channels
from model.training.duplex.data.records import DataError
from model.training.duplex.data.scene import Truth

_safetensors: Any = safetensors  # its annotations are incomplete
_numpy_files: Any = safetensors.numpy

Tensor = npt.NDArray[Any]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Replaces ``path``."""
    partial = partial_path(path)
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    _numpy_files.save_file(whole, partial, dict(about))
    partial.replace(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Raises DataError."""
    try:
        found: dict[str, Tensor] = _numpy_files.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error
    return found


def read_about(path: Path) -> dict[str, str]:
    """Without the tensors. Raises DataError."""
    try:
        with _safetensors.safe_open(path, "np") as file:
            about: dict[str, str] | None = file.metadata()
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error
    return about or {}


def write_text(path: Path, text: str) -> None:
    """Replaces ``path``."""
    partial = partial_path(path)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def partial_path(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(f"{path.name}.{os.getpid()}.partial")


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: unreadable ({error}); remove it and run again")


SOUND_SUFFIX, TRACKS_SUFFIX = ".flac", ".safetensors"
_FORMAT = "1"
_TRACKS = ("p_speech", "is_speech", "has_converged", "is_agent_speaking")


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a clip is; one line of ``clips.jsonl``.

    Attributes:
        speaker: all of them, joined by commas.
        source: recordings and synthesizers, or "marked".
    """

    id: str
    split: str
    kind: str
    language: str
    source: str
    speaker: str
    licence: str
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class TextChange:
    """From frame ``frame`` on the text is ``text``, which covers the sound up to ``until_s``."""

    frame: int
    text: str
    until_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Everything by frames of 10 ms.

    Attributes:
        clean: float32 (160 n,), after the canceller.
        far: float32 (160 n,), what the loudspeaker was given.
        p_speech: float32 (n,).
        is_speech, has_converged, is_agent_speaking: bool (n,).
        words: of the user, as they arrived.
        agent_text: of the assistant, as it was heard.
    """

    info: ClipInfo
    clean: Samples
    far: Samples
    p_speech: npt.NDArray[np.float32]
    is_speech: npt.NDArray[np.bool_]
    has_converged: npt.NDArray[np.bool_]
    is_agent_speaking: npt.NDArray[np.bool_]
    words: tuple[TextChange, ...]
    agent_text: tuple[TextChange, ...]
    truth: Truth

    @property
    def n_frames(self) -> int:
        return len(self.p_speech)


def is_kept(folder: Path, name: str) -> bool:
    """Both files are there; the tracks are written last."""
    return (folder / f"{name}{TRACKS_SUFFIX}").is_file()


def keep(folder: Path, heard: Heard) -> None:
    """Writes ``folder/<id>.flac`` and ``.safetensors``; nothing is left half written."""
    folder.mkdir(parents=True, exist_ok=True)
    sound_path = folder / f"{heard.info.id}{SOUND_SUFFIX}"
    with partial_path(sound_path).open("wb") as file:
        sound = np.stack([heard.clean, heard.far], axis=1)
        sf.write(file, sound, ENGINE_RATE_HZ, format="FLAC", subtype="PCM_24")
    partial_path(sound_path).replace(sound_path)
    tracks = {name: getattr(heard, name) for name in _TRACKS}
    truth = {"outcomes": heard.truth.outcomes, "is_overlap": heard.truth.is_overlap}
    about = {
        "info": asdict(heard.info),
        "words": [[c.frame, c.text, c.until_s] for c in heard.words],
        "agent_text": [[c.frame, c.text, c.until_s] for c in heard.agent_text],
    }
    written = {"format": _FORMAT, "about": json.dumps(about, ensure_ascii=False)}
    write_tensors(folder / f"{heard.info.id}{TRACKS_SUFFIX}", tracks | truth, written)


def read_info(folder: Path, name: str) -> ClipInfo:
    """Without the sound. Raises DataError."""
    return ClipInfo(**_about(folder / f"{name}{TRACKS_SUFFIX}")["info"])


def recall(folder: Path, name: str) -> Heard:
    """Reads what ``keep`` wrote. Raises DataError."""
    path = folder / f"{name}{TRACKS_SUFFIX}"
    about, tensors = _about(path), read_tensors(path)
    clean, far = read_channels(folder / f"{name}{SOUND_SUFFIX}", 2)
    try:
        return Heard(
            info=ClipInfo(**about["info"]),
            clean=frozen(clean),
            far=frozen(far),
            words=tuple(TextChange(*change) for change in about["words"]),
            agent_text=tuple(TextChange(*change) for change in about["agent_text"]),
            truth=Truth(tensors["outcomes"], tensors["is_overlap"]),
            **{name: tensors[name] for name in _TRACKS},
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: {error} is missing; remove it and run again") from error


def _about(path: Path) -> dict[str, Any]:
    metadata = read_about(path)
    if metadata.get("format") != _FORMAT:
        raise DataError(f"{path}: of another format; remove it and run again")
    return json.loads(metadata["about"])
