"""Reads a scripted conversation from TOML. Everything wrong with it is found before anything runs.

Knows nothing of engines; paths are relative to the scene file.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, cast

from app.messages.errors import BadInputError


class Label(StrEnum):
    """What an utterance truly is; ground truth for scoring."""

    QUESTION = "question"
    PAUSE = "pause"  # the user is not finished: more of the same turn follows
    BACKCHANNEL = "backchannel"
    INTERRUPTION = "interruption"
    NOISE = "noise"
    STOP = "stop"


class Cue(StrEnum):
    """What an utterance may wait for."""

    READY = "ready"
    ASSISTANT_STARTED = "assistant_speech_started"
    ASSISTANT_ENDED = "assistant_speech_ended"
    USER_ENDED = "user_speech_ended"


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """The room of a scene; see ``audio_io.virtual_room.RoomSettings`` for the meaning of each."""

    impulse_response: Path | None = None
    echo_db: float | None = None
    delay_ms: float = 80.0
    drift_ppm: float = 0.0
    noise: Path | None = None
    snr_db: float = 20.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing the user does: a recording, or a text to be synthesized.

    Attributes:
        at_s: absolute start, or None when it waits for ``after``.
        delay_s: after the cue.
    """

    label: Label
    wav: Path | None = None
    text: str = ""
    voice: str = ""
    at_s: float | None = None
    after: Cue | None = None
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EndPlan:
    after_silence_s: float = 3.0
    at_most_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    name: str
    path: Path
    room: RoomPlan = field(default_factory=RoomPlan)
    users: tuple[Utterance, ...] = ()
    end: EndPlan = field(default_factory=EndPlan)


_LIMITS: dict[str, tuple[float, float]] = {
    "echo_db": (-90.0, 20.0),
    "delay_ms": (0.0, 2000.0),
    "drift_ppm": (-1000.0, 1000.0),
    "snr_db": (-20.0, 100.0),
    "at_s": (0.0, 36_000.0),
    "delay_s": (0.0, 3600.0),
    "after_silence_s": (0.1, 600.0),
    "at_most_s": (0.5, 36_000.0),
}


def read_scene(path: Path) -> Scene:
    """Raises BadInputError with one line that names the file, the key and the remedy."""
    table = _Table(path, "", _load(path))
    room = _read_room(table.table("room"))
    users = tuple(_read_utterance(entry) for entry in table.tables("user"))
    end = table.table("end")
    plan = EndPlan(end.number("after_silence_s", 3.0), end.number("at_most_s", 60.0))
    end.finish()
    table.finish()
    for i, user in enumerate(users):
        if user.at_s is not None and user.at_s >= plan.at_most_s:
            raise BadInputError(
                path, f"user[{i}].at_s",
                f"{user.at_s} s is not before the end of the scene ({plan.at_most_s} s)",
                "start it earlier or raise end.at_most_s",
            )  # fmt: skip
    if users and users[0].after is Cue.USER_ENDED:
        raise BadInputError(
            path, "user[0].after", "nobody has spoken before the first utterance",
            'use at_s, or after = "ready"',
        )  # fmt: skip
    return Scene(path.stem, path, room, users, plan)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInputError(path, "", "there is no such file", "check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(path, "", f"cannot be read: {error}", "give a TOML text file") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(path, "", f"is not TOML: {error}", "correct that line") from None


def _read_room(table: _Table) -> RoomPlan:
    plan = RoomPlan(
        impulse_response=table.file("impulse_response"),
        echo_db=table.optional_number("echo_db"),
        delay_ms=table.number("delay_ms", 80.0),
        drift_ppm=table.number("drift_ppm", 0.0),
        noise=table.file("noise"),
        snr_db=table.number("snr_db", 20.0),
    )
    table.finish()
    return plan


def _read_utterance(table: _Table) -> Utterance:
    utterance = Utterance(
        label=Label(table.choice("label", tuple(Label), Label.QUESTION)),
        wav=table.file("wav"),
        text=table.string("text"),
        voice=table.string("voice"),
        at_s=table.optional_number("at_s"),
        after=_cue(table.choice("after", tuple(Cue), "")),
        delay_s=table.number("delay_s", 0.0),
    )
    if (utterance.wav is None) == (not utterance.text):
        table.fail("wav", "exactly one of wav and text says what is spoken", "give one of them")
    if utterance.voice and not utterance.text:
        table.fail("voice", "a recording has its own voice", "remove voice, or use text")
    if (utterance.at_s is None) == (utterance.after is None):
        table.fail("at_s", "exactly one of at_s and after says when", "give one of them")
    if utterance.delay_s and utterance.after is None:
        table.fail("delay_s", "only counts from an event", "use after, or put it into at_s")
    table.finish()
    return utterance


def _cue(value: str) -> Cue | None:
    return Cue(value) if value else None


class _Table:
    """A TOML table that remembers its place and which keys were read."""

    def __init__(self, path: Path, place: str, values: dict[str, Any]) -> None:
        self._path = path
        self._place = place
        self._values = dict(values)

    def fail(self, key: str, what: str, remedy: str) -> NoReturn:
        raise BadInputError(self._path, self._name(key), what, remedy)

    def finish(self) -> None:
        """Complains about keys nobody asked for."""
        for key in self._values:
            self.fail(key, "is not a key of scenes", "check the spelling or remove it")

    def table(self, key: str) -> _Table:
        value = self._values.pop(key, {})
        if not isinstance(value, dict):
            self.fail(key, f"is {value!r}, not a table", f"write [{key}]")
        return _Table(self._path, self._name(key), cast("dict[str, Any]", value))

    def tables(self, key: str) -> list[_Table]:
        value = cast("list[dict[str, Any]]", self._values.pop(key, []))
        is_list = isinstance(value, list)  # pyright: ignore[reportUnnecessaryIsInstance]
        if not is_list or not all(type(entry) is dict for entry in value):
            self.fail(key, "is not a list of tables", f"write [[{key}]]")
        return [_Table(self._path, f"{key}[{i}]", entry) for i, entry in enumerate(value)]

    def string(self, key: str) -> str:
        value = self._values.pop(key, "")
        if not isinstance(value, str):
            self.fail(key, f"is {value!r}, not a text", "put it in quotes")
        return value

    def choice(self, key: str, choices: tuple[StrEnum, ...], default: str) -> str:
        value = self.string(key) or default
        if value and value not in {str(choice) for choice in choices}:
            self.fail(key, f"is {value!r}", f"use one of: {', '.join(map(str, choices))}")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.optional_number(key)
        return default if value is None else value

    def optional_number(self, key: str) -> float | None:
        value = self._values.pop(key, None)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, f"is {value!r}, not a number", "give a number")
        low, high = _LIMITS[key]
        if not (math.isfinite(value) and low <= value <= high):
            self.fail(key, f"is {value}", f"use a value from {low:g} to {high:g}")
        return float(value)

    def file(self, key: str) -> Path | None:
        name = self.string(key)
        if not name:
            return None
        if "\x00" in name:
            self.fail(key, "holds a NUL character", "give a file name")
        path = self._path.parent / name
        if not path.is_file():
            self.fail(key, f"there is no file {path}", "it is relative to the scene: check it")
        return path

    def _name(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key
