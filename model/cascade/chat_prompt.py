"""Prompts of a conversation as chat models read it (ChatML: Qwen2.5 and SmolLM2 alike).

The prompt of a turn begins with the prompt of the turns before it, so that its computed prefix can
be reused. Notes on what the model cannot do are added where the user asks for it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from model.errors import ModelError
from model.files.records import Misfit, read_toml
from model.types import Message

PROMPTS = Path(__file__).resolve().parents[2] / "resources" / "prompts"
# How somebody begins who interrupts. Where the cut is marked in the assistant's own words, small
# models learn to break off; where a note in brackets tells of it, they refuse what is asked next.
_INTERRUPTIONS = {"en": "Wait. ", "zh": "等一下。"}
_TOKENS_PER_MESSAGE = 5  # <|im_start|>, role, newline, <|im_end|>, newline
_EXAMPLE = re.compile(r"\[(user|assistant)\] (.+)")
_SPECIAL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the assistant is: instructions, and a few turns that show how it talks.

    Small models follow examples far better than instructions.

    Attributes:
        interruption: stands before the user's words that follow a reply that was cut.
    """

    system: str
    examples: tuple[Message, ...] = ()
    interruption: str = _INTERRUPTIONS["en"]


def read_persona(language: str, folder: Path = PROMPTS) -> Persona:
    """Return the persona of ``language``, the English one where there is none.

    The file holds the instructions and then lines that begin with ``[user]`` or ``[assistant]``.

    Raises:
        ModelError: the file is missing.
    """
    path = folder / f"system_{language}.txt"
    if not path.is_file():
        path = folder / "system_en.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ModelError(f"{path}: cannot read the system prompt: {error}; reinstall") from error
    examples = [(m[1], m[2]) for line in lines if (m := _EXAMPLE.match(line))]
    system = "\n".join(line for line in lines if not _EXAMPLE.match(line)).strip()
    messages = tuple(Message(role, text.strip()) for role, text in examples)
    return Persona(system, messages, _INTERRUPTIONS.get(language, _INTERRUPTIONS["en"]))


class ChatPrompt:
    """Writes the prompts of one conversation; ``budget_tokens`` is what the history may take."""

    def __init__(
        self, persona: Persona, count_tokens: Callable[[str], int], budget_tokens: int
    ) -> None:
        self._persona = persona
        self._wish = ""
        self._count_tokens = count_tokens
        self._budget_tokens = budget_tokens

    def talk_as(self, wish: str) -> bool:
        """Add a sentence of the user's to the instructions; return whether that changes them."""
        has_changed, self._wish = wish != self._wish, wish
        return has_changed

    @property
    def _opening(self) -> tuple[Message, ...]:
        system = f"{self._persona.system}\n{self._wish}" if self._wish else self._persona.system
        return (Message("system", system), *self._persona.examples)

    def before_user(self, messages: tuple[Message, ...]) -> str:
        """Return everything up to where the user's words begin."""
        lines = (*self._opening, *self._trimmed(messages))
        parts: list[str] = []
        note = ""
        for message in lines:
            words = (note if message.role == "user" else "") + _plain(message.text)
            parts.append(f"<|im_start|>{message.role}\n{words}<|im_end|>\n")
            note = self._persona.interruption if message.was_cut else ""
        return "".join(parts) + "<|im_start|>user\n" + note

    def for_reply(self, messages: tuple[Message, ...], user_text: str) -> str:
        """Return everything up to where the assistant's words begin."""
        return f"{self.before_user(messages)}{_plain(user_text)}<|im_end|>\n<|im_start|>assistant\n"

    def _trimmed(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Drop whole turns, oldest first, a quarter of the budget at a time.

        Dropping one turn per turn would throw the computed prefix away each time.
        """
        turns = _turns(messages)
        sizes = [sum(self._size(m) for m in turn) for turn in turns]
        budget = self._budget_tokens - sum(self._size(m) for m in self._opening)
        total = sum(sizes)
        if total <= budget:
            return messages
        first = 0
        while first < len(turns) - 1 and total > budget * 3 // 4:
            total -= sizes[first]
            first += 1
        return tuple(m for turn in turns[first:] for m in turn) if total <= budget else ()

    def _size(self, message: Message) -> int:
        return self._count_tokens(_plain(message.text)) + _TOKENS_PER_MESSAGE


def _turns(messages: tuple[Message, ...]) -> list[list[Message]]:
    """Group messages; a turn begins with the user's words."""
    turns: list[list[Message]] = []
    for message in messages:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _plain(text: str) -> str:
    """Return the text without control words of the chat format: nobody can speak those."""
    for word in _SPECIAL:
        text = text.replace(word, "")
    return text


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something the model cannot do: ``note`` tells it so when the user's words match."""

    pattern: str
    note: str

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise Misfit("pattern", f"is no regular expression ({error})") from error


class _LimitsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: tuple[Limit, ...]


def read_limits(language: str, folder: Path = PROMPTS) -> tuple[Limit, ...]:
    """Return the limits of ``language``; none where there is no file.

    Raises:
        ModelError: the file is broken; names file and key.
    """
    path = folder / f"limits_{language}.toml"
    if not path.is_file():
        return ()
    return read_toml(path, _LimitsFile, ModelError, remedy="reinstall").limit


def with_note(text: str, limits: tuple[Limit, ...]) -> str:
    """Return ``text`` with the first fitting note behind it in brackets."""
    for limit in limits:
        if re.search(limit.pattern, text, re.IGNORECASE):
            return f"{text} ({limit.note})"
    return text
