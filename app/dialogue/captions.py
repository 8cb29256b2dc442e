"""The conversation as it is being spoken: what is committed plus the two lines still moving.

Knows nothing of widgets or history.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.types import TurnKey


@dataclass(frozen=True, slots=True)
class CaptionLine:
    """One line of the conversation.

    Attributes:
        id: stable while the line changes in place.
        role: "user" or "assistant".
        text: words so far.
        is_final: False while it may still change.
        heard_chars: assistant only: characters already heard; the rest is grey.
        word_end: assistant only: end of the word being heard now.
        was_cut: the reply was interrupted after ``heard_chars``.
    """

    id: str
    role: str
    text: str
    is_final: bool = True
    heard_chars: int = 0
    word_end: int = 0
    was_cut: bool = False


class LiveCaptions:
    """The user's open line and the reply being heard."""

    def __init__(self) -> None:
        self._user: CaptionLine | None = None
        self._reply: CaptionLine | None = None

    def user_said(self, key: TurnKey, text: str, *, is_final: bool) -> None:
        self._user = CaptionLine(f"user-{key.turn}", "user", text, is_final=is_final)

    def user_done(self) -> None:
        """The line was committed or forgotten."""
        self._user = None

    def reply_text(self, generation: int, text: str) -> None:
        heard = self._reply.heard_chars if self._is_current(generation) and self._reply else 0
        self._reply = CaptionLine(
            f"reply-{generation}", "assistant", text, is_final=False, heard_chars=heard,
            word_end=heard,
        )  # fmt: skip

    def reply_heard(self, generation: int, text_end: int) -> None:
        line = self._reply
        if line is not None and self._is_current(generation):
            self._reply = CaptionLine(
                line.id, line.role, line.text, is_final=False, heard_chars=text_end,
                word_end=text_end,
            )  # fmt: skip

    def reply_done(self, generation: int) -> None:
        if self._is_current(generation):
            self._reply = None

    def clear(self) -> None:
        self._user = self._reply = None

    def lines(self) -> tuple[CaptionLine, ...]:
        """Reply first: a user line beside it is the turn that interrupts."""
        return tuple(line for line in (self._reply, self._user) if line is not None)

    def _is_current(self, generation: int) -> bool:
        return self._reply is not None and self._reply.id == f"reply-{generation}"
