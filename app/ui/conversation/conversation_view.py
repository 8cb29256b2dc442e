"""The captions of both sides, each line replaced in place while it grows.

One text document holds the whole conversation, so that thousands of lines lay out lazily, can be
selected and copied, and are read by a screen reader.
"""

from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import (
    QFont,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QTextBrowser, QToolButton

from app.dialogue.captions import CaptionLine
from app.ui.theme import tokens
from app.ui.theme.icons import tinted_icon
from app.ui.theme.look import Look
from app.ui.widgets.controls import show_text


class Meaning(Enum):
    """The reason why a piece of text looks different."""

    PLAIN = auto()
    PARTIAL = auto()  # recognised so far, may still change
    CURRENT_WORD = auto()  # being heard now
    UNHEARD = auto()  # planned, not heard yet
    CUT = auto()  # the remark that the reply was interrupted


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    meaning: Meaning


def pieces_of(line: CaptionLine, interrupted_remark: str) -> tuple[Piece, ...]:
    """Split a caption line into pieces with a meaning.

    ``interrupted_remark`` stands after the last word heard of a reply that was cut.
    """
    text = " ".join(line.text.split("\n"))
    if line.role == "user":
        meaning = Meaning.PLAIN if line.is_final else Meaning.PARTIAL
        return (Piece(text, meaning),)
    if line.was_cut:
        heard = text[: line.heard_chars] if line.heard_chars else text
        return (Piece(heard.rstrip(), Meaning.PLAIN), Piece(interrupted_remark, Meaning.CUT))
    if line.is_final:
        return (Piece(text, Meaning.PLAIN),)
    return _being_spoken(text, line.heard_chars, line.word_end)


def _being_spoken(text: str, heard_chars: int, word_end: int) -> tuple[Piece, ...]:
    end = min(len(text), max(heard_chars, word_end))
    start = _word_start(text, end) if word_end else end
    pieces = (
        Piece(text[:start], Meaning.PLAIN),
        Piece(text[start:end], Meaning.CURRENT_WORD),
        Piece(text[end:], Meaning.UNHEARD),
    )
    return tuple(piece for piece in pieces if piece.text)


def _word_start(text: str, end: int) -> int:
    """Return where the word ending at ``end`` begins; CJK text is marked by character."""
    while end and text[end - 1].isspace():
        end -= 1
    start = end
    while start and not text[start - 1].isspace():
        start -= 1
        if ord(text[start]) > 0x2E7F and end - start >= 2:  # CJK: no spaces between words
            break
    return start


COLUMN = 700  # px at 100 %: about 75 characters, a comfortable measure
GUTTER = 74  # px at 100 %: room for the names at the left
WIDE_FROM = 520  # px at 100 %: below, names stand above the words
NEAR_BOTTOM = 28  # px: a reader this close to the end wants to follow
LINE_HEIGHT_PERCENT = 138.0
LINE_BREAK = "\u2028"


class ConversationView(QTextBrowser):
    """A view that follows the newest words unless the reader scrolled up."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("captions")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUndoRedoEnabled(False)
        self.setOpenLinks(False)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._look = look
        self._lines: tuple[CaptionLine, ...] = ()
        self._is_wide = True
        self._is_following = True
        self._newest_button = QToolButton(self)
        self._newest_button.setVisible(False)
        self._newest_button.clicked.connect(self.show_newest)
        self.verticalScrollBar().valueChanged.connect(self._note_scrolling)
        self.set_look(look)

    @property
    def lines(self) -> tuple[CaptionLine, ...]:
        return self._lines

    def set_look(self, look: Look) -> None:
        self._look = look
        self.setAccessibleName(look.words("captions.name"))
        show_text(self._newest_button, look.words("captions.newest"))
        self._newest_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._newest_button.setIcon(
            tinted_icon("down", look.palette.text, look.px(tokens.SIZE_BODY + 2))
        )
        font = QFont(self.font())
        font.setFamilies(list(look.families))
        font.setPixelSize(look.px(tokens.SIZE_READING))
        self.document().setDefaultFont(font)
        self._lay_out()
        self._write_all()

    def show_lines(self, lines: tuple[CaptionLine, ...]) -> bool:
        """Show ``lines``, touching only those that differ; return whether any did."""
        if lines == self._lines:
            return False
        first = next(
            (i for i, (old, new) in enumerate(zip(self._lines, lines, strict=False)) if old != new),
            min(len(self._lines), len(lines)),
        )
        old, self._lines = self._lines, lines
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for i in range(first, min(len(old), len(lines))):
            if old[i] != lines[i]:
                self._replace(cursor, i)
        self._remove_from(cursor, len(lines), len(old))
        for i in range(len(old), len(lines)):
            self._append(cursor, i)
        cursor.endEditBlock()
        if self._is_following:
            self._scroll_to_end()
        return True

    def show_newest(self) -> None:
        self._is_following = True
        self._scroll_to_end()
        self._newest_button.setVisible(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        was_wide = self._is_wide
        self._lay_out()
        if was_wide != self._is_wide:
            self._write_all()
        if self._is_following:
            self._scroll_to_end()
        self._place_button()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_newest_button"):
            self._place_button()

    def _lay_out(self) -> None:
        look = self._look
        self._is_wide = self.viewport().width() >= look.px(WIDE_FROM)
        room = self.viewport().width() - look.px(COLUMN)
        side = max(tokens.SPACE_XL, room // 2)
        frame = self.document().rootFrame()
        shape = frame.frameFormat()
        shape.setLeftMargin(side)
        shape.setRightMargin(side)
        shape.setTopMargin(tokens.SPACE_L)
        shape.setBottomMargin(tokens.SPACE_L)
        frame.setFrameFormat(shape)

    def _write_all(self) -> None:
        lines, self._lines = self._lines, ()
        self.document().clear()
        self._lay_out()
        self.show_lines(lines)

    def _append(self, cursor: QTextCursor, index: int) -> None:
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if index:
            cursor.insertBlock()
        self._write(cursor, index)

    def _replace(self, cursor: QTextCursor, index: int) -> None:
        block = self.document().findBlockByNumber(index)
        cursor.setPosition(block.position())
        cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._write(cursor, index)

    def _remove_from(self, cursor: QTextCursor, first: int, end: int) -> None:
        if first >= end:
            return
        block = self.document().findBlockByNumber(first)
        cursor.setPosition(max(0, block.position() - 1))
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()

    def _write(self, cursor: QTextCursor, index: int) -> None:
        line = self._lines[index]
        words = self._look.words
        cursor.setBlockFormat(self._block_format())
        name = words("captions.you" if line.role == "user" else "captions.parley")
        cursor.insertText(name + ("\t" if self._is_wide else LINE_BREAK), self._name_format(line))
        for piece in pieces_of(line, words("captions.interrupted")):
            cursor.insertText(piece.text, self._piece_format(piece.meaning))

    def _block_format(self) -> QTextBlockFormat:
        block = QTextBlockFormat()
        gutter = self._look.px(GUTTER) if self._is_wide else 0
        block.setLeftMargin(gutter)
        block.setTextIndent(-gutter)
        if gutter:
            block.setTabPositions([QTextOption.Tab(gutter, QTextOption.TabType.LeftTab)])
        block.setLineHeight(
            LINE_HEIGHT_PERCENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
        )
        block.setBottomMargin(self._look.px(tokens.SPACE_L))
        return block

    def _name_format(self, line: CaptionLine) -> QTextCharFormat:
        form = QTextCharFormat()
        form.setForeground(self._look.colour("user" if line.role == "user" else "reply"))
        form.setFontWeight(QFont.Weight.DemiBold)
        return form

    def _piece_format(self, meaning: Meaning) -> QTextCharFormat:
        form = QTextCharFormat()
        look = self._look
        form.setForeground(look.colour("text"))
        if meaning is Meaning.PARTIAL:
            form.setFontItalic(True)
            form.setForeground(look.colour("muted"))
        elif meaning is Meaning.CURRENT_WORD:
            form.setBackground(look.colour("reply_soft"))
            form.setFontUnderline(True)
            form.setUnderlineColor(look.colour("reply"))
        elif meaning is Meaning.UNHEARD:
            form.setForeground(look.colour("unheard"))
        elif meaning is Meaning.CUT:
            form.setForeground(look.colour("user"))
            form.setFontItalic(True)
        return form

    def _scroll_to_end(self) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _note_scrolling(self, value: int) -> None:
        is_near = value >= self.verticalScrollBar().maximum() - NEAR_BOTTOM
        if is_near == self._is_following:
            return
        self._is_following = is_near
        self._newest_button.setVisible(not is_near)
        self._place_button()

    def _place_button(self) -> None:
        button = self._newest_button
        button.adjustSize()
        button.move(
            QPoint(
                (self.viewport().width() - button.width()) // 2,
                self.viewport().height() - button.height() - tokens.SPACE_S,
            )
        )
        button.raise_()
