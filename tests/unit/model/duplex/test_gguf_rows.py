from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.duplex.gguf_rows import read_rows
from model.errors import WeightsError

N_COLUMNS = 64
ALIGNMENT = 64
Q8_0, F32 = 8, 0


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(path: Path, table: np.ndarray, scales: np.ndarray, kind: int = Q8_0) -> Path:
    """A file with keys of every shape and the table behind another tensor."""
    n_rows = len(table)
    keys = [
        text("general.alignment") + struct.pack("<II", 4, ALIGNMENT),
        text("name") + struct.pack("<I", 8) + text("größe"),
        text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("one") + text(""),
        text("types") + struct.pack("<IIQ3i", 9, 5, 3, 1, 2, 3),
        text("eps") + struct.pack("<If", 6, 1e-5),
    ]
    tensors = [
        text("norm") + struct.pack("<IQIQ", 1, 4, F32, 0),
        text("table") + struct.pack("<IQQIQ", 2, N_COLUMNS, n_rows, kind, ALIGNMENT),
    ]
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    header += b"".join(keys) + b"".join(tensors)
    header += bytes(-len(header) % ALIGNMENT)
    blocks = bytearray()
    for values, scale in zip(table.reshape(-1, 32), scales.ravel(), strict=True):
        blocks += struct.pack("<e", scale) + values.astype(np.int8).tobytes()
    path.write_bytes(header + bytes(ALIGNMENT) + bytes(blocks))
    return path


@pytest.fixture
def table() -> np.ndarray:
    return np.random.default_rng(1).integers(-127, 128, (5, N_COLUMNS))


@pytest.fixture
def scales() -> np.ndarray:
    return np.array([0.5, 0.25, 1.0, 2.0, 0.125, 0.5, 4.0, 1.0, 0.5, 0.25]).reshape(5, 2)


def test_the_first_rows_are_read(tmp_path: Path, table: np.ndarray, scales: np.ndarray) -> None:
    path = gguf(tmp_path / "a.gguf", table, scales)
    expected = table * np.repeat(scales, 32, axis=1)
    np.testing.assert_array_equal(read_rows(path, "table", 3), expected[:3])
    np.testing.assert_array_equal(read_rows(path, "table", 5), expected)


@pytest.mark.parametrize(
    ("name", "n_rows", "reason"),
    [
        ("other", 3, "has no tensor other"),
        ("table", 6, "has 5 rows, 6 are wanted"),
        ("norm", 1, "not an 8-bit table"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, table: np.ndarray, scales: np.ndarray, name: str, n_rows: int, reason: str
) -> None:
    path = gguf(tmp_path / "a.gguf", table, scales)
    with pytest.raises(WeightsError, match=rf"a\.gguf.*{reason}.*parley models get"):
        read_rows(path, name, n_rows)


@pytest.mark.parametrize(
    "spoil",
    [lambda raw: b"", lambda raw: b"PK" + raw[2:], lambda raw: raw[:60], lambda raw: raw[:-30]],
    ids=["empty", "no GGUF", "cut in the header", "cut in the table"],
)
def test_a_damaged_file_is_refused_in_one_line(
    tmp_path: Path, table: np.ndarray, scales: np.ndarray, spoil: Callable[[bytes], bytes]
) -> None:
    path = gguf(tmp_path / "a.gguf", table, scales)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(WeightsError, match=r"a\.gguf: cannot be read") as caught:
        read_rows(path, "table", 5)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.gguf"):
        read_rows(tmp_path / "none.gguf", "table", 1)
