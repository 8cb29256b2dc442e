"""The panel that shows the last minute, the last answer's latencies and the engine's health."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from app.dialogue.latency import LatencySpans
from app.session.snapshot import Diagnostics, EngineSnapshot
from app.ui.diagnostics.decision_list import DecisionList
from app.ui.diagnostics.trace_plot import TracePlot
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import (
    IconButton,
    PaneHeader,
    make_hairline,
    make_label,
    make_scroll_area,
    set_property,
)

UNKNOWN = "–"

GOOD_ECHO_DB = 20.0  # below this much of the echo removed, a reply may be heard as an interruption

SPANS = ("decide", "words", "think", "voice", "device", "residual")


class DiagnosticsPanel(QWidget):
    """A panel of figures from the snapshot; it does nothing while it is folded away."""

    fold_asked = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("diagnostics")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._look = look
        self._shown: Diagnostics | None = None
        self._names: dict[str, QLabel] = {}
        self.values: dict[str, QLabel] = {}
        self._header = PaneHeader(look)
        self._title = make_label("title")
        self.fold = IconButton("close", "diagnostics.fold", look)
        self.plot = TracePlot(look)
        self.decisions = DecisionList(look)
        self._sections: dict[str, QLabel] = {}
        self._arrange()
        self.fold.clicked.connect(self.fold_asked)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        words = look.words
        self._header.set_look(look)
        self.fold.set_look(look)
        self.plot.set_look(look)
        self.decisions.set_look(look)
        self._title.setText(words("diagnostics.title"))
        for key, label in self._sections.items():
            label.setText(words(f"diagnostics.{key}"))
        for key, label in self._names.items():
            label.setText(words(f"diagnostics.{key}"))
        shown, self._shown = self._shown, None
        self._show(shown or Diagnostics())

    def show_picture(self, picture: EngineSnapshot) -> bool:
        if not self.isVisible():
            return False
        has_changed = self.plot.show_trace(picture.trace, picture.marks)
        has_changed |= self.decisions.show_marks(picture.marks, picture.now_s)
        return self._show(picture.diagnostics) or has_changed

    def _show(self, health: Diagnostics) -> bool:
        if health == self._shown:
            return False
        self._shown = health
        for key, text in _texts(health, self._look).items():
            label = self.values[key]
            if label.text() != text:
                label.setText(text)
        n_xruns = health.n_input_overflows + health.n_output_underflows + health.n_starvations
        self._tone("xruns", "warning" if n_xruns else "")
        loss = health.echo_return_loss_db
        is_good = loss is not None and loss >= GOOD_ECHO_DB and health.has_echo_converged
        self._tone("echo", "" if loss is None else "good" if is_good else "warning")
        return True

    def _tone(self, key: str, tone: str) -> None:
        set_property(self.values[key], "tone", tone)

    def _arrange(self) -> None:
        row = QHBoxLayout(self._header)
        row.setContentsMargins(tokens.SPACE_L, 0, tokens.SPACE_S, 0)
        row.addWidget(self._title, 1)
        row.addWidget(self.fold)
        page = QWidget()
        page.setObjectName("page")
        column = QVBoxLayout(page)
        column.setContentsMargins(tokens.SPACE_L, 0, tokens.SPACE_L, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_S)
        self._add_section(column, "last_minute")
        column.addWidget(self.plot)
        self._add_section(column, "why")
        column.addWidget(self.decisions)
        column.addWidget(make_hairline())
        self._add_section(column, "latency")
        self._add_rows(column, ("answer", *SPANS, "stop"), indented=SPANS)
        column.addWidget(make_hairline())
        self._add_section(column, "sound")
        self._add_rows(column, ("echo", "xruns", "late", "input", "output"))
        column.addWidget(make_hairline())
        self._add_section(column, "engine")
        self._add_rows(column, ("speed", "memory", "queues"))
        column.addStretch(1)
        area = make_scroll_area(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._header)
        outer.addWidget(area, 1)

    def _add_section(self, column: QVBoxLayout, key: str) -> None:
        self._sections[key] = make_label("section")
        column.addWidget(self._sections[key])

    def _add_rows(
        self, column: QVBoxLayout, keys: tuple[str, ...], indented: tuple[str, ...] = ()
    ) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(tokens.SPACE_M)
        grid.setVerticalSpacing(tokens.SPACE_XS)
        grid.setColumnStretch(1, 1)
        for row, key in enumerate(keys):
            name = make_label("muted")
            name.setContentsMargins(tokens.SPACE_M if key in indented else 0, 0, 0, 0)
            name.setAlignment(Qt.AlignmentFlag.AlignTop)
            value = make_label("plain" if key in indented else "number", UNKNOWN, wraps=True)
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._names[key], self.values[key] = name, value
            grid.addWidget(name, row, 0)
            grid.addWidget(value, row, 1)
        column.addLayout(grid)


def _texts(health: Diagnostics, look: Look) -> dict[str, str]:
    words = look.words
    spans: LatencySpans = health.spans
    texts = {key: _ms(getattr(spans, f"{key}_ms")) for key in ("answer", *SPANS, "stop")}
    n_xruns = health.n_input_overflows + health.n_output_underflows + health.n_starvations
    texts["xruns"] = (
        f"{n_xruns}"
        if not n_xruns
        else words(
            "diagnostics.xrun_parts",
            input=health.n_input_overflows,
            output=health.n_output_underflows,
            empty=health.n_starvations,
        )
    )
    texts["late"] = str(health.n_late_callbacks)
    texts["echo"] = _echo(health, look)
    texts["input"] = health.input_device or UNKNOWN
    texts["output"] = health.output_device or UNKNOWN
    factor = health.real_time_factor
    texts["speed"] = f"{factor:.2f}" if factor else UNKNOWN
    memory = health.resident_mb + health.worker_mb
    texts["memory"] = f"{memory:.0f} MB" if memory else UNKNOWN
    waiting = sorted(health.queue_depths.items())
    texts["queues"] = " · ".join(f"{name} {depth}" for name, depth in waiting) or UNKNOWN
    return texts


def _ms(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0f} ms"


def _echo(health: Diagnostics, look: Look) -> str:
    loss = health.echo_return_loss_db
    if loss is None:
        return UNKNOWN
    is_good = loss >= GOOD_ECHO_DB and health.has_echo_converged
    return f"−{loss:.0f} dB  " + look.words("echo.ok" if is_good else "echo.weak")
