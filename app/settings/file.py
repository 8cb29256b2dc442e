"""The settings file: TOML that a person may edit. Reading never fails, writing keeps comments.

Knows the declarations of ``app.settings.settings`` and no meaning of any setting but the order
of the two speech thresholds.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError

from app.history.store import utc_now
from app.messages.errors import BadInputError, one_line
from app.messages.notices import Notice, NoticeKind
from app.settings.option import OptionInfo, Value, problem_with
from app.settings.settings import Settings, options, section_names
from model.duplex.policy import MOST_P
from model.files.whole_file import put_aside, write_atomically

Tables = MutableMapping[str, Any]
Migration = Callable[[Tables], None]


def _of_turn_taking(tables: Tables) -> None:
    """Rename the patience; thresholds end at 0.99, because certainty never comes."""
    conversation, overlap = _table(tables, "conversation"), _table(tables, "overlap")
    if "patience" in conversation:
        conversation["endpointing_mode"] = conversation.pop("patience")
    for key in ("hold_threshold", "interruption_threshold", "backchannel_threshold"):
        if overlap.get(key) == 1.0:
            overlap[key] = MOST_P


def _drop_dead(tables: Tables) -> None:
    """Drop what no code ever obeyed; ``privacy.network`` says what "offline" meant to say."""
    _table(tables, "vad").pop("preroll_ms", None)
    _table(tables, "privacy").pop("offline", None)


def _table(tables: Tables, name: str) -> Tables:
    table = tables.get(name)
    return cast("Tables", table) if isinstance(table, MutableMapping) else {}


MIGRATIONS: tuple[Migration, ...] = (_of_turn_taking, _drop_dead)
"""Step ``i`` turns the tables of version ``i + 1`` into those of ``i + 2``, in place."""

_VERSION_KEY = "schema_version"
_SHOWN_CHARS = 60  # of a bad value; the notice is one line


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings that are valid, and what a person should know of the file."""

    settings: Settings
    notices: tuple[Notice, ...] = ()


def load_settings(
    path: Path,
    migrations: tuple[Migration, ...] = MIGRATIONS,
    now: Callable[[], datetime] = utc_now,
) -> LoadedSettings:
    """Reads what is valid in ``path``; the rest keeps its default and is named in a notice.

    A file that is no TOML is renamed and all settings are defaults. Never raises for its content.
    """
    try:
        tables = _parsed(path.read_bytes())
    except FileNotFoundError:
        return LoadedSettings(Settings())
    except OSError as error:
        text = f"{path}: cannot be read ({error.strerror}); the defaults are used"
        return LoadedSettings(Settings(), (_warning("file", text),))
    except ValueError as error:
        return LoadedSettings(Settings(), (_kept_aside(path, error, now),))
    reader = _Reader(path)
    _migrate(tables, migrations, reader)
    return reader.read(tables)


