"""What the predictor was given, 10 ms a row, as arrays and back bit for bit.

Goes by the fields of ``UserState`` and ``AgentState``, whatever they are. Knows no file.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from app.replay_codec import CodecError
from audio_io.frames import AudioFrame, frozen
from model.interfaces import AgentState, UserState

Arrays = Mapping[str, npt.NDArray[Any]]
Row = tuple[UserState, AgentState]
T = TypeVar("T")

NO_SOUND = -1  # length of a frame that was None, or is left out
_SAMPLES = ".samples"
_SIDES: tuple[tuple[str, type[Any]], ...] = (("user", UserState), ("agent", AgentState))
_DTYPES: dict[type[Any], type[Any]] = {
    float: np.float64,
    int: np.int64,
    bool: np.bool_,
    str: np.int32,  # which of the texts
}


def columns_of(rows: Sequence[Row], text_id: Callable[[str], int]) -> dict[str, npt.NDArray[Any]]:
    """``text_id`` numbers the texts. Sound is float32 (n_samples,) of all rows in one."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for at, (side, kind) in enumerate(_SIDES):
        for name, hint in _fields(kind).items():
            values = [getattr(row[at], name) for row in rows]
            if hint is AudioFrame:
                arrays |= _sound_columns(f"{side}.{name}", values)
            else:
                plain = [text_id(value) for value in values] if hint is str else values
                arrays[f"{side}.{name}"] = np.array(plain, dtype=_DTYPES[hint])
    return arrays


def without_sound(arrays: Mapping[str, T]) -> dict[str, T]:
    """Lengths and times of the frames stay."""
    return {name: array for name, array in arrays.items() if not name.endswith(_SAMPLES)}


def rows_of(arrays: Arrays, texts: Sequence[str]) -> Iterator[Row]:
    """Fields that the arrays lack have their defaults, sound that was left out is silence.

    Raises CodecError.
    """
    n_rows = len(_column(arrays, "user.frame.length"))
    users = _states(UserState, "user", arrays, texts, n_rows)
    agents = _states(AgentState, "agent", arrays, texts, n_rows)
    yield from zip(users, agents, strict=True)


def _states(
    kind: type[T], side: str, arrays: Arrays, texts: Sequence[str], n_rows: int
) -> Iterator[T]:
    values: dict[str, Sequence[Any]] = {}
    for name, hint in _fields(kind).items():
        if hint is AudioFrame:
            if f"{side}.{name}.length" in arrays:
                values[name] = _frames(f"{side}.{name}", arrays)
        elif f"{side}.{name}" in arrays:
            column = _column(arrays, f"{side}.{name}").tolist()
            values[name] = [_text(texts, i) for i in column] if hint is str else column
    if any(len(column) != n_rows for column in values.values()):
        raise CodecError("has columns of different lengths")
    for i in range(n_rows):
        try:
            yield kind(**{name: column[i] for name, column in values.items()})
        except TypeError as error:
            raise CodecError(f"lacks a column ({error})") from None


def _sound_columns(name: str, frames: Sequence[AudioFrame | None]) -> dict[str, npt.NDArray[Any]]:
    lengths = [NO_SOUND if frame is None else len(frame.samples) for frame in frames]
    sound = [frame.samples for frame in frames if frame is not None]
    return {
        f"{name}.length": np.array(lengths, dtype=np.int32),
        f"{name}.start": np.array([f.start if f else 0 for f in frames], dtype=np.int64),
        f"{name}.rate_hz": np.array([f.rate_hz if f else 0 for f in frames], dtype=np.int32),
        f"{name}{_SAMPLES}": np.concatenate(sound) if sound else np.empty(0, dtype=np.float32),
    }


def _frames(name: str, arrays: Arrays) -> list[AudioFrame | None]:
    lengths = _column(arrays, f"{name}.length").tolist()
    starts = _column(arrays, f"{name}.start").tolist()
    rates_hz = _column(arrays, f"{name}.rate_hz").tolist()
    silence = np.zeros(sum(max(0, length) for length in lengths), dtype=np.float32)
    samples = frozen(arrays.get(f"{name}{_SAMPLES}", silence))
    if not len(lengths) == len(starts) == len(rates_hz):
        raise CodecError("has columns of different lengths")
    if samples.shape != silence.shape:
        raise CodecError(f"does not hold the sound that {name} names")
    frames: list[AudioFrame | None] = []
    at = 0
    for length, start, rate_hz in zip(lengths, starts, rates_hz, strict=True):
        if length == NO_SOUND:
            frames.append(None)
            continue
        frames.append(AudioFrame(samples[at : at + length], start, rate_hz))
        at += length
    return frames


def _text(texts: Sequence[str], i: int) -> str:
    if not 0 <= i < len(texts):
        raise CodecError(f"names text {i} of {len(texts)}")
    return texts[i]


def _column(arrays: Arrays, name: str) -> npt.NDArray[Any]:
    if name not in arrays or arrays[name].ndim != 1:
        raise CodecError(f"lacks the column {name}")
    return arrays[name]


@cache
def _fields(kind: type[Any]) -> dict[str, type[Any]]:
    """Name and type of each field; of ``X | None`` the X."""
    hints = typing.get_type_hints(kind)
    return {f.name: _bare(hints[f.name]) for f in dataclasses.fields(kind)}


def _bare(hint: object) -> type[Any]:
    args = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
    return cast("type[Any]", args[0] if args else hint)
