"""A conversation as a file for other programs: Markdown or JSON."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
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


def export_conversation(store: HistoryStore, conversation_id: int, path: Path) -> None:
    """Write a conversation in the format of the ending, ``.md`` or ``.json``.

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
    """Return one paragraph a turn; what was cut ends in an ellipsis."""
    when = info.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
    lines = [f"# {_escaped(info.title or UNTITLED)}", "", f"*{when}*", ""]
    for turn in turns:
        mark = _CUT_MARK if turn.was_cut else ""
        lines += [f"**{_SPEAKERS[turn.role]}:** {_escaped(turn.text)}{mark}", ""]
    return "\n".join(lines)


def as_json(info: ConversationInfo, turns: Iterable[Turn]) -> str:
    """Return the conversation as an object; times are in ISO 8601, UTC."""
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


_FORMATS: Mapping[str, Callable[[ConversationInfo, Iterable[Turn]], str]] = {
    ".md": as_markdown,
    ".json": as_json,
}


def _escaped(text: str) -> str:
    return _MARKDOWN_SIGNS.sub(r"\\\1", " ".join(text.split()))