def save_settings(
    path: Path,
    settings: Settings,
    migrations: tuple[Migration, ...] = MIGRATIONS,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Writes what differs from the defaults or stands in the file already.

    Comments, order and unknown keys stay. Raises OSError, and BadInputError for an invalid value.
    """
    for info in options():
        problem = problem_with(info, settings.value(info.section, info.key))
        if problem is not None:
            raise BadInputError(path, info.name, problem)
    try:
        document = _edited(
            tomlkit.parse(path.read_bytes().decode("utf-8-sig")), settings, migrations
        )
    except FileNotFoundError:
        document = _edited(tomlkit.document(), settings, migrations)
    except (TOMLKitError, ValueError, TypeError, LookupError, RecursionError):
        # Broken by hand while Parley ran, or a layout that cannot be edited in place.
        put_aside(path, now())
        document = _edited(tomlkit.document(), settings, migrations)
    write_atomically(path, document)


def _parsed(content: bytes) -> dict[str, Any]:
    """Raises ValueError for anything that is no TOML."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


class _Reader:
    """Collects settings and notices from the tables of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._notices: list[Notice] = []
        self._unknown: list[str] = []

    def note(self, key: str, text: str) -> None:
        self._notices.append(_warning(key, f"{self._path}: {text}"))

    def read(self, tables: Tables) -> LoadedSettings:
        settings = Settings()
        known = {info.name: info for info in options()}
        for section, table in tables.items():
            if section == _VERSION_KEY:
                continue
            if section not in section_names():
                self._unknown.append(section)
            elif not isinstance(table, dict):
                self.note(section, f"{section} = {_shown(table)}: must be a table ([{section}])")
            else:
                for key, value in cast("dict[str, object]", table).items():
                    info = known.get(f"{section}.{key}")
                    if info is None:
                        self._unknown.append(f"{section}.{key}")
                    else:
                        settings = self._with(settings, info, value)
        settings = self._ordered(settings)
        self._tell_unknown()
        return LoadedSettings(settings, tuple(self._notices))

    def _with(self, settings: Settings, info: OptionInfo, value: object) -> Settings:
        problem = problem_with(info, value)
        if problem is None:
            return settings.with_value(info.section, info.key, _fitted(info, value))
        shown, default = _shown(value), _shown(info.default)
        self.note(info.name, f"{info.name} = {shown}: {problem}; {default} is used")
        return settings

    def _ordered(self, settings: Settings) -> Settings:
        vad, default = settings.vad, Settings().vad
        if vad.exit_threshold <= vad.enter_threshold:
            return settings
        self.note(
            "vad.exit_threshold",
            f"vad.exit_threshold = {vad.exit_threshold:g}: must not be above vad.enter_threshold ="
            f" {vad.enter_threshold:g}; {default.exit_threshold:g} and"
            f" {default.enter_threshold:g} are used",
        )
        mended = replace(
            vad,
            enter_threshold=default.enter_threshold,
            exit_threshold=default.exit_threshold,
        )
        return replace(settings, vad=mended)

    def _tell_unknown(self) -> None:
        if self._unknown:
            names = one_line(", ".join(self._unknown))
            text = f"{self._path}: unknown, kept and not used: {names}"
            self._notices.append(_info("unknown", text))


def _migrate(tables: Tables, migrations: tuple[Migration, ...], reader: _Reader) -> None:
    newest = len(migrations) + 1
    version = _version_of(tables)
    if version is None:
        shown = _shown(tables[_VERSION_KEY])
        reader.note(_VERSION_KEY, f"{_VERSION_KEY} = {shown}: must be a whole number from 1")
    elif version > newest:
        reader.note(
            _VERSION_KEY,
            f"{_VERSION_KEY} = {version}: written by a newer Parley (this one knows {newest});"
            " what it knows is used, the rest is kept",
        )
    else:
        for step in migrations[version - 1 :]:
            step(tables)


def _version_of(tables: Tables) -> int | None:
    """1 where it is not given; None where it makes no sense."""
    version = tables.get(_VERSION_KEY, 1)
    is_number = isinstance(version, int) and not isinstance(version, bool)
    return int(version) if is_number and version >= 1 else None


def _edited(
    document: tomlkit.TOMLDocument, settings: Settings, migrations: tuple[Migration, ...]
) -> str:
    """The file's new text. Raises ValueError where the edit did not come out as meant."""
    tables = cast("Tables", document)
    version = _version_of(tables) or len(migrations) + 1
    for step in migrations[version - 1 :]:
        step(tables)
    version = max(version, len(migrations) + 1)
    tables[_VERSION_KEY] = version
    for info in options():
        _put(tables, info, settings.value(info.section, info.key))
    text = tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType]
    written = _parsed(text.encode())
    is_whole = written.get(_VERSION_KEY) == version
    if not is_whole or _Reader(Path()).read(written).settings != settings:
        raise ValueError("the edited file does not hold these settings")
    return text


def _put(tables: Tables, info: OptionInfo, value: Value) -> None:
    table = tables.get(info.section)
    if not isinstance(table, MutableMapping):
        if value == info.default and info.section not in tables:
            return
        tables[info.section] = tomlkit.table()
        table = tables[info.section]
    items = cast("Tables", table)
    if info.key not in items:
        if value != info.default:
            items[info.key] = _plain(value)
        return
    there = items[info.key]
    there = there.unwrap() if hasattr(there, "unwrap") else there
    if problem_with(info, there) is not None or _fitted(info, there) != value:
        items[info.key] = _plain(value)


def _fitted(info: OptionInfo, value: object) -> Value:
    """``value``, known to be allowed, in the type of the default."""
    if isinstance(info.default, tuple):
        return tuple(cast("list[str]", value))
    if isinstance(info.default, float):
        return float(cast(float, value))
    return cast(Value, value)


def _plain(value: Value) -> bool | int | float | str | list[str]:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    """As in the file, cut short."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, (tuple, list)):
        text = str(list(cast("list[object]", value)))
    elif isinstance(value, float) and math.isfinite(value):
        text = f"{value:g}"
    elif isinstance(value, dict):
        text = "a table"
    else:
        text = str(value)
    text = one_line(text)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _kept_aside(path: Path, error: ValueError, now: Callable[[], datetime]) -> Notice:
    problem = f"{path}: not readable as TOML ({one_line(str(error))})"
    try:
        aside = put_aside(path, now())
    except OSError as failure:
        return _warning("file", f"{problem}; the defaults are used ({failure.strerror})")
    return _warning("file", f"{problem}; it was kept as {aside.name} and the defaults are used")


def _warning(key: str, text: str) -> Notice:
    return Notice(
        f"settings.{key}", NoticeKind.WARNING, text, "dismiss", "OK", "settings_problem",
        (("detail", text),),
    )  # fmt: skip


def _info(key: str, text: str) -> Notice:
    return Notice(
        f"settings.{key}", NoticeKind.INFO, text, "dismiss", "OK", "settings_unknown",
        (("detail", text),),
    )  # fmt: skip
