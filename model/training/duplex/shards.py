"""Vectors and outcomes on disk, as ``dataset`` reads them: shards, a list of clips, the table.

A shard that was made for the same clips, table and judges is kept. Knows no sound.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from model.duplex.features import FEATURES, table_hash
from model.training.duplex.dataset import CLIPS, TABLE
from model.training.duplex.heard import ClipInfo

CLIPS_A_SHARD = 60


def shard_path(out: Path, index: int) -> Path:
    return out / f"shard-{index:03d}.safetensors"


def is_made(path: Path, key: str) -> bool:
    """``key``: see ``shard_key``."""
    if not path.is_file():
        return False
    try:
        with safe_open(path, "np") as file:
            metadata: Mapping[str, str] | None = file.metadata()
    except (SafetensorError, OSError):
        return False
    return metadata is not None and metadata.get("key") == key


def shard_key(names: Sequence[str], judges: str) -> str:
    """Changes with the clips, the feature table and who judges pauses."""
    return "\n".join((table_hash(), judges, *names))


def write_shard(path: Path, tensors: Mapping[str, npt.NDArray[np.generic]], key: str) -> None:
    """Nothing is left half written."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, partial, {"key": key})
    partial.replace(path)


def write_lists(out: Path, infos: Sequence[ClipInfo], n_shards: int, judges: str) -> None:
    """``clips.jsonl`` and the feature table; shards of an earlier, longer run are removed."""
    for stale in sorted(out.glob("shard-*.safetensors"))[n_shards:]:
        stale.unlink()
    lines = "".join(json.dumps(asdict(info), ensure_ascii=False) + "\n" for info in infos)
    _replace(out / CLIPS, lines)
    table = {
        "hash": table_hash(),
        "judges": judges,
        "groups": [[group.name, group.size] for group in FEATURES],
    }
    _replace(out / TABLE, json.dumps(table, indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
