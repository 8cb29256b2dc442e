"""Labelled clips on disk as the trainer reads them: one vector and one outcome every 80 ms.

A folder holds ``clips.jsonl`` (a line a clip), shards of tensors and ``features.json``, which names
the feature table they were made with. Knows no sound and no network.

Vectors and outcomes on disk, as ``dataset`` reads them: shards, a list of clips, the table.

A shard that was made for the same clips, table and judges is kept. Knows no sound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from model.duplex.frame_features import FEATURES, N_FEATURES, table_hash
from model.duplex.outcomes import N_OUTCOMES, NOT_SCORED
from model.training.duplex.data.heard_clips import (
    ClipInfo,
    Tensor,
    read_about,
    write_tensors,
    write_text,
)
from model.training.duplex.data.records import DataError

CLIPS = "clips.jsonl"
TABLE = "features.json"
SHARDS = "shard-*.safetensors"
SPLITS = ("train", "val", "test")
MARKED = "marked"
_AGAIN = "make the data again with python -m model.training.make_duplex_data"


@dataclass(frozen=True, slots=True)
class Clip:
    """One conversation or a piece of it.

    Attributes:
        features: float16 (t, N_FEATURES).
        outcomes: int8 (t,); NOT_SCORED where nothing is asked.
        is_overlap: bool (t,); the assistant speaks.
        weights: float32 (t,).
    """

    id: str
    split: str
    kind: str
    language: str
    source: str
    features: npt.NDArray[np.float16]
    outcomes: npt.NDArray[np.int8]
    is_overlap: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.float32]

    @property
    def n_steps(self) -> int:
        return len(self.outcomes)

    @property
    def is_marked(self) -> bool:
        """A person complained about this moment."""
        return self.source == MARKED


def read_clips(folder: Path, splits: Sequence[str] = SPLITS[:2]) -> list[Clip]:
    """All clips of ``splits`` in the order of their list, which does not depend on the shards.

    Raises:
        DataError: the folder is stale, damaged or empty.
    """
    _check_table(folder / TABLE)
    rows = [row for row in _rows(folder / CLIPS) if row["split"] in splits]
    wanted = {str(row["id"]) for row in rows}
    tensors = _tensors(sorted(folder.glob(SHARDS)), wanted)
    clips = [_clip(folder, row, tensors) for row in rows]
    for split in splits:
        if not any(clip.split == split for clip in clips):
            raise DataError(f"{folder / CLIPS}: no clip is {split}; {_AGAIN}")
    return clips


def clip_names(folder: Path, split: str) -> list[str]:
    """Of one split, in the order of the list. Raises DataError."""
    return [str(row["id"]) for row in _rows(folder / CLIPS) if row["split"] == split]


def _check_table(path: Path) -> None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} is missing; {_AGAIN}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); {_AGAIN}") from error
    found = cast("dict[str, object]", content).get("hash") if isinstance(content, dict) else None
    if found != table_hash():
        raise DataError(
            f"{path}: hash: the clips have the features of table {found!r}, the present one is "
            f"{table_hash()!r}; {_AGAIN}"
        )


def _rows(path: Path) -> Iterator[Mapping[str, object]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {_AGAIN}") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}:{number}: {error}; {_AGAIN}") from error
        for key in ("id", "split", "kind", "language", "source"):
            if not isinstance(row, dict) or not isinstance(row.get(key), str):
                raise DataError(f"{path}:{number}: {key}: must be a text; {_AGAIN}")
        if row["split"] not in SPLITS:
            raise DataError(
                f"{path}:{number}: split: must be one of {', '.join(SPLITS)}, got "
                f"{row['split']!r}; {_AGAIN}"
            )
        yield cast("dict[str, object]", row)


def _tensors(shards: Iterable[Path], wanted: set[str]) -> dict[str, npt.NDArray[np.generic]]:
    found: dict[str, npt.NDArray[np.generic]] = {}
    for shard in shards:
        try:
            with safetensors.safe_open(shard, framework="np") as stored:
                keys = [key for key in stored.keys() if key.rpartition(".")[0] in wanted]  # noqa: SIM118  a handle, no mapping
                found |= {key: stored.get_tensor(key) for key in keys}
        except (OSError, safetensors.SafetensorError) as error:
            raise DataError(f"{shard} cannot be read ({error}); {_AGAIN}") from error
    return found


def _clip(
    folder: Path, row: Mapping[str, object], tensors: Mapping[str, npt.NDArray[np.generic]]
) -> Clip:
    name = str(row["id"])
    try:
        features = np.asarray(tensors[f"{name}.features"], np.float16)
        outcomes = np.asarray(tensors[f"{name}.outcomes"], np.int8)
        is_overlap = np.asarray(tensors[f"{name}.is_overlap"], np.bool_)
    except KeyError as error:
        raise DataError(f"{folder}: {error.args[0]} is in no shard; {_AGAIN}") from None
    n_steps = len(outcomes)
    stored = tensors.get(f"{name}.weights")
    weights = np.ones(n_steps, np.float32) if stored is None else np.asarray(stored, np.float32)
    sizes = (features.shape, outcomes.shape, is_overlap.shape, weights.shape)
    if sizes != ((n_steps, N_FEATURES), (n_steps,), (n_steps,), (n_steps,)):
        raise DataError(f"{folder}: {name}: has tensors of sizes {sizes}; {_AGAIN}")
    if n_steps and not (outcomes.min() >= NOT_SCORED and outcomes.max() < N_OUTCOMES):
        raise DataError(f"{folder}: {name}.outcomes: holds unknown outcomes; {_AGAIN}")
    if not np.isfinite(features).all():
        raise DataError(f"{folder}: {name}.features: a value is no number; {_AGAIN}")
    texts = {key: str(row[key]) for key in ("split", "kind", "language", "source")}
    return Clip(
        id=name, **texts, features=features, outcomes=outcomes, is_overlap=is_overlap,
        weights=weights,
    )  # fmt: skip


CLIPS_A_SHARD = 60


def shard_path(out: Path, index: int) -> Path:
    return out / f"shard-{index:03d}.safetensors"


def is_made(path: Path, key: str) -> bool:
    """Whether ``path`` holds what ``key`` names. Raises DataError."""
    return path.is_file() and read_about(path).get("key") == key


def shard_key(names: Sequence[str], judges: str) -> str:
    """Changes with the clips, the feature table and who judges pauses."""
    return "\n".join((table_hash(), judges, *names))


def write_shard(path: Path, tensors: Mapping[str, Tensor], key: str) -> None:
    """Replaces ``path``; ``key``: see ``shard_key``."""
    write_tensors(path, tensors, {"key": key})


def write_lists(out: Path, infos: Sequence[ClipInfo], n_shards: int, judges: str) -> None:
    """``clips.jsonl`` and the feature table; shards of an earlier, longer run are removed."""
    for stale in sorted(out.glob("shard-*.safetensors"))[n_shards:]:
        stale.unlink()
    lines = "".join(json.dumps(asdict(info), ensure_ascii=False) + "\n" for info in infos)
    write_text(out / CLIPS, lines)
    table = {
        "hash": table_hash(),
        "judges": judges,
        "groups": [[group.name, group.size] for group in FEATURES],
    }
    write_text(out / TABLE, json.dumps(table, indent=1) + "\n")
