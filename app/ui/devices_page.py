"""Microphone and loudspeaker: chosen while their levels move, and a test of the echo between them.

Sends commands; measures nothing. Serves the settings and the first run.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QComboBox, QGridLayout, QVBoxLayout, QWidget

from app.commands import ChooseDevices, Command, DeviceChoice, SessionPort, TestEcho
from app.snapshot import EngineSnapshot
from app.ui import tokens
from app.ui.controls import make_button, make_label, set_property
from app.ui.diagnostics_panel import GOOD_ECHO_DB
from app.ui.level_meter import LevelMeter
from app.ui.look import Look
from app.ui.option_fields import QuietComboBox


class DeviceChoosers(QWidget):
    """Two menus, each over its level."""

    def __init__(self, look: Look, session: SessionPort) -> None:
        super().__init__()
        self._session = session
        words = look.words
        audio = session.settings().audio
        self.input = _device_menu(look, session.input_devices(), audio.input_device)
        self.output = _device_menu(look, session.output_devices(), audio.output_device)
        self.input_meter = LevelMeter(look, "user", "control.mic_level")
        self.output_meter = LevelMeter(look, "reply", "control.out_level")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_S)
        for key, menu, meter in (
            ("devices.microphone", self.input, self.input_meter),
            ("devices.loudspeaker", self.output, self.output_meter),
        ):
            menu.setAccessibleName(words(key))
            column.addWidget(make_label("plain", words(key)))
            column.addWidget(menu)
            column.addWidget(meter)
            column.addSpacing(tokens.SPACE_S)
            menu.activated.connect(self._choose)

    def show_picture(self, picture: EngineSnapshot, elapsed_s: float) -> None:
        self.input_meter.show_level(picture.mic_dbfs, elapsed_s)
        self.output_meter.show_level(picture.out_dbfs, elapsed_s)

    def _choose(self) -> None:
        self._session.send(
            ChooseDevices(self.input.currentData() or None, self.output.currentData() or None)
        )


class EchoTest(QWidget):
    """Asks for the test and says in words what was measured."""

    def __init__(self, look: Look, send: Callable[[Command], None]) -> None:
        super().__init__()
        self._look = look
        self._send = send
        self.button = make_button()
        self.button.setText(look.words("echo.test"))
        self.button.setAccessibleName(look.words("echo.test"))
        self.button.clicked.connect(self._start)
        self.result = make_label("plain", look.words("echo.untested"), wraps=True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(tokens.SPACE_M)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.button, 0, 0)
        grid.addWidget(self.result, 0, 1)

    def show_picture(self, picture: EngineSnapshot) -> None:
        health = picture.diagnostics
        loss = health.echo_return_loss_db
        if loss is None:
            return
        is_good = loss >= GOOD_ECHO_DB and health.has_echo_converged
        key = "echo.result_good" if is_good else "echo.result_weak"
        text = self._look.words(key, loss=f"{loss:.0f}")
        if text != self.result.text():
            self.result.setText(text)
            set_property(self.result, "tone", "good" if is_good else "warning")

    def _start(self) -> None:
        self.result.setText(self._look.words("echo.running"))
        set_property(self.result, "tone", "")
        self._send(TestEcho())


def _device_menu(look: Look, devices: tuple[DeviceChoice, ...], chosen: str) -> QComboBox:
    """A chosen device that is not plugged in stays in the menu, marked as missing."""
    menu = QuietComboBox()
    default = next((device.name for device in devices if device.is_default), "")
    system = look.words("devices.system")
    menu.addItem(f"{system} ({default})" if default else system, "")
    for device in devices:
        menu.addItem(device.name, device.name)
    if chosen and chosen not in {device.name for device in devices}:
        menu.addItem(look.words("devices.missing", name=chosen), chosen)
    menu.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    menu.setMinimumContentsLength(18)
    menu.setCurrentIndex(max(0, menu.findData(chosen)))
    return menu
