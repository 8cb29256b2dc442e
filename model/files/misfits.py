"""Saying which value of a document does not fit its record type, and what it should be."""

import dataclasses
import json
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec

Form = Any  # a class, or an annotation such as ``tuple[int, ...]`` or ``Annotated[float, ...]``

_LISTS = (list, tuple, set, frozenset, Sequence)
_MAPPINGS = (dict, Mapping)


class Misfit(ValueError):
    """Raised in ``__post_init__`` of a record: the value of ``key`` does not go with the others."""

    def __init__(self, key: str, what: str, remedy: str = "") -> None:
        super().__init__(key, what, remedy)
        self.key, self.what, self.remedy = key, what, remedy


def entries(value: object) -> Iterator[tuple[str | int, object]]:
    """Yield key or index and value of every entry of a JSON object or list."""
    if isinstance(value, dict):
        yield from cast("dict[str, object]", value).items()
    elif isinstance(value, list):
        yield from enumerate(cast("list[object]", value))


def joined(key: str, name: str | int) -> str:
    """Return the path of entry ``name`` of ``key``, e.g. "user[2].wav"."""
    if isinstance(name, int):
        return f"{key}[{name}]"
    return f"{key}.{name}" if key else name


def explained(value: object, kind: Form, failure: Exception, mapping: str) -> tuple[str, str, str]:
    """Return key, problem and remedy of the innermost value that does not fit ``kind``.

    Args:
        failure: what ``msgspec.convert`` raised.
        mapping: what the file's format calls an object: "an object", "a table".
    """
    key = ""
    while found := _failing_child(value, kind):
        name, value, kind, failure = found
        key = joined(key, name)
    if isinstance(failure.__cause__, Misfit):
        misfit = failure.__cause__
        return joined(key, misfit.key) if misfit.key else key, misfit.what, misfit.remedy
    if failure.__cause__ is not None:
        return key, str(failure.__cause__), ""
    fields = _fields(kind)
    given = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    if fields is not None and isinstance(value, dict):
        for name, (_, is_required) in fields.items():
            if is_required and name not in given:
                return joined(key, name), "is missing", ""
        for name in given:
            if name not in fields:
                return joined(key, name), f"is unknown; known are {', '.join(fields)}", ""
    for name in given if get_origin(_bare(kind)[0]) in _MAPPINGS else ():
        name_kind = get_args(_bare(kind)[0])[0]
        if _failure(name, name_kind) is not None:
            return joined(key, name), f"is unknown; must be {_expected(name_kind, mapping)}", ""
    return key, f"must be {_expected(kind, mapping)}, got {shown(cast(object, value))}", ""


def _failing_child(value: object, kind: Form) -> tuple[str | int, object, Form, Exception] | None:
    for name, child in entries(value):
        child_kind = _child_kind(kind, name)
        if child_kind is not None and (failure := _failure(child, child_kind)) is not None:
            return name, child, child_kind, failure
    return None


def _failure(value: object, kind: Form) -> Exception | None:
    try:
        msgspec.convert(value, kind, str_keys=True)
    except (msgspec.ValidationError, OverflowError) as failure:
        return failure
    return None


def _child_kind(kind: Form, name: str | int) -> Form:
    """Return the declared type of one entry; None where it cannot be told."""
    kind, _ = _bare(kind)
    origin, args = get_origin(kind), get_args(kind)
    if isinstance(name, str):
        return args[1] if origin in _MAPPINGS else (_fields(kind) or {}).get(name, (None,))[0]
    if origin is tuple and Ellipsis not in args:
        return args[name] if name < len(args) else None
    return args[0] if args and origin in _LISTS else None


def _fields(kind: Form) -> Mapping[str, tuple[Form, bool]] | None:
    """Return type and necessity of each key of a record class; None for other types."""
    kind, _ = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {f.encode_name: (f.type, f.required) for f in msgspec.structs.fields(kind)}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return {
            f.name: (hints[f.name], f.default is f.default_factory is dataclasses.MISSING)
            for f in dataclasses.fields(kind)
        }
    return None


def _bare(kind: Form) -> tuple[Form, tuple[msgspec.Meta, ...]]:
    """Return the type without its range, and without the None of ``X | None``; and the ranges."""
    metas: tuple[msgspec.Meta, ...] = ()
    while True:
        if get_origin(kind) is Annotated:
            metas += tuple(one for one in kind.__metadata__ if isinstance(one, msgspec.Meta))
            kind = kind.__origin__
        elif get_origin(kind) in (Union, UnionType):
            choices = [one for one in get_args(kind) if one is not NoneType]
            if len(choices) > 1:
                return kind, metas
            kind = choices[0]
        else:
            return kind, metas


def _expected(kind: Form, mapping: str) -> str:
    """Say in words what values a type takes."""
    kind, metas = _bare(kind)
    for meta in metas:
        if meta.description:
            return meta.description
    origin = get_origin(kind) or kind
    if origin in (Union, UnionType):
        return " or ".join(_expected(one, mapping) for one in get_args(kind) if one is not NoneType)
    if origin is Literal:
        return _choice(get_args(kind))
    if isinstance(origin, type) and issubclass(origin, Enum):
        return _choice([one.value for one in origin])
    if origin in _LISTS:
        is_fixed = origin is tuple and Ellipsis not in get_args(kind)
        return f"a list of {len(get_args(kind))}" if is_fixed else "a list" + _length(metas)
    if origin in _MAPPINGS or _fields(kind) is not None:
        return mapping + _length(metas)
    if origin is str:
        return "a text" + _length(metas)
    for known, noun in ((bool, "true or false"), (int, "a whole number"), (float, "a number")):
        if origin is known:
            return noun + _range(metas)
    return str(getattr(cast(object, origin), "__name__", "something else"))


def _choice(values: Sequence[object]) -> str:
    listed = ", ".join(str(value) for value in values)
    return listed if len(values) == 1 else f"one of {listed}"


def _length(metas: Iterable[msgspec.Meta]) -> str:
    for meta in metas:
        if meta.min_length == 1:
            return " that is not empty"
        if meta.min_length is not None:
            return f" with at least {meta.min_length} entries"
    return ""


def _range(metas: Iterable[msgspec.Meta]) -> str:
    for meta in metas:
        if meta.ge is not None and meta.le is not None:
            return f" from {meta.ge:g} to {meta.le:g}"
        bounds = (
            ("of at least", meta.ge), ("above", meta.gt), ("of at most", meta.le),
            ("below", meta.lt),
        )  # fmt: skip
        found = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
        if found:
            return " " + " and ".join(found)
    return ""


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 2


def shown(value: object) -> str:
    """Return a value as it might stand in the file, cut short."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    try:
        return _SHORT.repr(value)
    except ValueError:  # a number with thousands of digits
        return "a number that is far too large"


def one_line(text: str) -> str:
    """Return the text with line breaks and other control characters as single spaces."""
    """Return the text with line breaks and other control characters as single spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
