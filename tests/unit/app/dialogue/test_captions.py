from __future__ import annotations

from app.dialogue.captions import LiveCaptions
from model.types import TurnKey


def test_lines_keep_their_identity_while_they_grow() -> None:
    captions = LiveCaptions()
    captions.user_said(TurnKey(3), "what")
    first = captions.lines()[0]
    captions.user_said(TurnKey(3, 1), "what is it")
    (grown,) = captions.lines()
    assert grown.id == first.id
    assert grown.text == "what is it"


def test_a_reply_is_heard_word_by_word_while_its_text_still_grows() -> None:
    captions = LiveCaptions()
    captions.reply_text(7, "It is")
    captions.reply_heard(7, 2)
    captions.reply_text(7, "It is true.")
    (line,) = captions.lines()
    assert (line.text, line.heard_chars, line.is_final) == ("It is true.", 2, False)


def test_what_comes_of_another_reply_is_not_mixed_in() -> None:
    captions = LiveCaptions()
    captions.reply_text(7, "It is")
    captions.reply_heard(6, 5)
    captions.reply_done(6)
    assert captions.lines()[0].heard_chars == 0
    captions.reply_text(8, "No")
    assert captions.lines()[0].text == "No"


def test_the_one_who_interrupts_stands_below_the_reply() -> None:
    captions = LiveCaptions()
    captions.user_said(TurnKey(2), "wait")
    captions.reply_text(7, "It is")
    assert [line.role for line in captions.lines()] == ["assistant", "user"]


def test_what_is_done_or_cleared_is_gone() -> None:
    captions = LiveCaptions()
    captions.user_said(TurnKey(2), "wait")
    captions.reply_text(7, "It is")
    captions.reply_done(7)
    captions.user_done()
    assert captions.lines() == ()
    captions.reply_text(8, "No")
    captions.clear()
    assert captions.lines() == ()
