"""Words appear in place: partials are replaced, unheard words stay grey, a cut reply says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtGui import QTextFragment
from PySide6.QtWidgets import QApplication

from app.dialogue.captions import CaptionLine
from app.ui.conversation.conversation_view import ConversationView, Meaning, pieces_of
from app.ui.theme.look import Look
from app.ui.theme.tokens import DARK, LIGHT
from app.ui.theme.translations import load_catalogue
from tests.ui.conftest import Desk

CUT = "… — you interrupted"


@pytest.fixture
def view(qapp: QApplication) -> ConversationView:
    made = ConversationView(Look(LIGHT, load_catalogue("en")))
    made.resize(700, 400)
    made.show()
    return made


def user(text: str, number: int = 1, *, is_final: bool = True) -> CaptionLine:
    return CaptionLine(f"u{number}", "user", text, is_final)


def fragments(view: ConversationView, line: int) -> list[QTextFragment]:
    block = view.document().findBlockByNumber(line)
    found, walk = [], block.begin()
    while not walk.atEnd():
        found.append(walk.fragment())
        walk += 1
    return found


def test_a_partial_is_italic_and_replaced_in_place_by_the_final(view: ConversationView) -> None:
    view.show_lines((user("hello", 1), user("how are", 2, is_final=False)))
    assert fragments(view, 1)[-1].charFormat().fontItalic()
    view.show_lines((user("hello", 1), user("How are you?", 2)))
    assert view.toPlainText().splitlines() == ["You\thello", "You\tHow are you?"]
    assert not fragments(view, 1)[-1].charFormat().fontItalic()


def test_words_not_yet_heard_are_grey_and_the_current_word_is_marked(
    view: ConversationView,
) -> None:
    line = CaptionLine("a", "assistant", "One two three", False, heard_chars=7, word_end=7)
    view.show_lines((line,))
    _, heard, word, unheard = fragments(view, 0)
    assert (heard.text(), word.text(), unheard.text()) == ("One ", "two", " three")
    assert heard.charFormat().foreground().color().name() == LIGHT.text
    assert word.charFormat().fontUnderline()
    assert unheard.charFormat().foreground().color().name() == LIGHT.unheard


def test_an_interrupted_reply_ends_with_what_was_heard(view: ConversationView) -> None:
    line = CaptionLine("a", "assistant", "One two three", heard_chars=7, was_cut=True)
    view.show_lines((line,))
    assert view.toPlainText() == f"Parley\tOne two{CUT}"


def test_a_committed_reply_has_no_grey_words() -> None:
    pieces = pieces_of(CaptionLine("a", "assistant", "All of it"), CUT)
    assert [piece.meaning for piece in pieces] == [Meaning.PLAIN]


def test_a_word_of_a_script_without_spaces_is_marked_by_characters() -> None:
    line = CaptionLine("a", "assistant", "今天天气很好", False, heard_chars=4, word_end=4)
    assert [piece.text for piece in pieces_of(line, CUT)] == ["今天", "天气", "很好"]


@pytest.mark.parametrize("heard", range(25))
def test_pieces_always_add_up_to_the_text(heard: int) -> None:
    text = "A reply, with  two spaces"
    line = CaptionLine("a", "assistant", text, False, heard_chars=heard, word_end=heard)
    assert "".join(piece.text for piece in pieces_of(line, CUT)) == text


def test_lines_that_go_away_leave_nothing_behind(view: ConversationView) -> None:
    view.show_lines(tuple(user(f"line {i}", i) for i in range(5)))
    view.show_lines((user("line 0", 0),))
    assert view.toPlainText() == "You\tline 0"
    view.show_lines(())
    assert view.toPlainText() == ""
    view.show_lines((user("again"),))
    assert view.toPlainText() == "You\tagain"


def test_it_follows_new_words_unless_the_reader_scrolled_up(view: ConversationView) -> None:
    lines = tuple(user(f"line {i}", i) for i in range(60))
    view.show_lines(lines)
    bar = view.verticalScrollBar()
    assert bar.maximum() > 0
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    view.show_lines((*lines, user("new", 99)))
    assert bar.value() == 0
    view.show_newest()
    assert bar.value() == bar.maximum()
    view.show_lines((*lines, user("new", 99), user("newer", 100)))
    assert bar.value() == bar.maximum()


def test_captions_can_be_copied(view: ConversationView, qapp: QApplication) -> None:
    view.show_lines((user("copy me"),))
    view.selectAll()
    view.copy()
    assert "copy me" in qapp.clipboard().text()


def test_a_new_look_recolours_the_words(view: ConversationView) -> None:
    view.show_lines((user("hello"),))
    view.set_look(Look(DARK, load_catalogue("zh")))
    assert view.toPlainText() == "你\thello"
    assert fragments(view, 0)[-1].charFormat().foreground().color().name() == DARK.text


def test_markup_in_a_caption_is_shown_as_it_is(view: ConversationView) -> None:
    view.show_lines((user("<b>not bold</b>"),))
    assert "<b>not bold</b>" in view.toPlainText()


def test_names_stand_above_the_words_in_a_narrow_window(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(size=(480, 560))
    desk.show(captions=(user("hello"),))
    assert "\t" not in desk.window.middle.captions.toPlainText()


def test_thousands_of_lines_are_shown(view: ConversationView) -> None:
    lines = tuple(user(f"line {i}", i) for i in range(3000))
    view.show_lines(lines)
    changed = (*lines[:-1], replace(lines[-1], text="the last one"))
    view.show_lines(changed)
    assert view.document().blockCount() == 3000
    assert view.document().lastBlock().text().endswith("the last one")
