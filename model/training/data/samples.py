"""A training file of JSON lines: who says what, and which recordings go with it.

{"messages": [{"role": "user", "content": "<|audio|>"}, …], "audios": ["question.wav", …]}

``conversations`` is another name for ``messages``; other keys are welcome and not read, but
``language``. A message with "learn": false is read and not learnt.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
from msgspec import Struct

from model.files.records import Problem, parse_json
from model.training.data.problems import BadSample, DataError, Fault, Place

TAG = "<|audio|>"  # stands where a recording belongs

_LIKE_TOKEN = re.compile(r"<\|[^|<>\s]{1,40}\|>")


class Role(StrEnum):
    """Who says a message; the values are what ChatML writes."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class SampleKind(StrEnum):
    """What a sample teaches."""

    SPEECH_TO_SPEECH = "speech to speech"
    RECOGNITION = "recognition"
    SYNTHESIS = "synthesis"
    TEXT = "text"


_OTHER_NAMES = {"human": Role.USER, "gpt": Role.ASSISTANT}


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
        """Return the kind, by who is recorded."""
        hears = any(turn.audios for turn in self.turns if turn.role is Role.USER)
        speaks = any(turn.audios for turn in self.turns if turn.role is Role.ASSISTANT)
        if hears:
            return SampleKind.SPEECH_TO_SPEECH if speaks else SampleKind.RECOGNITION
        return SampleKind.SYNTHESIS if speaks else SampleKind.TEXT

    @property
    def answer(self) -> str:
        """Return what the assistant says or reads aloud, without tags; "" where unwritten."""
        said = _words(turn for turn in self.turns if turn.role is Role.ASSISTANT)
        if said or self.kind is not SampleKind.SYNTHESIS:
            return said
        return " ".join(text_to_read(turn) for turn in self.turns if turn.role is Role.USER)

    @property
    def said(self) -> str:
        """Return all that is said, without tags."""
        return _words(turn for turn in self.turns if turn.role is not Role.SYSTEM)


def text_to_read(turn: Turn) -> str:
    """Return what is behind the instruction of a request for synthesis."""
    return turn.content.partition("\n")[2]


def _words(turns: Iterable[Turn]) -> str:
    return " ".join(" ".join(turn.content.replace(TAG, " ") for turn in turns).split())


class _Message(Struct):
    role: Literal["system", "user", "assistant", "human", "gpt"]
    content: str
    learn: bool = True


class _Line(Struct):
    messages: list[_Message] = []
    conversations: list[_Message] = []
    audios: list[str] | None = None
    language: str | None = None


def misfit(problem: Problem) -> BadSample:
    """Return what is wrong with a line, without its place."""
    fault = Fault.WRONG_SHAPE if problem.key else Fault.BROKEN_LINE
    return BadSample(fault, f"{problem.key}: {problem.what}" if problem.key else problem.what)


class JsonlFile:
    """The lines of a file that are not blank, read in any order: kept is where they begin.

    Threads may read one at the same time.
    """

    def __init__(self, path: Path) -> None:
        """Find the lines. Raises DataError where the file cannot be read or has none."""
        self.path = path
        begins: list[int] = []
        numbers: list[int] = []
        at = 0
        try:
            with path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        begins.append(at)
                        numbers.append(number)
                    at += len(line)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        if not begins:
            raise DataError(f"{path}: is empty; give a file with one JSON object a line")
        self._begins = np.array(begins, np.int64)
        self._numbers = np.array(numbers, np.int64)
        self.n_bytes = at

    def __len__(self) -> int:
        return len(self._begins)

    def place(self, index: int) -> Place:
        """Return where a line stands."""
        return Place(self.path, int(self._numbers[index]))

    def line(self, index: int) -> str:
        """Read a line. Raises BadSample where it is no UTF-8, DataError where the file is gone."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(int(self._begins[index]))
                return stream.readline().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadSample(Fault.BROKEN_LINE, f"is no UTF-8 ({error.reason})") from error
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror or error}") from error


def parse_sample(line: str, folder: Path) -> Sample:
    """Read one line.

    Args:
        folder: what the paths of recordings are relative to.

    Raises:
        BadSample: the line is no JSON or does not follow the format.
    """
    content = parse_json(line, _Line, misfit)
    messages = content.messages or content.conversations
    if not messages:
        raise _misshapen('"messages" must be a list of messages')
    paths = [folder / name for name in content.audios or ()]
    turns: list[Turn] = []
    n_taken = 0
    for number, message in enumerate(messages, 1):
        turns.append(_turn(message, number, paths[n_taken:]))
        n_taken += len(turns[-1].audios)
    if n_taken != len(paths):
        raise _misshapen(f"names {len(paths)} recordings and has {n_taken} {TAG} for them")
    _require_order(turns)
    return Sample(tuple(turns), content.language or None)


def _turn(message: _Message, number: int, paths: list[Path]) -> Turn:
    """Check a message; ``paths`` are the recordings that no earlier one has taken."""
    role, content = Role(_OTHER_NAMES.get(message.role, message.role)), message.content
    if not content.strip():
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
    is_learnt = role is Role.ASSISTANT and message.learn
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
