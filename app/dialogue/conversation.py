"""The open conversation: what the model is told, what the window shows, what is kept."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from app.dialogue.captions import CaptionLine
from app.history.store import HistoryStore
from app.messages.errors import HistoryError, UnknownConversationError
from app.messages.notices import Notice, NoticeKind
from model.types import Message, TurnContext

NOTICE_KEY = "history"
_QUESTION_MARKS = ("?", "\uff1f")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
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
class _Talk:
    """One conversation in memory; it outlives a switch so that a late ending finds its place."""

    id: int | None = None
    exchanges: list[_Exchange] = field(default_factory=list[_Exchange])


class Conversation:
    """Follows the dialogue's turns; writes each through to the history.

    The dialogue's turn numbers go on over all conversations of a session; each is given a place in
    the conversation it first appeared in, and keeps it. A history that fails costs the keeping, not
    the talk: it is reported once.

    Attributes:
        persona: see ``TurnContext``.
    """

    def __init__(self, store: HistoryStore, report: Callable[[Notice], None]) -> None:
        self.persona = ""
        self._store = store
        self._report = report
        self._current = _Talk()
        self._previous = _Talk()
        self._captions: tuple[CaptionLine, ...] | None = None
        self._has_reported = False

    @property
    def id(self) -> int | None:
        """Its number in the history; None until something was said: empty ones are not kept."""
        return self._current.id

    @property
    def has_asked(self) -> bool:
        """Return whether the latest reply was heard to end in a question."""
        exchanges = self._current.exchanges
        return bool(exchanges) and exchanges[-1].heard.endswith(_QUESTION_MARKS)

    def new(self) -> None:
        """Begin an empty conversation."""
        self._switch_to(_Talk())

    def open(self, conversation_id: int) -> None:
        """Go on with a kept one. Raises UnknownConversationError or HistoryError."""
        self._store.conversation(conversation_id)
        exchanges: dict[int, _Exchange] = {}
        for turn in self._store.turns(conversation_id):
            exchange = exchanges.setdefault(turn.turn_no, _Exchange(None, turn.turn_no))
            if turn.role == "user":
                exchange.user = turn.text
            else:
                exchange.heard, exchange.was_cut = turn.text, turn.was_cut
        self._switch_to(_Talk(conversation_id, list(exchanges.values())))

    def put_user(self, turn: int, text: str) -> None:
        """Take what the user said in ``turn``; a later revision replaces it."""
        text = text.strip()
        if not text and self._find(turn) is None:
            return
        talk, exchange = self._place(turn)
        exchange.user = text
        self._keep(talk, exchange, is_user=True)

    def commit_heard(self, turn: int, reply_text: str, heard_chars: int, was_cut: bool) -> None:
        """Take what was heard of a reply to ``turn``; nothing is kept where that is nothing.

        A second reply to the same turn is added to the first: both were heard.
        """
        heard = reply_text[: max(0, heard_chars)].strip()
        if not heard:
            return
        talk, exchange = self._place(turn)
        exchange.heard = f"{exchange.heard} {heard}" if exchange.heard else heard
        exchange.unheard = reply_text[max(0, heard_chars) :].rstrip() if was_cut else ""
        exchange.was_cut = was_cut
        self._keep(talk, exchange, is_user=False)

    def context(self, turn: int, user_text: str | None, language: str) -> TurnContext:
        """Return what a model is told of ``turn``: everything before it, and ``user_text``."""
        messages: list[Message] = []
        for exchange in self._current.exchanges:
            if exchange.turn == turn:
                continue
            if exchange.user:
                messages.append(Message("user", exchange.user))
            if exchange.heard:
                messages.append(Message("assistant", exchange.heard, exchange.was_cut))
        return TurnContext(tuple(messages), user_text, language, self.persona)

    def captions(self) -> tuple[CaptionLine, ...]:
        """Return everything that is final; the words after a cut follow ``heard_chars``."""
        if self._captions is None:
            lines = [line for item in self._current.exchanges for line in _captions_of(item)]
            self._captions = tuple(lines)
        return self._captions

    def _switch_to(self, talk: _Talk) -> None:
        self._previous, self._current = self._current, talk
        self._captions = None

    def _find(self, turn: int) -> tuple[_Talk, _Exchange] | None:
        for talk in (self._current, self._previous):
            for exchange in reversed(talk.exchanges):
                if exchange.turn == turn:
                    return talk, exchange
        return None

    def _place(self, turn: int) -> tuple[_Talk, _Exchange]:
        """Where ``turn`` is; a new one is appended to the open conversation."""
        found = self._find(turn)
        if found is not None:
            return found
        exchanges = self._current.exchanges
        exchanges.append(_Exchange(turn, exchanges[-1].turn_no + 1 if exchanges else 1))
        return self._current, exchanges[-1]

    def _keep(self, talk: _Talk, exchange: _Exchange, *, is_user: bool) -> None:
        self._captions = None
        try:
            self._write(talk, exchange, is_user=is_user)
        except UnknownConversationError:
            self._begin_again(talk, exchange, is_user=is_user)
        except HistoryError as error:
            self._fail(error)

    def _write(self, talk: _Talk, exchange: _Exchange, *, is_user: bool) -> None:
        if talk.id is None:
            talk.id = self._store.create_conversation()
        if is_user:
            self._store.put_user_turn(talk.id, exchange.turn_no, exchange.user)
        else:
            self._store.put_assistant_turn(
                talk.id, exchange.turn_no, exchange.heard, exchange.was_cut
            )

    def _begin_again(self, talk: _Talk, exchange: _Exchange, *, is_user: bool) -> None:
        """The conversation was deleted meanwhile: only what is said from now on is kept."""
        goes_on = talk is self._current and is_user
        talk.exchanges[:] = [exchange] if goes_on else []
        talk.id = None
        try:
            if goes_on:
                self._write(talk, exchange, is_user=True)
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
