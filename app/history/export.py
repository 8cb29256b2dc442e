"""A conversation as a file for other programs: Markdown, JSON, and captions for a recording.

Knows the history's rows, not the store's file nor the window.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.history.store import ConversationInfo, HistoryStore, Turn
from app.messages.errors import BadInputError
from model.files.whole_file import write_atomically

JSON_FORMAT = "parley-conversation"
JSON_VERSION = 1

UNTITLED = "Conversation"

_SPEAKERS = {"user": "You", "assistant": "Parley"}
_CUT_MARK = " …"  # the answer was interrupted here
_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True, slots=True)
class Cue:
    """A caption on a recording's time axis. ``role`` is "user" or "assistant"."""

    start_s: float
    end_s: float
    role: str
    text: str


def export_conversation(store: HistoryStore, conversation_id: int, path: Path) -> None:
    """Writes it in the format of the ending, ``.md`` or ``.json``.

    Raises:
        BadInputError: another ending, or a place that cannot be written.
        UnknownConversationError: it was deleted.
    """
    written_by = _FORMATS.get(path.suffix.lower())
    if written_by is None:
        known = " or ".join(_FORMATS)
        raise BadInputError(path, "", f'unknown ending "{path.suffix}"', f"use {known}")
    text = written_by(store.conversation(conversation_id), store.turns(conversation_id))
    try:
        write_atomically(path, text)
    except OSError as error:
        raise BadInputError(path, "", f"cannot be written ({error.strerror})") from error


def as_markdown(info: ConversationInfo, turns: Iterable[Turn]) -> str:
    """One paragraph a turn; what was cut ends in an ellipsis."""
    when = info.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
    lines = [f"# {_escaped(info.title or UNTITLED)}", "", f"*{when}*", ""]
    for turn in turns:
        mark = _CUT_MARK if turn.was_cut else ""
        lines += [f"**{_SPEAKERS[turn.role]}:** {_escaped(turn.text)}{mark}", ""]
    return "\n".join(lines)


def as_json(info: ConversationInfo, turns: Iterable[Turn]) -> str:
    """Times in ISO 8601, UTC."""
    content = {
        "format": JSON_FORMAT,
        "version": JSON_VERSION,
        "title": info.title,
        "created_at": info.created_at.isoformat(),
        "updated_at": info.updated_at.isoformat(),
        "turns": [
            {
                "turn_no": turn.turn_no,
                "role": turn.role,
                "text": turn.text,
                "was_cut": turn.was_cut,
                "at": turn.at.isoformat(),
            }
            for turn in turns
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def as_webvtt(cues: Iterable[Cue]) -> str:
    """Captions for a recording, by time."""
    blocks = ["WEBVTT"]
    for cue in sorted(cues, key=lambda cue: cue.start_s):
        text = " ".join(cue.text.split())
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        span = f"{_stamp(cue.start_s)} --> {_stamp(max(cue.start_s, cue.end_s))}"
        blocks.append(f"{span}\n<v {_SPEAKERS[cue.role]}>{text}")
    return "\n\n".join(blocks) + "\n"


_FORMATS: Mapping[str, Callable[[ConversationInfo, Iterable[Turn]], str]] = {
    ".md": as_markdown,
    ".json": as_json,
}


def _escaped(text: str) -> str:
    return _MARKDOWN_SIGNS.sub(r"\\\1", " ".join(text.split()))


def _stamp(seconds: float) -> str:
    ms = max(0, round(seconds * 1000))
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
