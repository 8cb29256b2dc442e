"""Notes to the language model about what it cannot do, added where the user asks for it.

Knows only text; the patterns are data in ``resources/prompts``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.cascade.chat_prompt import PROMPTS
from model.errors import ModelError


@dataclass(frozen=True, slots=True)
class Limit:
    """``note`` is what the model must know when the user's words match ``pattern``."""

    pattern: re.Pattern[str]
    note: str


def read_limits(language: str, folder: Path = PROMPTS) -> tuple[Limit, ...]:
    """Returns the limits of ``language``; none where there is no file.

    Raises:
        ModelError: the file is broken; names file and key.
    """
    path = folder / f"limits_{language}.toml"
    if not path.is_file():
        return ()
    try:
        entries: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["limit"]
        return tuple(
            Limit(re.compile(entry["pattern"], re.IGNORECASE), str(entry["note"]))
            for entry in entries
        )
    except (OSError, ValueError, KeyError, re.error) as error:
        raise ModelError(f"{path}: key limit: {error}; reinstall") from error


def with_note(text: str, limits: tuple[Limit, ...]) -> str:
    """Returns ``text``, with the first fitting note behind it in brackets."""
    for limit in limits:
        if limit.pattern.search(text):
            return f"{text} ({limit.note})"
    return text
