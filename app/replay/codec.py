"""A recorded conversation as JSON lines and NPZ columns, and back bit for bit.

Lines hold what the dialogue saw and did, columns what the predictor was given, a row each 10 ms;
both go by the fields of the types they hold. The sound of a reply is left out: nothing is decided
by it.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
import numpy as np
import numpy.typing as npt

from audio_io.frames import AudioFrame, UserFrame, frozen
from model.types import AgentState

Json = Any
Columns = Mapping[str, npt.NDArray[Any]]
Row = tuple[UserFrame, AgentState]
T = TypeVar("T")

VERSION = 2
NAMES_OF_VERSION_1 = {
    "p_continue": "p_hold",
    "network_continue": "network_hold",
    "own_pauses_extra_ms": "adaptive_extra_ms",
    "own pauses are long": "this speaker pauses for long",
    "TurnOpinion": "TurnScored",
    "conversation.patience": "conversation.endpointing_mode",
}
"""Keys and whole strings of older recordings, and what they are called now."""
COLUMNS_OF_VERSION_1 = {
    "user.frame.": "user.clean.",
    "user.model_p_end": "agent.model_p_end",
    "agent.far": "user.far",
}
"""Beginnings of the names of columns, likewise."""

_NAME = "is"
_SOUNDLESS = frozen(np.empty(0, dtype=np.float32))
_NO_SOUND = -1  # length of a frame that was None
_SAMPLES = ".samples"
_IS_THERE = ".is_there"  # a record that may be None
_SIDES: tuple[tuple[str, type[Any]], ...] = (("user", UserFrame), ("agent", AgentState))


class CodecError(ValueError):
    """What was read is no such value; the message names the field."""


def encode(value: object) -> Json:
    """Return plain JSON. Raises TypeError for what none of the dialogue's values hold."""
    return msgspec.to_builtins(value, enc_hook=_encoded)


def encode_named(value: object) -> dict[str, Json]:
    """Return plain JSON with the name of its type, for the members of a union."""
    return {_NAME: type(value).__name__, **encode(value)}


def decode(kind: type[T], data: Json) -> T:
    """Return a ``kind`` from what ``encode`` made of it. Raises CodecError."""
    try:
        return msgspec.convert(data, kind, dec_hook=_decoded)
    except msgspec.ValidationError as error:
        raise CodecError(f"{kind.__name__}: {error}") from None


def decode_named(union: object, data: Json) -> Json:
    """Return a member of ``union`` from what ``encode_named`` made of it. Raises CodecError."""
    members = {member.__name__: member for member in typing.get_args(union)}
    fields = dict(cast("dict[str, Json]", data)) if isinstance(data, dict) else {}
    name = fields.pop(_NAME, None)
    if name not in members:
        raise CodecError(f"{name!r} is nothing that this version knows")
    unknown = fields.keys() - _fields(members[name])
    if unknown:
        raise CodecError(f"{name} has no {', '.join(sorted(unknown))}")
    return decode(members[name], fields)


def decode_line(line: bytes, version: int) -> dict[str, Json]:
    """Return a line of JSON in the words of this version. Raises CodecError."""
    try:
        data = json.loads(line)
    except ValueError as error:
        raise CodecError(str(error)) from None
    if not isinstance(data, dict):
        raise CodecError("is no table")
    return _with_new_names(data) if version < VERSION else cast("dict[str, Json]", data)


def _encoded(value: object) -> Json:
    if isinstance(value, np.generic):
        return cast(Any, value).item()
    if isinstance(value, np.ndarray):
        return None
    raise TypeError(f"a replay cannot hold {type(value).__name__}")


def _decoded(kind: object, value: object) -> object:
    if typing.get_origin(kind) is np.ndarray and value is None:
        return _SOUNDLESS
    raise CodecError(f"{value!r} is no {kind}")


def _with_new_names(data: Json) -> Json:
    names = NAMES_OF_VERSION_1
    if isinstance(data, dict):
        items = cast("dict[str, Json]", data).items()
        return {names.get(key, key): _with_new_names(value) for key, value in items}
    if isinstance(data, list):
        return [_with_new_names(item) for item in cast("list[Json]", data)]
    return names.get(data, data) if isinstance(data, str) else data


def columns_of(rows: Sequence[Row], text_id: Callable[[str], int]) -> Columns:
    """Return columns by name, (n_rows,) each; the sound of all rows is one array, float32.

    Args:
        text_id: numbers the texts.
    """
    columns: dict[str, npt.NDArray[Any]] = {}
    for at, (side, kind) in enumerate(_SIDES):
        columns |= _columns_of(side, kind, [row[at] for row in rows], text_id)
    return columns


