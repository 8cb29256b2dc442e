"""What the model is told, what the window shows and what is kept, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.dialogue.conversation import Conversation
from app.history.store import HistoryStore
from app.messages.errors import UnknownConversationError
from app.messages.notices import Notice
from model.types import Message, TurnContext

REPLY = "The tower is tall. It has three floors."
HEARD = len("The tower is")


@pytest.fixture
def store() -> Iterator[HistoryStore]:
    opened = HistoryStore(None)
    yield opened
    opened.close()


@pytest.fixture
def notices() -> list[Notice]:
    return []


@pytest.fixture
def talk(store: HistoryStore, notices: list[Notice]) -> Conversation:
    return Conversation(store, notices.append)


def kept(store: HistoryStore, talk: Conversation) -> list[tuple[int, str, str, bool]]:
    assert talk.id is not None
    return [(t.turn_no, t.role, t.text, t.was_cut) for t in store.turns(talk.id)]


def test_a_conversation_is_kept_from_its_first_word_on(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.new()
    talk.put_user(1, "")
    talk.commit_heard(1, REPLY, 0, was_cut=True)
    assert talk.id is None
    assert store.list_conversations() == ()
    talk.put_user(2, "How tall is it?")
    assert kept(store, talk) == [(1, "user", "How tall is it?", False)]


def test_a_reply_is_kept_up_to_the_last_word_heard(store: HistoryStore, talk: Conversation) -> None:
    talk.put_user(1, "How tall is it?")
    talk.commit_heard(1, REPLY, HEARD, was_cut=True)
    assert kept(store, talk)[1:] == [(1, "assistant", "The tower is", True)]
    assert talk.context(2, "And wide?", "en").messages == (
        Message("user", "How tall is it?"),
        Message("assistant", "The tower is", was_cut=True),
    )


def test_a_reply_that_was_never_heard_is_kept_nowhere(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.put_user(1, "How tall is it?")
    talk.commit_heard(1, REPLY, 0, was_cut=True)
    assert len(kept(store, talk)) == 1
    assert len(talk.captions()) == 1
    assert talk.context(2, None, "en").messages == (Message("user", "How tall is it?"),)


def test_a_whole_reply_carries_no_cut(store: HistoryStore, talk: Conversation) -> None:
    talk.put_user(1, "How tall is it?")
    talk.commit_heard(1, REPLY, len(REPLY), was_cut=False)
    assert kept(store, talk)[1] == (1, "assistant", REPLY, False)


def test_two_replies_to_one_turn_were_both_heard(store: HistoryStore, talk: Conversation) -> None:
    talk.put_user(1, "How tall is it?")
    talk.commit_heard(1, REPLY, HEARD, was_cut=True)
    talk.put_user(1, "How tall is it in feet?")
    talk.commit_heard(1, "A thousand.", 11, was_cut=False)
    assert kept(store, talk) == [
        (1, "user", "How tall is it in feet?", False),
        (1, "assistant", "The tower is A thousand.", False),
    ]


def test_the_open_turn_is_not_told_twice(talk: Conversation) -> None:
    talk.put_user(1, "Hello.")
    talk.commit_heard(1, "Hi.", 3, was_cut=False)
    talk.put_user(2, "How are you?")
    assert talk.context(2, "How are you?", "zh") == TurnContext(
        (Message("user", "Hello."), Message("assistant", "Hi.")), "How are you?", "zh"
    )


def test_an_ending_that_arrives_after_the_next_turn_finds_its_place(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.put_user(1, "Tell me all.")
    talk.put_user(2, "Stop, only the end.")
    talk.commit_heard(1, REPLY, HEARD, was_cut=True)
    assert [text for _, _, text, _ in kept(store, talk)] == [
        "Tell me all.",
        "The tower is",
        "Stop, only the end.",
    ]
    assert [m.role for m in talk.context(3, None, "en").messages] == ["user", "assistant", "user"]


def test_words_that_were_cut_off_are_shown_but_not_kept(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.put_user(1, "How tall is it?")
    talk.commit_heard(1, REPLY, HEARD, was_cut=True)
    line = talk.captions()[1]
    assert (line.text, line.heard_chars, line.was_cut) == (REPLY, HEARD, True)
    assert talk.id is not None
    talk.open(talk.id)
    line = talk.captions()[1]
    assert (line.text, line.heard_chars, line.was_cut) == ("The tower is", HEARD, True)
    assert store.list_conversations(query="floors") == ()


def test_captions_keep_their_ids_when_lines_change(talk: Conversation) -> None:
    talk.put_user(1, "How tall")
    before = talk.captions()
    assert talk.captions() is before
    talk.put_user(1, "How tall is it?")
    after = talk.captions()
    assert [line.id for line in before] == [line.id for line in after]
    assert after[0].text == "How tall is it?"


def test_an_opened_conversation_goes_on_where_it_ended(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.put_user(1, "Hello.")
    talk.commit_heard(1, "Hi.", 3, was_cut=False)
    first = talk.id
    talk.new()
    assert talk.captions() == ()
    talk.put_user(2, "Something else.")
    assert first is not None
    assert talk.id != first
    talk.open(first)
    talk.put_user(3, "Hello again.")
    assert kept(store, talk) == [
        (1, "user", "Hello.", False),
        (1, "assistant", "Hi.", False),
        (2, "user", "Hello again.", False),
    ]
    lines = talk.captions()
    assert [line.text for line in lines] == ["Hello.", "Hi.", "Hello again."]
    assert len({line.id for line in lines}) == 3
    assert len(talk.context(4, None, "en").messages) == 3


def test_turn_numbers_of_an_old_conversation_are_not_taken_for_new_ones(
    talk: Conversation,
) -> None:
    talk.put_user(5, "Hello.")
    assert talk.id is not None
    talk.open(talk.id)
    assert len(talk.context(1, "x", "en").messages) == 1


def test_an_ending_after_a_switch_goes_to_the_conversation_it_belongs_to(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.put_user(1, "Tell me all.")
    first = talk.id
    talk.new()
    talk.commit_heard(1, REPLY, HEARD, was_cut=True)
    assert talk.captions() == ()
    assert talk.id is None
    assert first is not None
    assert [turn.text for turn in store.turns(first)] == ["Tell me all.", "The tower is"]


def test_a_conversation_that_is_gone_cannot_be_opened(talk: Conversation) -> None:
    talk.put_user(1, "Hello.")
    with pytest.raises(UnknownConversationError):
        talk.open(99)
    assert len(talk.captions()) == 1


def test_a_conversation_deleted_while_open_is_forgotten_and_a_new_one_begun(
    store: HistoryStore, talk: Conversation, notices: list[Notice]
) -> None:
    talk.put_user(1, "A secret.")
    store.delete_all()
    talk.put_user(2, "Something else.")
    assert kept(store, talk) == [(2, "user", "Something else.", False)]
    assert talk.context(3, None, "en").messages == (Message("user", "Something else."),)
    assert notices == []


def test_the_answer_to_a_deleted_turn_is_forgotten_with_it(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.put_user(1, "A secret.")
    store.delete_all()
    talk.commit_heard(1, REPLY, HEARD, was_cut=True)
    assert talk.id is None
    assert talk.captions() == ()
    assert store.list_conversations() == ()


def test_an_ending_for_a_deleted_conversation_does_not_disturb_the_open_one(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.put_user(1, "A secret.")
    assert talk.id is not None
    first = talk.id
    talk.new()
    talk.put_user(2, "Hello.")
    store.delete(first)
    talk.commit_heard(1, REPLY, HEARD, was_cut=True)
    assert [line.text for line in talk.captions()] == ["Hello."]
    assert len(store.list_conversations()) == 1


def test_a_deleted_conversation_is_not_revived_by_a_late_revision(
    store: HistoryStore, talk: Conversation
) -> None:
    talk.put_user(1, "A sec")
    talk.new()
    store.delete_all()
    talk.put_user(1, "A secret.")
    assert store.list_conversations() == ()
    assert talk.captions() == ()


@pytest.mark.allow_warnings
def test_a_history_that_fails_costs_the_keeping_not_the_talk(
    store: HistoryStore, talk: Conversation, notices: list[Notice], caplog: pytest.LogCaptureFixture
) -> None:
    talk.put_user(1, "Hello.")
    store.close()
    talk.commit_heard(1, REPLY, HEARD, was_cut=True)
    talk.put_user(2, "Go on with something private.")
    assert len(talk.captions()) == 3
    assert len(notices) == 1
    assert "private" not in caplog.text
    assert "tower" not in caplog.text


def test_it_knows_whether_the_latest_reply_asked_something(talk: Conversation) -> None:
    assert not talk.has_asked
    replies = {"When is it?": True, "It is late.": False, "几点？": True, "Why? So.": False}
    for turn, (reply, has_asked) in enumerate(replies.items(), 1):
        talk.put_user(turn, "something")
        talk.commit_heard(turn, reply, len(reply), was_cut=False)
        assert talk.has_asked is has_asked
    talk.put_user(9, "and now")
    assert not talk.has_asked
