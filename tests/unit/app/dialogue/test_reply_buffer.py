"""Replies wait in the buffer until their turn is over."""

from __future__ import annotations

from app.dialogue.reply_buffer import ReplyBuffer
from tests.fakes.loudspeaker import NotingLoudspeaker, chunk


def buffer() -> tuple[ReplyBuffer, NotingLoudspeaker]:
    loudspeaker = NotingLoudspeaker()
    made = ReplyBuffer(lambda command: command(loudspeaker))
    made.open(1)
    return made, loudspeaker


def test_nothing_sounds_before_the_release() -> None:
    replies, loudspeaker = buffer()
    assert replies.add_chunk(chunk(1))
    assert not replies.add_chunk(chunk(1))
    assert loudspeaker.calls == []
    replies.release(1)
    assert loudspeaker.names() == ["start_reply", "enqueue", "enqueue"]


def test_after_the_release_chunks_pass_through() -> None:
    replies, loudspeaker = buffer()
    replies.release(1)
    assert loudspeaker.calls == []
    replies.add_chunk(chunk(1))
    replies.complete(1)
    assert loudspeaker.names() == ["start_reply", "enqueue", "finish"]


def test_a_reply_that_was_complete_before_its_release_is_finished_with_it() -> None:
    replies, loudspeaker = buffer()
    replies.add_chunk(chunk(1))
    replies.complete(1)
    replies.release(1)
    assert loudspeaker.names() == ["start_reply", "enqueue", "finish"]


def test_a_prepared_reply_that_is_dropped_is_forgotten() -> None:
    replies, loudspeaker = buffer()
    replies.add_chunk(chunk(1))
    replies.drop(1)
    replies.release(1)
    assert replies.get(1) is None
    assert loudspeaker.calls == []


def test_a_sounding_reply_that_is_dropped_keeps_its_text_until_it_is_over() -> None:
    replies, loudspeaker = buffer()
    replies.add_text(1, "It is ")
    replies.release(1)
    replies.add_chunk(chunk(1))
    replies.drop(1)
    replies.add_chunk(chunk(1))
    reply = replies.get(1)
    assert reply is not None
    assert reply.text == "It is "
    replies.forget(1)
    assert replies.get(1) is None
    assert loudspeaker.names()[:2] == ["start_reply", "enqueue"]


def test_what_belongs_to_no_reply_is_counted_and_dropped() -> None:
    replies, loudspeaker = buffer()
    replies.add_text(9, "who?")
    assert not replies.add_chunk(chunk(9))
    replies.release(9)
    replies.complete(9)
    assert replies.n_stale == 2
    assert loudspeaker.calls == []


def test_when_the_model_died_what_has_come_is_all_there_is() -> None:
    replies, loudspeaker = buffer()
    replies.open(2)
    replies.release(1)
    replies.add_chunk(chunk(1))
    replies.complete_all()
    assert loudspeaker.names() == ["start_reply", "enqueue", "finish"]


def test_marks_of_words_come_along() -> None:
    replies, loudspeaker = buffer()
    replies.release(1)
    replies.add_chunk(chunk(1))
    marks = loudspeaker.calls[1][1][3]
    assert [(mark.text_end, mark.sample_start) for mark in marks] == [(5, 0)]
