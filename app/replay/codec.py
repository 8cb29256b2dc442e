"""Events, effects, states and rules as JSON and back, by the types of their fields.

Floats come back bit for bit. Knows the unions of the dialogue, no file. The sound of a reply is
left out: nothing is decided by it.

What the predictor was given, 10 ms a row, as arrays and back bit for bit.

Goes by the fields of ``UserFrame`` and ``AgentState``, whatever they are. Knows no file.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast

import numpy as np
import numpy.typing as npt

from app.dialogue.effects import Effect
from app.dialogue.events import DialogueEvent
from audio_io.frames import AudioFrame, UserFrame, frozen
from model.types import AgentState, TurnKey, VoicePreset

Json = Any
Hint = Any
T = TypeVar("T")

_NAME = "is"
_SOUNDLESS = frozen(np.empty(0, dtype=np.float32))
# Names that the events' own module imports for its annotations only.
_ANNOTATED = {"TurnKey": TurnKey, "VoicePreset": VoicePreset}


OLD_NAMES = {
    "p_continue": "p_hold",
    "network_continue": "network_hold",
    "own_pauses_extra_ms": "adaptive_extra_ms",
    "own pauses are long": "this speaker pauses for long",
    "TurnOpinion": "TurnScored",
    "conversation.patience": "conversation.endpointing_mode",
}
"""Names in recordings made before they were renamed, and what they are called now."""


class CodecError(ValueError):
    """What was read is no such value; the message names the field."""


def encode(value: object) -> Json:
    """Plain JSON. Raises TypeError for what none of the dialogue's values hold."""
    if value is None or isinstance(value, bool | str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, np.generic):
        return cast(Any, value).item()
    if isinstance(value, np.ndarray):
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): encode(item) for key, item in items}
    if isinstance(value, tuple | list):
        return [encode(item) for item in cast("Sequence[object]", value)]
    raise TypeError(f"a replay cannot hold {type(value).__name__}")


def with_new_names(data: Json) -> Json:
    """Return ``data`` with every key and every whole string of ``OLD_NAMES`` renamed."""
    if isinstance(data, dict):
        items = cast("dict[str, Json]", data).items()
        return {OLD_NAMES.get(key, key): with_new_names(value) for key, value in items}
    if isinstance(data, list):
        return [with_new_names(item) for item in cast("list[Json]", data)]
    return OLD_NAMES.get(data, data) if isinstance(data, str) else data


def encode_named(value: DialogueEvent | Effect) -> dict[str, Json]:
    """With the name of its type, for the members of a union."""
    return {_NAME: type(value).__name__, **encode(value)}


def decode_event(data: Json) -> DialogueEvent:
    """Raises CodecError."""
    return cast(DialogueEvent, _decode_named(data, _members(DialogueEvent)))


def decode_effect(data: Json) -> Effect:
    """Raises CodecError."""
    return cast(Effect, _decode_named(data, _members(Effect)))


def decode(kind: type[T], data: Json, place: str = "") -> T:
    """``kind`` from what ``encode`` made of it. Raises CodecError."""
    place = place or kind.__name__
    if not isinstance(data, dict):
        raise CodecError(f"{place} is no table")
    table = cast("dict[str, Json]", data)
    hints = _hints(kind)
    fields = dataclasses.fields(cast("type[Any]", kind))
    unknown = table.keys() - {f.name for f in fields} - {_NAME}
    if unknown:
        raise CodecError(f"{place} has no {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    for f in fields:
        if f.name in table:
            values[f.name] = _value(hints[f.name], table[f.name], f"{place}.{f.name}")
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise CodecError(f"{place}.{f.name} is missing")
    return kind(**values)


def _decode_named(data: Json, members: Mapping[str, type[Any]]) -> object:
    name = cast("dict[str, Json]", data).get(_NAME) if isinstance(data, dict) else None
    if not isinstance(name, str) or name not in members:
        raise CodecError(f"{name!r} is nothing that this version knows")
    return decode(members[name], data)


def _members(union: object) -> dict[str, type[Any]]:
    return {member.__name__: member for member in typing.get_args(union)}


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind, localns=_ANNOTATED)


def _value(hint: Hint, data: Json, place: str) -> Json:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, Union):
        if data is None:
            return None
        (hint,) = (arg for arg in args if arg is not types.NoneType)
        return _value(hint, data, place)
    if origin is tuple:
        return _tuple(args, data, place)
    if origin is dict:
        if not isinstance(data, dict):
            raise CodecError(f"{place} is no table")
        items = cast("dict[str, Json]", data).items()
        return {key: _value(args[1], item, f"{place}.{key}") for key, item in items}
    if origin is np.ndarray:
        return _SOUNDLESS
    if dataclasses.is_dataclass(hint):
        return decode(cast("type[Any]", hint), data, place)
    return _plain(hint, data, place)


def _tuple(args: tuple[Any, ...], data: Json, place: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise CodecError(f"{place} is no list")
    items = cast("list[Json]", data)
    kinds = [args[0]] * len(items) if len(args) == 2 and args[1] is Ellipsis else list(args)
    if len(kinds) != len(items):
        raise CodecError(f"{place} has {len(items)} items, not {len(kinds)}")
    return tuple(_value(k, items[i], f"{place}[{i}]") for i, k in enumerate(kinds))


def _plain(hint: Hint, data: Json, place: str) -> Json:
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(data)
        except ValueError:
            raise CodecError(f"{place} is {data!r}") from None
    is_number = isinstance(data, int | float) and not isinstance(data, bool)
    if hint is float and is_number:
        return float(data)
    if (hint is int and is_number and not isinstance(data, float)) or type(data) is hint:
        return data
    raise CodecError(f"{place} is {data!r}")


Arrays = Mapping[str, npt.NDArray[Any]]
Row = tuple[UserFrame, AgentState]
ColumnT = TypeVar("ColumnT")

NO_SOUND = -1  # length of a frame that was None, or is left out
_SAMPLES = ".samples"
_SIDES: tuple[tuple[str, type[Any]], ...] = (("user", UserFrame), ("agent", AgentState))
# Columns of older recordings by the name that they have now.
_RENAMED = (
    ("user.frame.", "user.clean."),
    ("user.model_p_end", "agent.model_p_end"),
    ("agent.far", "user.far"),
)
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


def without_sound(arrays: Mapping[str, ColumnT]) -> dict[str, ColumnT]:
    """Lengths and times of the frames stay."""
    return {name: array for name, array in arrays.items() if not name.endswith(_SAMPLES)}


def rows_of(arrays: Arrays, texts: Sequence[str]) -> Iterator[Row]:
    """Fields that the arrays lack have their defaults, sound that was left out is silence.

    Raises CodecError.
    """
    arrays = {_renamed(name): array for name, array in arrays.items()}
    n_rows = len(_column(arrays, "user.clean.length"))
    users = _states(UserFrame, "user", arrays, texts, n_rows)
    agents = _states(AgentState, "agent", arrays, texts, n_rows)
    yield from zip(users, agents, strict=True)


def _renamed(name: str) -> str:
    old, new = next((pair for pair in _RENAMED if name.startswith(pair[0])), ("", ""))
    return new + name.removeprefix(old)


def _states(
    kind: type[ColumnT], side: str, arrays: Arrays, texts: Sequence[str], n_rows: int
) -> Iterator[ColumnT]:
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
