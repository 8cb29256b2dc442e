"""The controls below the conversation: microphone, mode, stop, voice, speed, typed text.

They show what the snapshot and the settings say, never what was merely pressed.
"""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.dialogue.events import (
    MicrophoneSwitched,
    ModeChosen,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
)
from app.dialogue.state import Phase
from app.replay.marks import BadMoment
from app.session.catalog import VoiceInfo
from app.session.commands import ChooseVoice, Command, MarkMoment
from app.session.snapshot import EngineSnapshot
from app.settings.settings import VoiceSettings
from app.ui.settings.voice_menu import voice_title
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import IconButton, make_button, make_label, set_property, show_text
from app.ui.widgets.flow_layout import FlowLayout
from app.ui.widgets.level_meter import LevelMeter

MIN_RATE_PERCENT = 70
MAX_RATE_PERCENT = 150
RATE_STEP_PERCENT = 5
METER_WIDTH = 46  # px at 100 %

REPLYING = frozenset({Phase.THINKING, Phase.SPEAKING, Phase.OVERLAP, Phase.YIELDING})


class ControlBar(QWidget):
    """The bar of controls; emits ``voice_menu_asked`` for the voice button."""

    voice_menu_asked = Signal()

    def __init__(self, look: Look, send: Callable[[Command], None]) -> None:
        super().__init__()
        self._look = look
        self._send = send
        self._picture = EngineSnapshot()
        self._voice = VoiceSettings()
        self._voices: tuple[VoiceInfo, ...] = ()
        self.microphone = IconButton("microphone", "control.mute", look, "round")
        self.stop = IconButton("stop", "control.stop", look, "round")
        self.hands_free = _segment()
        self.hold_to_talk = _segment()
        self.mic_meter = LevelMeter(look, "user", "control.mic_level")
        self.out_meter = LevelMeter(look, "reply", "control.out_level")
        self.voice_button = make_button()
        self.speed_label = make_label("caption")
        self.speed = _speed_slider()
        self.bad_moments = QWidget()
        self.bad_title = make_label("caption")
        self.bad_buttons = {kind: make_button() for kind in BadMoment}
        self._is_recording = False
        self._is_low = False
        self.text = QLineEdit()
        self.submit = IconButton("send", "control.send", look)
        self._arrange()
        self._connect()
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        for part in (self.microphone, self.stop, self.submit, self.mic_meter, self.out_meter):
            part.set_look(look)
        for meter in (self.mic_meter, self.out_meter):
            meter.setFixedWidth(look.px(METER_WIDTH))
        words = look.words
        for button, key in (
            (self.hands_free, "control.hands_free"),
            (self.hold_to_talk, "control.hold_to_talk"),
        ):
            show_text(button, words(key))
            button.setToolTip(words(f"{key}.help"))
        self.bad_title.setText(words("bad.title"))
        for kind, button in self.bad_buttons.items():
            show_text(button, words(f"bad.{kind}"))
            button.setToolTip(words(f"bad.{kind}.help"))
        self.text.setPlaceholderText(words("control.type"))
        self.text.setAccessibleName(words("control.type"))
        self.text.setMinimumWidth(look.px(150))
        self.speed.setAccessibleName(words("control.speed"))
        self.speed.setToolTip(words("control.speed"))
        self.speed.setFixedWidth(look.px(96))
        self.show_voice(self._voice, self._voices)
        self._refresh()

    def show_picture(self, picture: EngineSnapshot, elapsed_s: float) -> None:
        self.mic_meter.show_level(picture.mic_dbfs if picture.is_mic_open else -120.0, elapsed_s)
        self.out_meter.show_level(picture.out_dbfs, elapsed_s)
        old, self._picture = self._picture, picture
        if _switches(old) != _switches(picture):
            self._refresh()
        if old.only_voice != picture.only_voice:
            self.show_voice(self._voice, self._voices)

    def show_voice(self, voice: VoiceSettings, voices: tuple[VoiceInfo, ...]) -> None:
        self._voice, self._voices = voice, voices
        title = self._picture.only_voice or voice_title(voice.preset, voices)
        self.voice_button.setEnabled(not self._picture.only_voice)
        self.voice_button.setText(self._look.words("control.voice", name=title) + "  ▾")
        self.voice_button.setAccessibleName(self._look.words("control.voice", name=title))
        if not self.speed.isSliderDown():
            self.speed.blockSignals(True)
            self.speed.setValue(round(voice.rate * 100))
            self.speed.blockSignals(False)
        self._show_rate(self.speed.value())

    def show_recording(self, *, is_on: bool) -> None:
        """Offer to save bad moments only while sound is recorded; the menu says why."""
        self._is_recording = is_on
        self.bad_moments.setHidden(self._is_low or not is_on)

    def set_room(self, *, is_low: bool, is_compact: bool, is_tiny: bool) -> None:
        """Hide controls that do not fit.

        Tiny: voice, speed and mode are left to the settings, levels to the ring. Low: bad moments
        are left to the conversation menu and to their keys.
        """
        self._is_low = is_low
        self.show_recording(is_on=self._is_recording)
        for meter in (self.mic_meter, self.out_meter):
            meter.setHidden(is_compact)
        for part in (self.segments, self.voice_button, self.speed_holder):
            part.setHidden(is_tiny)

    def toggle_microphone(self) -> None:
        self._send(MicrophoneSwitched(not self._picture.is_mic_open))

    def _arrange(self) -> None:
        segments = self.segments = QFrame()
        segments.setObjectName("segments")
        row = QHBoxLayout(segments)
        row.setContentsMargins(3, 3, 3, 3)
        row.setSpacing(2)
        row.addWidget(self.hands_free)
        row.addWidget(self.hold_to_talk)
        group = QButtonGroup(self)
        group.addButton(self.hands_free)
        group.addButton(self.hold_to_talk)
        talk = FlowLayout(tokens.SPACE_S, is_centred=True)
        for part in (self.microphone, self.mic_meter, segments, self.out_meter, self.stop):
            talk.addWidget(part)
        bad = FlowLayout(tokens.SPACE_S, is_centred=True)
        for part in (self.bad_title, *self.bad_buttons.values()):
            bad.addWidget(part)
        bad.setContentsMargins(0, 0, 0, 0)
        self.bad_moments.setLayout(bad)
        self.bad_moments.setHidden(True)
        speed = self.speed_holder = QWidget()
        speed_row = QHBoxLayout(speed)
        speed_row.setContentsMargins(tokens.SPACE_XS, 0, tokens.SPACE_XS, 0)
        speed_row.setSpacing(tokens.SPACE_S)
        speed_row.addWidget(self.speed_label)
        speed_row.addWidget(self.speed)
        typed = QWidget()
        typed_row = QHBoxLayout(typed)
        typed_row.setContentsMargins(0, 0, 0, 0)
        typed_row.setSpacing(tokens.SPACE_XS)
        typed_row.addWidget(self.text, 1)
        typed_row.addWidget(self.submit)
        more = FlowLayout(tokens.SPACE_S)
        more.addWidget(self.voice_button)
        more.addWidget(speed)
        more.add_growing(typed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_M)
        column.addLayout(talk)
        column.addWidget(self.bad_moments)
        column.addLayout(more)

    def _connect(self) -> None:
        self.microphone.pressed.connect(self._press_microphone)
        self.microphone.released.connect(self._release_microphone)
        self.microphone.clicked.connect(self._click_microphone)
        self.stop.clicked.connect(lambda: self._send(StopRequested()))
        self.hands_free.clicked.connect(lambda: self._choose_mode(is_hands_free=True))
        self.hold_to_talk.clicked.connect(lambda: self._choose_mode(is_hands_free=False))
        self.voice_button.clicked.connect(self.voice_menu_asked)
        self.speed.valueChanged.connect(self._change_speed)
        self.speed.sliderReleased.connect(self._send_speed)
        for kind, button in self.bad_buttons.items():
            button.clicked.connect(lambda _checked, k=kind: self._send(MarkMoment(k)))
        self.text.returnPressed.connect(self._submit)
        self.submit.clicked.connect(self._submit)

    def _press_microphone(self) -> None:
        if not self._picture.is_hands_free:
            self._send(TalkPressed())

    def _release_microphone(self) -> None:
        if not self._picture.is_hands_free:
            self._send(TalkReleased())

    def _click_microphone(self) -> None:
        if self._picture.is_hands_free:
            self.toggle_microphone()

    def _choose_mode(self, *, is_hands_free: bool) -> None:
        self._send(ModeChosen(is_hands_free))
        self._refresh()

    def _change_speed(self, percent: int) -> None:
        self._show_rate(percent)
        if not self.speed.isSliderDown():
            self._send_speed()

    def _send_speed(self) -> None:
        self._send(ChooseVoice(self._voice.preset, self.speed.value() / 100))

    def _show_rate(self, percent: int) -> None:
        text = self._look.words("control.rate", rate=f"{percent / 100:.2g}")
        self.speed_label.setText(text)

    def _submit(self) -> None:
        text = self.text.text().strip()
        if text:
            self._send(TextSubmitted(text))
            self.text.clear()

    def _refresh(self) -> None:
        picture = self._picture
        self.hands_free.setChecked(picture.is_hands_free)
        self.hold_to_talk.setChecked(not picture.is_hands_free)
        self.stop.setEnabled(picture.phase in REPLYING)
        self.stop.show_as(
            "stop", "control.stop", "text" if picture.phase in REPLYING else "control_line"
        )
        if not picture.is_hands_free:
            colour = "user" if picture.is_talk_held else "text"
            self.microphone.show_as("microphone", "control.hold_button", colour)
        elif picture.is_mic_open:
            self.microphone.show_as("microphone", "control.mute")
        else:
            self.microphone.show_as("microphone-off", "control.unmute", "danger")
        is_muted = picture.is_hands_free and not picture.is_mic_open
        set_property(self.microphone, "alert", "true" if is_muted else "false")


def _switches(picture: EngineSnapshot) -> tuple[object, ...]:
    return (
        picture.phase,
        picture.is_mic_open,
        picture.is_hands_free,
        picture.is_talk_held,
    )


def _segment() -> QPushButton:
    button = make_button("segment")
    button.setCheckable(True)
    return button


def _speed_slider() -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(MIN_RATE_PERCENT, MAX_RATE_PERCENT)
    slider.setSingleStep(RATE_STEP_PERCENT)
    slider.setPageStep(2 * RATE_STEP_PERCENT)
    slider.setValue(100)
    return slider
