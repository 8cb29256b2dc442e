"""The conversation on the table: what the model is told, what the window shows, what is kept.

Knows neither audio nor generations. All methods but the store's own run on the dialogue's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.dialogue.captions import CaptionLine
from app.history.store import HistoryStore
from app.messages.errors import HistoryError, UnknownConversationError
from app.messages.notices import Notice, NoticeKind
from model.types import Message, TurnContext

NOTICE_KEY = "history"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A user turn and what was heard in answer to it.

    Attributes:
        turn: the dialogue's number; None for one read from the history.
        turn_no: its place in the conversation.
        unheard: words of the last answer that were cut off, shown but never kept.
    """

    turn: int | None
    turn_no: int
    user: str = ""
    heard: str = ""
    unheard: str = ""
    was_cut: bool = False


@dataclass(slots=True)
class _Table:
    """One conversation in memory; it outlives a switch so that a late ending finds its place."""

    id: int | None
    exchanges: list[_Exchange]


class Conversation:
    """Follows the dialogue's turns; writes each through to the history.

    The dialogue's turn numbers go on over all conversations of a session; each is given a place in
    the conversation it first appeared in, and keeps it. A history that fails costs the keeping, not
    the talk: it is reported once.

    Attributes:
        persona: see ``TurnContext``.
    """

    def __init__(self, store: HistoryStore, report: Callable[[Notice], None]) -> None:
        self._store = store
        self._report = report
        self._table = _Table(None, [])
        self._previous = _Table(None, [])
        self._captions: tuple[CaptionLine, ...] | None = None
        self._has_reported = False
        self.persona = ""

    @property
    def id(self) -> int | None:
        """None until something was said: empty conversations are not kept."""
        return self._table.id

    def new(self) -> None:
        """Clears the table."""
        self._put_on_table(_Table(None, []))

    def open(self, conversation_id: int) -> None:
        """Goes on with a kept one. Raises UnknownConversationError or HistoryError."""
        self._store.conversation(conversation_id)
        exchanges: dict[int, _Exchange] = {}
        for turn in self._store.turns(conversation_id):
            found = exchanges.get(turn.turn_no, _Exchange(None, turn.turn_no))
            exchanges[turn.turn_no] = (
                replace(found, user=turn.text)
                if turn.role == "user"
                else replace(found, heard=turn.text, was_cut=turn.was_cut)
            )
        self._put_on_table(_Table(conversation_id, list(exchanges.values())))

    def put_user(self, turn: int, text: str) -> None:
        """What the user said in ``turn``; a later revision replaces it."""
        text = text.strip()
        if not text and self._find(turn) is None:
            return
        table, at = self._place(turn)
        table.exchanges[at] = replace(table.exchanges[at], user=text)
        self._captions = None
        self._keep(table, table.exchanges[at], is_user=True)

    def commit_heard(self, turn: int, reply_text: str, heard_chars: int, was_cut: bool) -> None:
        """What was heard of a reply to ``turn``: nothing is kept where that is nothing.

        A second reply to the same turn is added to the first: both were heard.
        """
        heard = reply_text[: max(0, heard_chars)].strip()
        if not heard:
            return
        table, at = self._place(turn)
        before = table.exchanges[at].heard
        table.exchanges[at] = replace(
            table.exchanges[at],
            heard=f"{before} {heard}" if before else heard,
            unheard=reply_text[max(0, heard_chars) :].rstrip() if was_cut else "",
            was_cut=was_cut,
        )
        self._captions = None
        self._keep(table, table.exchanges[at], is_user=False)

    def context(self, turn: int, user_text: str | None, language: str) -> TurnContext:
        """What a reply to ``turn`` is made from: everything before it, and ``user_text``."""
        messages: list[Message] = []
        for exchange in self._table.exchanges:
            if exchange.turn == turn:
                continue
            if exchange.user:
                messages.append(Message("user", exchange.user))
            if exchange.heard:
                messages.append(Message("assistant", exchange.heard, exchange.was_cut))
        return TurnContext(tuple(messages), user_text, language, self.persona)

    def captions(self) -> tuple[CaptionLine, ...]:
        """Everything that is final; the words after a cut follow ``heard_chars``."""
        if self._captions is None:
            lines = [line for item in self._table.exchanges for line in _captions_of(item)]
            self._captions = tuple(lines)
        return self._captions

    def _put_on_table(self, table: _Table) -> None:
        self._previous, self._table = self._table, table
        self._captions = None

    def _find(self, turn: int) -> tuple[_Table, int] | None:
        for table in (self._table, self._previous):
            for at in range(len(table.exchanges) - 1, -1, -1):
                if table.exchanges[at].turn == turn:
                    return table, at
        return None

    def _place(self, turn: int) -> tuple[_Table, int]:
        """Where ``turn`` is; a new one is appended to the conversation on the table."""
        found = self._find(turn)
        if found is not None:
            return found
        exchanges = self._table.exchanges
        turn_no = exchanges[-1].turn_no + 1 if exchanges else 1
        exchanges.append(_Exchange(turn, turn_no))
        return self._table, len(exchanges) - 1

    def _keep(self, table: _Table, exchange: _Exchange, *, is_user: bool) -> None:
        try:
            self._write(table, exchange, is_user=is_user)
        except UnknownConversationError:
            self._begin_again(table, exchange, is_user=is_user)
        except HistoryError as error:
            self._fail(error)

    def _write(self, table: _Table, exchange: _Exchange, *, is_user: bool) -> None:
        if table.id is None:
            table.id = self._store.create_conversation()
        if is_user:
            self._store.put_user_turn(table.id, exchange.turn_no, exchange.user)
        else:
            self._store.put_assistant_turn(
                table.id, exchange.turn_no, exchange.heard, exchange.was_cut
            )

    def _begin_again(self, table: _Table, exchange: _Exchange, *, is_user: bool) -> None:
        """The conversation was deleted meanwhile: only what is said from now on is kept."""
        if table is not self._table or not is_user:
            table.exchanges.clear()
            table.id = None
            self._captions = None
            return
        table.exchanges[:] = [exchange]
        table.id = None
        self._captions = None
        try:
            self._write(table, exchange, is_user=True)
        except HistoryError as error:
            self._fail(error)

    def _fail(self, error: HistoryError) -> None:
        if self._has_reported:
            return
        self._has_reported = True
        logger.warning("conversations are not kept any more: %s", error)
        text = f"This conversation is not being kept: {error}. Free some space, then restart."
        self._report(
            Notice(
                NOTICE_KEY, NoticeKind.WARNING, text, "dismiss", "OK", "history_not_kept",
                (("reason", str(error)),),
            )
        )  # fmt: skip


def _captions_of(exchange: _Exchange) -> list[CaptionLine]:
    number = f"kept-{exchange.turn_no}" if exchange.turn is None else str(exchange.turn)
    lines: list[CaptionLine] = []
    if exchange.user:
        lines.append(CaptionLine(f"user-{number}", "user", exchange.user))
    if exchange.heard:
        n_heard = len(exchange.heard)
        lines.append(
            CaptionLine(
                f"answer-{number}",
                "assistant",
                exchange.heard + exchange.unheard,
                heard_chars=n_heard,
                word_end=n_heard,
                was_cut=exchange.was_cut,
            )
        )
    return lines
