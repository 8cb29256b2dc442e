"""The menus of microphones and loudspeakers, each over its level."""

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from app.session.catalog import DeviceChoice
from app.session.commands import ChooseDevices, SessionPort
from app.session.snapshot import EngineSnapshot
from app.ui.settings.option_fields import QuietComboBox
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import make_label
from app.ui.widgets.level_meter import LevelMeter


class DeviceChoosers(QWidget):
    """Two device menus with level meters, for the settings and the introduction."""

    def __init__(self, look: Look, session: SessionPort) -> None:
        super().__init__()
        self._session = session
        words = look.words
        audio = session.settings().audio
        self.input = _device_menu(look, session.catalog.input_devices(), audio.input_device)
        self.output = _device_menu(look, session.catalog.output_devices(), audio.output_device)
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


def _device_menu(look: Look, devices: tuple[DeviceChoice, ...], chosen: str) -> QComboBox:
    """Return a menu of devices; a chosen one that is not connected is marked as missing."""
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
