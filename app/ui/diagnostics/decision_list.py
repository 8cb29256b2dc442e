"""The latest decisions as sentences that answer "why did it stop?" and "why did it wait?"."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.session.snapshot import TraceMark
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.theme.translations import Catalogue
from app.ui.widgets.controls import make_label, show_text

_EVIDENCE = "in."
_OTHER = "other"
_P_END = "p_end_of_turn"
_OWN_THOUGHT = "in.network_end_of_turn"  # after the longest wait the proposal says no more


def has_sentence(mark: TraceMark) -> bool:
    """Return False for what merely happened, such as a lost device."""
    return bool(mark.numbers)


def mark_name(mark: TraceMark, words: Catalogue) -> str:
    """Return the name of a decision for the plot, two words at most."""
    return words.find(f"mark.{mark.what}", mark.what.replace("_", " "))


def sentence(mark: TraceMark, words: Catalogue) -> str:
    """Return why it was decided, or the decision's name where its cause has no sentence."""
    numbers = dict(mark.numbers)
    values = {
        "silence": _seconds(numbers, "silence_ms"),
        "pause": _seconds(numbers, "pause_ms"),
        "limit": _seconds(numbers, "endpoint_max_wait_ms"),
        "decide": _seconds(numbers, "decide_ms"),
        "p_end": _percent(numbers, _P_END),
        "p_thought": _percent(numbers, _OWN_THOUGHT if _OWN_THOUGHT in numbers else _P_END),
        "highest": _percent(numbers, "highest_p"),
        "p_interruption": _percent(numbers, "p_interruption"),
        "p_backchannel": _percent(numbers, "p_backchannel"),
        "p_noise": _percent(numbers, "p_noise"),
        "end_needed": _percent(numbers, "end_of_turn_threshold"),
        "hold_needed": _percent(numbers, "hold_threshold"),
        "stop_needed": _percent(numbers, "interruption_threshold"),
        "go_on_needed": _percent(numbers, "backchannel_threshold"),
    }
    for cause in (mark.cause, _OTHER):
        text = words.find(f"why.{mark.what}.{cause}", "")
        if text:
            return text.format(**values)
    return mark_name(mark, words)


def details(mark: TraceMark) -> str:
    """Return the reason and the evidence in numbers, one item a line."""
    lines = [mark.reason] if mark.reason else []
    evidence = [(k, v) for k, v in mark.numbers if k.startswith(_EVIDENCE)]
    shown = evidence or [(k, v) for k, v in mark.numbers if k.startswith("p_")]
    lines.extend(f"{name.removeprefix(_EVIDENCE)} {value:.3g}" for name, value in shown)
    return "\n".join(lines)


def _seconds(numbers: dict[str, float], name: str) -> str:
    return f"{numbers.get(name, 0.0) / 1000:.1f}"


def _percent(numbers: dict[str, float], name: str) -> str:
    return f"{100 * numbers.get(name, 0.0):.0f}"


MOST = 5


class DecisionList(QWidget):
    """Decisions, newest first; every sentence can be reached with the Tab key.

    Attributes:
        rows: age and sentence of each place; those without a decision are hidden.
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._shown: tuple[TraceMark, ...] = ()
        self._now_s = 0.0
        self.empty = make_label("muted", wraps=True)
        self.rows = [(make_label("caption"), _sentence_label()) for _ in range(MOST)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.empty)
        for age, text in self.rows:
            age.setContentsMargins(tokens.SPACE_XS, tokens.SPACE_XS, 0, 0)
            column.addWidget(age)
            column.addWidget(text)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.setAccessibleName(look.words("diagnostics.why"))
        self.empty.setText(look.words("why.none"))
        self._fill()

    def show_marks(self, marks: tuple[TraceMark, ...], now_s: float) -> bool:
        """Return whether anything has changed; ages change once a second."""
        latest = tuple(mark for mark in reversed(marks) if has_sentence(mark))[:MOST]
        has_new = latest != self._shown
        self._shown, self._now_s = latest, now_s
        if has_new:
            self._fill()
        return self._tell_ages() or has_new

    def _fill(self) -> None:
        self.empty.setHidden(bool(self._shown))
        for i, (age, text) in enumerate(self.rows):
            is_used = i < len(self._shown)
            age.setHidden(not is_used)
            text.setHidden(not is_used)
            if is_used:
                mark = self._shown[i]
                words = sentence(mark, self._look.words)
                show_text(text, words)
                text.setToolTip(details(mark))
                text.setAccessibleDescription(details(mark))
        self._tell_ages()

    def _tell_ages(self) -> bool:
        has_changed = False
        for mark, (age, _) in zip(self._shown, self.rows, strict=False):
            seconds = max(0, round(self._now_s - mark.at_s))
            words = self._look.words("why.ago", seconds=seconds)
            if age.text() != words:
                age.setText(words)
                has_changed = True
        return has_changed


def _sentence_label() -> QLabel:
    label = make_label("decision", wraps=True)
    label.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    label.setIndent(0)  # a frame would move the words away from their age
    return label