def _columns_of(
    name: str, kind: type[Any], records: Sequence[object], text_id: Callable[[str], int]
) -> dict[str, npt.NDArray[Any]]:
    columns: dict[str, npt.NDArray[Any]] = {}
    for field, of in _fields(kind).items():
        column, values = f"{name}.{field}", [getattr(record, field) for record in records]
        if of is AudioFrame:
            columns |= _sound_columns(column, values)
        elif of is str:
            columns[column] = np.array([text_id(value) for value in values], dtype=np.int32)
        elif dataclasses.is_dataclass(of):
            columns[f"{column}{_IS_THERE}"] = np.array([value is not None for value in values])
            present = [of() if value is None else value for value in values]
            columns |= _columns_of(column, of, present, text_id)
        else:
            columns[column] = np.array(values, dtype=of)
    return columns


def rows_of(columns: Columns, texts: Sequence[str]) -> Iterator[Row]:
    """Yield the rows; sound that was left out is silence, a field without a column its default.

    Raises CodecError.
    """
    columns = {_new_name(name): column for name, column in columns.items()}
    users, agents = (_values(side, kind, columns, texts) for side, kind in _SIDES)
    if len({len(column) for column in (*users.values(), *agents.values())}) != 1:
        raise CodecError("has columns of different lengths, or none")
    try:
        for user, agent in zip(_rows(users), _rows(agents), strict=True):
            yield UserFrame(**user), AgentState(**agent)
    except TypeError as error:
        raise CodecError(f"lacks a column ({error})") from None


def without_sound(columns: Columns) -> Columns:
    """Return the columns without samples; lengths and times of the frames stay."""
    return {name: column for name, column in columns.items() if not name.endswith(_SAMPLES)}


def _values(
    side: str, kind: type[Any], columns: Columns, texts: Sequence[str]
) -> dict[str, Sequence[Any]]:
    """Values of every row by field."""
    values: dict[str, Sequence[Any]] = {}
    for field, of in _fields(kind).items():
        name = f"{side}.{field}"
        if dataclasses.is_dataclass(of) and f"{name}{_IS_THERE}" in columns:
            are_there = _column(columns, f"{name}{_IS_THERE}")
            records = _rows(_values(name, of, columns, texts))
            values[field] = [
                of(**record) if is_there else None
                for record, is_there in zip(records, are_there, strict=True)
            ]
        elif of is AudioFrame and f"{name}.length" in columns:
            values[field] = _frames(name, columns)
        elif name in columns:
            values[field] = column = _column(columns, name)
            if of is str:
                values[field] = [_text(texts, i) for i in column]
    return values


def _text(texts: Sequence[str], i: int) -> str:
    if not 0 <= i < len(texts):
        raise CodecError(f"names text {i} of {len(texts)}")
    return texts[i]


def _new_name(column: str) -> str:
    old = next((old for old in COLUMNS_OF_VERSION_1 if column.startswith(old)), "")
    return COLUMNS_OF_VERSION_1.get(old, "") + column.removeprefix(old)


def _rows(values: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    return (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))


def _sound_columns(name: str, frames: Sequence[AudioFrame | None]) -> Columns:
    sound = [frame.samples for frame in frames if frame is not None]
    lengths = [_NO_SOUND if frame is None else len(frame.samples) for frame in frames]
    return {
        f"{name}.length": np.array(lengths, dtype=np.int32),
        f"{name}.start": np.array([f.start if f else 0 for f in frames], dtype=np.int64),
        f"{name}.rate_hz": np.array([f.rate_hz if f else 0 for f in frames], dtype=np.int32),
        f"{name}{_SAMPLES}": np.concatenate(sound) if sound else _SOUNDLESS,
    }


def _frames(name: str, columns: Columns) -> list[AudioFrame | None]:
    lengths, starts, rates_hz = (
        _column(columns, f"{name}.{part}") for part in ("length", "start", "rate_hz")
    )
    if not len(lengths) == len(starts) == len(rates_hz):
        raise CodecError("has columns of different lengths")
    ends = np.cumsum(np.maximum(lengths, 0)).tolist()
    silence = np.zeros(ends[-1] if ends else 0, dtype=np.float32)
    samples = frozen(columns.get(f"{name}{_SAMPLES}", silence))
    if samples.shape != silence.shape:
        raise CodecError(f"does not hold the sound that {name} names")
    return [
        None if n == _NO_SOUND else AudioFrame(samples[end - n : end], start, rate_hz)
        for n, end, start, rate_hz in zip(lengths, ends, starts, rates_hz, strict=True)
    ]


def _column(columns: Columns, name: str) -> list[Any]:
    if name not in columns or columns[name].ndim != 1:
        raise CodecError(f"lacks the column {name}")
    return columns[name].tolist()


@cache
def _fields(kind: type[Any]) -> dict[str, type[Any]]:
    """Name and type of each field; of ``X | None`` the X."""
    found: dict[str, type[Any]] = {}
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        args = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        found[field.name] = args[0] if args else hint
    return found
