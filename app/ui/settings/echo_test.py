"""A test that plays a short sound and says how much of its echo is removed."""

from collections.abc import Callable
from enum import StrEnum

from PySide6.QtWidgets import QGridLayout, QWidget

from app.session.commands import Command, TestEcho
from app.session.snapshot import Diagnostics, EngineSnapshot
from app.ui.diagnostics.diagnostics_panel import GOOD_ECHO_DB
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import make_button, make_label, set_property, show_text

HEARD_DBFS = -50.0  # the loudspeaker plays: quieter sound leaves no echo worth measuring
ENOUGH_S = 1.0  # of sound: the measurement covers the last second of it
OVER_S = 1.0  # of silence: the sound is over, not in a pause between two words
GIVE_UP_AFTER_S = 8.0  # longer than the loudspeaker and the voice take to begin
LONGEST_STEP_S = 0.25  # a gap between two looks is no sound
ECHO_FREE_DB = 15.0  # a canceller that has settled with less to remove found no echo


class Verdict(StrEnum):
    """The result of the test; the value is the key of its sentence ("echo.result_<value>")."""

    GOOD = "good"
    NO_ECHO = "none"
    UNSETTLED = "unsettled"
    WEAK = "weak"
    SILENT = "silent"


TONES = {
    Verdict.GOOD: "good",
    Verdict.NO_ECHO: "good",
    Verdict.UNSETTLED: "warning",
    Verdict.WEAK: "warning",
    Verdict.SILENT: "danger",
}


def verdict_of(health: Diagnostics) -> Verdict:
    """Return what a measurement means for somebody who wants to interrupt."""
    loss = health.echo_return_loss_db
    if loss is None:
        return Verdict.SILENT
    if health.has_echo_converged:
        return Verdict.GOOD if loss >= ECHO_FREE_DB else Verdict.NO_ECHO
    return Verdict.UNSETTLED if loss >= GOOD_ECHO_DB else Verdict.WEAK


class EchoTest(QWidget):
    """A button and the result of the measurement made while the sound played.

    Attributes:
        verdict: None until a fresh measurement exists.
    """

    def __init__(self, look: Look, send: Callable[[Command], None]) -> None:
        super().__init__()
        self._look = look
        self._send = send
        self.verdict: Verdict | None = None
        self._is_running = False
        self._begun_s: float | None = None
        self._last_s = 0.0
        self._sound_s = 0.0
        self._quiet_s = 0.0
        self.button = make_button()
        show_text(self.button, look.words("echo.test"))
        self.button.clicked.connect(self._start)
        self.result = make_label("plain", look.words("echo.untested"), wraps=True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(tokens.SPACE_M)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.button, 0, 0)
        grid.addWidget(self.result, 0, 1)

    def show_picture(self, picture: EngineSnapshot) -> None:
        if not self._is_running:
            return
        now_s = picture.now_s
        if self._begun_s is None:
            self._begun_s = self._last_s = now_s
        step_s = min(LONGEST_STEP_S, max(0.0, now_s - self._last_s))
        self._last_s = now_s
        if picture.out_dbfs > HEARD_DBFS:
            self._sound_s += step_s
            self._quiet_s = 0.0
        else:
            self._quiet_s += step_s
        if self._sound_s >= ENOUGH_S:
            health = picture.diagnostics
            self._is_running = self._quiet_s < OVER_S
            is_news = health.has_echo_converged and self.verdict is None
            if is_news or not self._is_running:  # between the two the number only flickers
                self._tell(verdict_of(health), health)
        elif now_s - self._begun_s > GIVE_UP_AFTER_S:
            self._tell(Verdict.SILENT, picture.diagnostics)
            self._is_running = False

    def _tell(self, verdict: Verdict, health: Diagnostics) -> None:
        self.verdict = verdict
        loss = f"{max(0.0, health.echo_return_loss_db or 0.0):.0f}"
        self._write(self._look.words(f"echo.result_{verdict}", loss=loss), TONES[verdict])

    def _write(self, text: str, tone: str) -> None:
        if text != self.result.text():
            self.result.setText(text)
        set_property(self.result, "tone", tone)

    def _start(self) -> None:
        self.verdict = None
        self._is_running = True
        self._begun_s = None
        self._sound_s = self._quiet_s = 0.0
        self._write(self._look.words("echo.running"), "")
        self._send(TestEcho())
