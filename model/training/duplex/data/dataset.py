"""Labelled clips on disk: one vector and one outcome every 80 ms.

A folder holds ``clips.jsonl`` (a line a clip), shards of tensors, ``features.json``, which names
the feature table they were made with, and the cache with what the clips were made from.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from model.duplex.frame_features import FEATURES, N_FEATURES, table_hash
from model.duplex.outcomes import N_OUTCOMES, NOT_SCORED
from model.files.records import read_json, read_jsonl
from model.files.whole_file import SHARED, write_atomically
from model.training.duplex.data.heard_clips import ClipInfo
from model.training.duplex.errors import DataError

CLIPS = "clips.jsonl"
TABLE = "features.json"
SHARDS = "shard-*.safetensors"
CACHE = "cache"
MARKED = "marked"
CLIPS_A_SHARD = 60
_AGAIN = "make the data again with python -m model.training.make_duplex_data"

_Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Clip:
    """A conversation or a piece of it.

    Attributes:
        features: float16 (t, N_FEATURES).
        outcomes: int8 (t,); NOT_SCORED where nothing is asked.
        is_overlap: bool (t,); the assistant speaks.
    """

    id: str
    split: str
    kind: str
    language: str
    source: str
    features: npt.NDArray[np.float16]
    outcomes: npt.NDArray[np.int8]
    is_overlap: npt.NDArray[np.bool_]

    @property
    def n_steps(self) -> int:
        """The number of vectors."""
        return len(self.outcomes)

    @property
    def is_marked(self) -> bool:
        """Whether a person complained about this moment."""
        return self.source == MARKED


@dataclass(frozen=True, slots=True)
class _Table:
    hash: str


def read_clips(folder: Path, splits: Sequence[str] = ("train", "val")) -> list[Clip]:
    """Return all clips of ``splits`` in the order of their list.

    Raises:
        DataError: the folder is stale, damaged or empty.
    """
    found = read_json(folder / TABLE, _Table, DataError, remedy=_AGAIN).hash
    if found != table_hash():
        raise DataError(
            f"{folder / TABLE}: hash: the clips have the features of table {found!r}, the present "
            f"one is {table_hash()!r}; {_AGAIN}"
        )
    infos = [info for info in read_infos(folder) if info.split in splits]
    tensors = _tensors(sorted(folder.glob(SHARDS)), {info.id for info in infos})
    clips = [_clip(folder, info, tensors) for info in infos]
    for split in splits:
        if not any(clip.split == split for clip in clips):
            raise DataError(f"{folder / CLIPS}: no clip is {split}; {_AGAIN}")
    return clips


def read_infos(folder: Path) -> Iterator[ClipInfo]:
    """Yield the lines of the list. Raises DataError."""
    for _, info in read_jsonl(folder / CLIPS, ClipInfo, DataError, remedy=_AGAIN):
        yield info


def _tensors(shards: Iterable[Path], wanted: set[str]) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {}
    for shard in shards:
        try:
            with safetensors.safe_open(shard, framework="np") as file:
                names = [name for name in file.keys() if name.rpartition(".")[0] in wanted]  # noqa: SIM118  a handle, no mapping
                found |= {name: file.get_tensor(name) for name in names}
        except (OSError, safetensors.SafetensorError) as error:
            raise DataError(f"{shard} cannot be read ({error}); {_AGAIN}") from error
    return found


def _clip(folder: Path, info: ClipInfo, tensors: _Tensors) -> Clip:
    name = info.id
    try:
        features = np.asarray(tensors[f"{name}.features"], np.float16)
        outcomes = np.asarray(tensors[f"{name}.outcomes"], np.int8)
        is_overlap = np.asarray(tensors[f"{name}.is_overlap"], np.bool_)
    except KeyError as error:
        raise DataError(f"{folder}: {error.args[0]} is in no shard; {_AGAIN}") from None
    n_steps = len(outcomes)
    sizes = (features.shape, outcomes.shape, is_overlap.shape)
    if sizes != ((n_steps, N_FEATURES), (n_steps,), (n_steps,)):
        raise DataError(f"{folder}: {name}: has tensors of sizes {sizes}; {_AGAIN}")
    if n_steps and not (outcomes.min() >= NOT_SCORED and outcomes.max() < N_OUTCOMES):
        raise DataError(f"{folder}: {name}.outcomes: holds unknown outcomes; {_AGAIN}")
    if not np.isfinite(features).all():
        raise DataError(f"{folder}: {name}.features: a value is no number; {_AGAIN}")
    return Clip(
        name, info.split, info.kind, info.language, info.source, features, outcomes, is_overlap
    )


def shard_path(folder: Path, index: int) -> Path:
    """Return the file of a shard."""
    return folder / f"shard-{index:03d}.safetensors"


def infos_of(path: Path, key: str) -> list[ClipInfo] | None:
    """Return the clips in a shard; None where it is missing, damaged or made for another key."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
    except (OSError, safetensors.SafetensorError):
        return None
    return [ClipInfo(**row) for row in about["clips"]] if about.get("key") == key else None


def write_shard(path: Path, key: str, infos: Sequence[ClipInfo], tensors: _Tensors) -> None:
    """Replace the shard at ``path``; ``key`` changes with everything it is made of."""
    about = json.dumps({"key": key, "clips": [asdict(info) for info in infos]})
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    content = safetensors.numpy.save(whole, {"about": about})
    write_atomically(path, content, mode=SHARED)


def write_lists(out: Path, infos: Sequence[ClipInfo], n_shards: int, detectors: str) -> None:
    """Write ``clips.jsonl`` and the feature table, and remove shards of a longer run before."""
    for stale in sorted(out.glob(SHARDS))[n_shards:]:
        stale.unlink()
    lines = "".join(json.dumps(asdict(info), ensure_ascii=False) + "\n" for info in infos)
    write_atomically(out / CLIPS, lines, mode=SHARED)
    table = {
        "hash": table_hash(),
        "detectors": detectors,
        "groups": [[name, size] for name, size in FEATURES],
    }
    write_atomically(out / TABLE, json.dumps(table, indent=1) + "\n", mode=SHARED)
