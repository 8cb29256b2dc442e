"""Events, effects, states and rules as JSON and back, by the types of their fields.

Floats come back bit for bit. Knows the unions of the dialogue, no file. The sound of a reply is
left out: nothing is decided by it.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast

import numpy as np

from app.effects import Effect
from app.events import DialogueEvent
from audio_io.frames import frozen
from model.interfaces import TurnKey, VoicePreset

Json = Any
Hint = Any
T = TypeVar("T")

_NAME = "is"
_SOUNDLESS = frozen(np.empty(0, dtype=np.float32))
# Names that the events' own module imports for its annotations only.
_ANNOTATED = {"TurnKey": TurnKey, "VoicePreset": VoicePreset}


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
