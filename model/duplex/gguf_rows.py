"""Reading rows of one 8-bit table of a GGUF file (GGUF specification, version 3)."""

import struct
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from model.errors import WeightsError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_ALIGNMENT_KEY = "general.alignment"
_DEFAULT_ALIGNMENT = 32
_UINT32 = 4
_Q8_0 = 8  # blocks of 32 values: one float16 scale, then int8
_BLOCK_VALUES = 32
_BLOCK = np.dtype([("scale", "<f2"), ("values", "i1", (_BLOCK_VALUES,))])


def read_rows(path: Path, tensor: str, n_rows: int) -> npt.NDArray[np.float32]:
    """Return the first ``n_rows`` rows of ``tensor``: float32 (n_rows, n_columns).

    Raises:
        WeightsError: the file is no GGUF file or holds no such 8-bit table.
    """
    try:
        with path.open("rb") as file:
            n_columns, offset = _find(file, tensor, n_rows)
            file.seek(offset)
            n_blocks = n_rows * n_columns // _BLOCK_VALUES
            blocks = np.frombuffer(file.read(n_blocks * _BLOCK.itemsize), _BLOCK, n_blocks)
    except (OSError, ValueError, struct.error) as error:
        raise WeightsError(
            f"{path}: cannot be read as GGUF weights ({error}); "
            "remove it and run `parley models get`"
        ) from error
    values = blocks["values"].astype(np.float32) * blocks["scale"].astype(np.float32)[:, None]
    return values.reshape(n_rows, n_columns)


def _find(file: IO[bytes], wanted: str, n_rows: int) -> tuple[int, int]:
    """Columns of tensor ``wanted``, which has ``n_rows`` or more, and its place in the file."""
    if file.read(4) != _MAGIC:
        raise ValueError("it does not begin with GGUF")
    version, n_tensors, n_keys = _unpack(file, "<IQQ")
    if version not in _VERSIONS:
        raise ValueError(f"its version is {version}")
    alignment = _DEFAULT_ALIGNMENT
    for _ in range(n_keys):
        key = _text(file)
        (kind,) = _unpack(file, "<I")
        if key == _ALIGNMENT_KEY and kind == _UINT32:
            (alignment,) = _unpack(file, "<I")
        else:
            _skip(file, kind)
    found: tuple[int, int] | None = None
    for _ in range(n_tensors):
        name = _text(file)
        (n_dimensions,) = _unpack(file, "<I")
        shape = _unpack(file, f"<{n_dimensions}Q")
        kind, offset = _unpack(file, "<IQ")
        if name == wanted:
            if n_dimensions != 2 or kind != _Q8_0 or shape[0] % _BLOCK_VALUES:
                raise ValueError(f"{name} is of kind {kind}, not an 8-bit table")
            if shape[1] < n_rows:
                raise ValueError(f"{name} has {shape[1]} rows, {n_rows} are wanted")
            found = shape[0], offset
    if found is None:
        raise ValueError(f"it has no tensor {wanted}")
    n_columns, offset = found
    start = -(-file.tell() // alignment) * alignment
    return n_columns, start + offset


def _unpack(file: IO[bytes], layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _text(file: IO[bytes]) -> str:
    (n_bytes,) = _unpack(file, "<Q")
    return file.read(n_bytes).decode("utf-8")


def _skip(file: IO[bytes], kind: int) -> None:
    n_items = 1
    if kind == _ARRAY:
        kind, n_items = _unpack(file, "<IQ")
    if kind == _STRING:
        for _ in range(n_items):
            (n_bytes,) = _unpack(file, "<Q")
            file.seek(n_bytes, 1)
    elif kind in _SCALAR_BYTES:
        file.seek(_SCALAR_BYTES[kind] * n_items, 1)
    else:
        raise ValueError(f"a value of kind {kind}")
