"""A scene as the engine heard it, with the truth, on disk: all that features are made of.

What is slow (synthesis, canceller, recogniser) is in here once and for all; features can be made
from it again in minutes. Knows no features.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import soundfile as sf
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.training.duplex.data_error import DataError
from model.training.duplex.scene import Truth

SOUND_SUFFIX, TRACKS_SUFFIX = ".flac", ".safetensors"
_FORMAT = "1"


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
    path = folder / heard.info.id
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        sound = np.stack([heard.clean, heard.far], axis=1)
        sf.write(file, sound, ENGINE_RATE_HZ, format="FLAC", subtype="PCM_24")
    partial.replace(path.with_suffix(SOUND_SUFFIX))
    tracks: dict[str, npt.NDArray[Any]] = {
        "p_speech": heard.p_speech,
        "is_speech": heard.is_speech,
        "has_converged": heard.has_converged,
        "is_agent_speaking": heard.is_agent_speaking,
        "outcomes": heard.truth.outcomes,
        "is_overlap": heard.truth.is_overlap,
    }
    about = {
        "info": asdict(heard.info),
        "words": [[c.frame, c.text, c.until_s] for c in heard.words],
        "agent_text": [[c.frame, c.text, c.until_s] for c in heard.agent_text],
    }
    metadata = {"format": _FORMAT, "about": json.dumps(about, ensure_ascii=False)}
    save_file({k: np.ascontiguousarray(v) for k, v in tracks.items()}, partial, metadata)
    partial.replace(path.with_suffix(TRACKS_SUFFIX))


def read_info(folder: Path, name: str) -> ClipInfo:
    """Without the sound. Raises DataError."""
    path = folder / f"{name}{TRACKS_SUFFIX}"
    try:
        with safe_open(path, "np") as file:
            return ClipInfo(**_about(path, file.metadata())["info"])
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise DataError(f"{path}: unreadable ({error}); remove it and run again") from error


def recall(folder: Path, name: str) -> Heard:
    """Reads what ``keep`` wrote. Raises DataError."""
    path = folder / f"{name}{TRACKS_SUFFIX}"
    try:
        with safe_open(path, "np") as file:
            about = _about(path, file.metadata())
            tracks = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - a handle
        sound, _ = sf.read(str(path.with_suffix(SOUND_SUFFIX)), dtype="float32", always_2d=True)
        return Heard(
            info=ClipInfo(**about["info"]),
            clean=frozen(np.ascontiguousarray(sound[:, 0])),
            far=frozen(np.ascontiguousarray(sound[:, 1])),
            p_speech=tracks["p_speech"],
            is_speech=tracks["is_speech"],
            has_converged=tracks["has_converged"],
            is_agent_speaking=tracks["is_agent_speaking"],
            words=tuple(TextChange(*change) for change in about["words"]),
            agent_text=tuple(TextChange(*change) for change in about["agent_text"]),
            truth=Truth(tracks["outcomes"], tracks["is_overlap"]),
        )
    except (
        SafetensorError, sf.LibsndfileError, OSError, TypeError, KeyError, ValueError,
    ) as error:  # fmt: skip
        raise DataError(f"{path}: unreadable ({error}); remove it and run again") from error


def _about(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") != _FORMAT:
        raise DataError(f"{path}: of another format; remove it and run again")
    return cast("dict[str, Any]", json.loads(metadata["about"]))
