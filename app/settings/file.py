"""The settings file: TOML that a person may edit. Reading never fails, writing keeps comments."""

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
    """Rename the patience; end thresholds at 0.99, because certainty never comes."""
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
    """Read what is valid in ``path``; the rest keeps its default and is named in a notice.

    A file that is no TOML is renamed, and all settings are defaults. Never raises for its content.
    """
    try:
        tables = _parsed(path.read_bytes())
    except FileNotFoundError:
        return LoadedSettings(Settings())
    except OSError as error:
        problem = f"{path}: cannot be read ({error.strerror}); the defaults are used"
        return LoadedSettings(Settings(), (_notice("file", problem),))
    except ValueError as error:
        problem = f"{path}: not readable as TOML ({one_line(str(error))}); "
        try:
            problem += f"it was kept as {put_aside(path, now()).name} and the defaults are used"
        except OSError as failure:
            problem += f"the defaults are used ({failure.strerror})"
        return LoadedSettings(Settings(), (_notice("file", problem),))
    reader = _Reader(path)
    reader.migrate(tables, migrations)
    return reader.read(tables)


def save_settings(
    path: Path,
    settings: Settings,
    migrations: tuple[Migration, ...] = MIGRATIONS,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Write what differs from the defaults or stands in the file already.

    Comments, order and unknown keys stay. Raises OSError, and BadInputError for an invalid value.
    """
    for info in options():
        problem = problem_with(info, settings.value(info.section, info.key))
        if problem is not None:
            raise BadInputError(path, info.name, problem)
    if settings.vad.exit_threshold > settings.vad.enter_threshold:
        raise BadInputError(path, "vad.exit_threshold", _order_problem(settings))
    try:
        old = tomlkit.parse(path.read_bytes().decode("utf-8-sig"))
        text = _edited(old, settings, migrations)
    except FileNotFoundError:
        text = _edited(tomlkit.document(), settings, migrations)
    except (TOMLKitError, ValueError, TypeError, LookupError, RecursionError):
        # Broken by hand while Parley ran, or a layout that cannot be edited in place.
        put_aside(path, now())
        text = _edited(tomlkit.document(), settings, migrations)
    write_atomically(path, text)


def _parsed(content: bytes) -> dict[str, Any]:
    """Raise ValueError for anything that is no TOML."""
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

    def migrate(self, tables: Tables, migrations: tuple[Migration, ...]) -> None:
        """Bring the tables to the newest version, in place; note a version that is none."""
        newest, version = len(migrations) + 1, _version_of(tables)
        if version is None:
            self._note(_VERSION_KEY, tables[_VERSION_KEY], "must be a whole number from 1")
        elif version > newest:
            problem = f"written by a newer Parley (this one knows {newest}); what it knows is used"
            self._note(_VERSION_KEY, version, f"{problem}, the rest is kept")
        else:
            for step in migrations[version - 1 :]:
                step(tables)

    def read(self, tables: Tables) -> LoadedSettings:
        """Return the settings of the tables."""
        settings = Settings()
        known = {info.name: info for info in options()}
        for section, table in tables.items():
            if section == _VERSION_KEY:
                continue
            if section not in section_names():
                self._unknown.append(section)
            elif not isinstance(table, dict):
                self._note(section, table, f"must be a table ([{section}])")
            else:
                for key, value in cast("dict[str, object]", table).items():
                    info = known.get(f"{section}.{key}")
                    if info is None:
                        self._unknown.append(f"{section}.{key}")
                    else:
                        settings = self._with(settings, info, value)
        settings = self._ordered(settings)
        if self._unknown:
            names = one_line(", ".join(self._unknown))
            text = f"{self._path}: unknown, kept and not used: {names}"
            self._notices.append(_notice("unknown", text, NoticeKind.INFO))
        return LoadedSettings(settings, tuple(self._notices))

    def _with(self, settings: Settings, info: OptionInfo, value: object) -> Settings:
        problem = problem_with(info, value)
        if problem is None:
            return settings.with_value(info.section, info.key, _fitted(info, value))
        self._note(info.name, value, f"{problem}; {_shown(info.default)} is used")
        return settings

    def _ordered(self, settings: Settings) -> Settings:
        vad, default = settings.vad, Settings().vad
        enter, exit_ = default.enter_threshold, default.exit_threshold
        if vad.exit_threshold <= vad.enter_threshold:
            return settings
        problem = _order_problem(settings)
        used = f"{exit_} and {enter} are used"
        self._note("vad.exit_threshold", vad.exit_threshold, f"{problem}; {used}")
        return replace(settings, vad=replace(vad, enter_threshold=enter, exit_threshold=exit_))

    def _note(self, key: str, value: object, problem: str) -> None:
        self._notices.append(_notice(key, f"{self._path}: {key} = {_shown(value)}: {problem}"))


def _order_problem(settings: Settings) -> str:
    return f"must not be above vad.enter_threshold = {settings.vad.enter_threshold}"


def _version_of(tables: Tables) -> int | None:
    """Return 1 where no version is given, None where it makes no sense."""
    version = tables.get(_VERSION_KEY, 1)
    is_number = isinstance(version, int) and not isinstance(version, bool)
    return int(version) if is_number and version >= 1 else None


def _edited(
    document: tomlkit.TOMLDocument, settings: Settings, migrations: tuple[Migration, ...]
) -> str:
    """Return the file's new text. Raise ValueError where the edit did not come out as meant."""
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
    """Write one value where it is missing or another, in the layout that is there."""
    if not isinstance(tables.get(info.section), MutableMapping):
        if value == info.default and info.section not in tables:
            return
        tables[info.section] = tomlkit.table()
    items = cast("Tables", tables[info.section])
    there = items.get(info.key, info.default)
    there = there.unwrap() if hasattr(there, "unwrap") else there
    if problem_with(info, there) is not None or _fitted(info, there) != value:
        items[info.key] = list(value) if isinstance(value, tuple) else value


def _fitted(info: OptionInfo, value: object) -> Value:
    """Return an allowed value in the type of the default."""
    if isinstance(info.default, tuple):
        return tuple(cast("list[str]", value))
    if isinstance(info.default, float):
        return float(cast(float, value))
    return cast(Value, value)


def _shown(value: object) -> str:
    """Return the value as it stands in the file, cut short."""
    if isinstance(value, dict):
        return "a table"
    plain = list(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else value
    text = one_line(tomlkit.item(plain).as_string())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _notice(key: str, text: str, kind: NoticeKind = NoticeKind.WARNING) -> Notice:
    return Notice(
        f"settings.{key}", kind, text, "dismiss", "OK", "settings_problem", (("detail", text),)
    )
