"""Vectors and outcomes on disk, as ``dataset`` reads them: shards, a list of clips, the table.

A shard that was made for the same clips, table and judges is kept. Knows no sound.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from model.duplex.features import FEATURES, table_hash
from model.training.duplex.dataset import CLIPS, TABLE
from model.training.duplex.heard import ClipInfo
from model.training.duplex.tensor_file import Tensor, read_about, write_tensors, write_text

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
