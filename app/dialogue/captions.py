"""The two lines of the conversation that still move: the user's and the assistant's."""

from dataclasses import dataclass, replace

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

    def user_said(self, key: TurnKey, text: str) -> None:
        """Show the words so far of the open turn."""
        self._user = CaptionLine(f"user-{key.turn}", "user", text, is_final=False)

    def user_done(self) -> None:
        """Take the user's line away: it was committed or forgotten."""
        self._user = None

    def reply_text(self, generation: int, text: str) -> None:
        """Show the text so far of the reply that may be heard."""
        line = self._current(generation)
        if line is None:
            line = CaptionLine(f"reply-{generation}", "assistant", "", is_final=False)
        self._reply = replace(line, text=text)

    def reply_heard(self, generation: int, text_end: int) -> None:
        """Move on to the word that ends at ``text_end``."""
        line = self._current(generation)
        if line is not None:
            self._reply = replace(line, heard_chars=text_end, word_end=text_end)

    def reply_done(self, generation: int) -> None:
        """Take the reply's line away, unless another reply has one by now."""
        if self._current(generation) is not None:
            self._reply = None

    def clear(self) -> None:
        """Take both lines away."""
        self._user = self._reply = None

    def lines(self) -> tuple[CaptionLine, ...]:
        """Return the lines, reply first: a user line beside it is the turn that interrupts."""
        return tuple(line for line in (self._reply, self._user) if line is not None)

    def _current(self, generation: int) -> CaptionLine | None:
        is_current = self._reply is not None and self._reply.id == f"reply-{generation}"
        return self._reply if is_current else None
