"""One line of a training file: who says what, and which recordings go with it.

{"messages": [{"role": "user", "content": "<|audio|>"}, …], "audios": ["question.wav", …]}

``conversations`` is another name for ``messages``; other keys are welcome and not read, but
``language``. A message with "learn": false is read and not learnt. Opens no recording and knows no
token ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from model.training.data.problems import BadSample, Fault

TAG = "<|audio|>"  # stands where a recording belongs

_LISTS = ("messages", "conversations")
_LIKE_TOKEN = re.compile(r"<\|[^|<>\s]{1,40}\|>")


class Role(StrEnum):
    """Values are what ChatML writes."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class SampleKind(StrEnum):
    """Told by who is recorded."""

    SPEECH_TO_SPEECH = "speech to speech"
    RECOGNITION = "recognition"
    SYNTHESIS = "synthesis"
    TEXT = "text"


_ROLES = {role.value: role for role in Role} | {"human": Role.USER, "gpt": Role.ASSISTANT}


@dataclass(frozen=True, slots=True)
class Turn:
    """A message.

    Attributes:
        content: holds ``TAG`` once for each of ``audios``.
        is_learnt: whether the assistant's words are targets.
    """

    role: Role
    content: str
    audios: tuple[Path, ...] = ()
    is_learnt: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation that ends with the assistant.

    Attributes:
        language: as the line states it; None where it does not.
    """

    turns: tuple[Turn, ...]
    language: str | None = None

    @property
    def kind(self) -> SampleKind:
        hears = any(turn.audios for turn in self.turns if turn.role is Role.USER)
        speaks = any(turn.audios for turn in self.turns if turn.role is Role.ASSISTANT)
        if hears:
            return SampleKind.SPEECH_TO_SPEECH if speaks else SampleKind.RECOGNITION
        return SampleKind.SYNTHESIS if speaks else SampleKind.TEXT

    @property
    def audios(self) -> tuple[Path, ...]:
        return tuple(path for turn in self.turns for path in turn.audios)

    @property
    def answer(self) -> str:
        """What the assistant says or reads aloud, without tags; "" where nobody wrote it down."""
        said = _words(turn for turn in self.turns if turn.role is Role.ASSISTANT)
        if said or self.kind is not SampleKind.SYNTHESIS:
            return said
        return " ".join(text_to_read(turn) for turn in self.turns if turn.role is Role.USER)

    @property
    def said(self) -> str:
        """All that is said, without tags."""
        return _words(turn for turn in self.turns if turn.role is not Role.SYSTEM)


def text_to_read(turn: Turn) -> str:
    """Of the request for a synthesis, what is behind its instruction."""
    return turn.content.partition("\n")[2]


def _words(turns: Iterable[Turn]) -> str:
    return " ".join(" ".join(turn.content.replace(TAG, " ") for turn in turns).split())


def parse_sample(line: str, folder: Path) -> Sample:
    """Reads one line.

    Args:
        folder: what the paths of recordings are relative to.

    Raises:
        BadSample: the line is no JSON or does not follow the format.
    """
    try:
        content: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadSample(Fault.BROKEN_LINE, f"is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise BadSample(Fault.BROKEN_LINE, "is no JSON object")
    fields = cast(dict[str, Any], content)
    entries = next((fields[name] for name in _LISTS if name in fields), None)
    if not isinstance(entries, list) or not entries:
        raise _misshapen('"messages" must be a list of messages')
    paths = _paths(fields.get("audios"), folder)
    turns: list[Turn] = []
    for number, entry in enumerate(cast(list[object], entries), 1):
        turn = _turn(entry, number, paths[sum(len(turn.audios) for turn in turns) :])
        turns.append(turn)
    n_tags = sum(len(turn.audios) for turn in turns)
    if n_tags != len(paths):
        raise _misshapen(f"names {len(paths)} recordings and has {n_tags} {TAG} for them")
    _require_order(turns)
    language = fields.get("language")
    return Sample(tuple(turns), language if isinstance(language, str) and language else None)


def _paths(listed: object, folder: Path) -> list[Path]:
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise _misshapen('"audios" must be a list of paths')
    paths = cast(list[object], listed)
    wrong = [path for path in paths if not isinstance(path, str) or not path]
    if wrong:
        raise _misshapen(f'"audios" holds {wrong[0]!r}, which is no path')
    return [folder / cast(str, path) for path in paths]


def _turn(entry: object, number: int, paths: list[Path]) -> Turn:
    """``paths``: recordings that no earlier message has taken."""
    fields = cast(dict[str, object], entry) if isinstance(entry, dict) else {}
    role, content = _ROLES.get(str(fields.get("role"))), fields.get("content")
    if role is None:
        roles = ", ".join(_ROLES)
        raise _misshapen(f"message {number} has the role {fields.get('role')!r}, not {roles}")
    if not isinstance(content, str) or not content.strip():
        raise _misshapen(f"message {number} has no content")
    strange = [name for name in _LIKE_TOKEN.findall(content) if name != TAG]
    if strange:
        raise BadSample(
            Fault.UNKNOWN, f"message {number} holds {strange[0]}; only {TAG} is known there"
        )
    n_tags = content.count(TAG)
    if n_tags > len(paths):
        raise _misshapen(f"message {number} has a {TAG} for which no recording is named")
    if role is Role.ASSISTANT and n_tags > 1:
        raise _misshapen(f"message {number} has {n_tags} {TAG}; an answer is spoken in one piece")
    is_learnt = role is Role.ASSISTANT and fields.get("learn", True) is not False
    return Turn(role, content, tuple(paths[:n_tags]), is_learnt)


def _require_order(turns: list[Turn]) -> None:
    if any(turn.role is Role.SYSTEM for turn in turns[1:]):
        raise _misshapen("a system message comes first or not at all")
    if turns[-1].role is not Role.ASSISTANT:
        raise _misshapen(f"ends with the {turns[-1].role}; an answer must be there to learn")
    if not any(turn.is_learnt for turn in turns):
        raise _misshapen("has no message that is learnt")


def _misshapen(what: str) -> BadSample:
    return BadSample(Fault.WRONG_SHAPE, what)
