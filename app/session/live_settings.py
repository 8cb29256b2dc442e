"""The settings of a running session: kept when they change, and put to work at once."""

from collections.abc import Callable
from dataclasses import replace

from app.dialogue.events import ModeChosen
from app.messages import notices
from app.messages.errors import BadInputError
from app.messages.notices import Notice
from app.session.commands import ApplySettings, ChooseDevices, ChooseVoice
from app.settings.settings import Settings


class LiveSettings:
    """Holds the settings. They change on the controller's thread; any thread may read ``now``.

    Attributes:
        now: replaced as a whole.
        listeners: called in order with the settings before and after every change.
    """

    def __init__(
        self, now: Settings, save: Callable[[Settings], None], notify: Callable[[Notice], None]
    ) -> None:
        self.now = now
        self.listeners: list[Callable[[Settings, Settings], None]] = []
        self._save = save
        self._notify = notify

    def obey(self, command: ModeChosen | ChooseVoice | ChooseDevices | ApplySettings) -> None:
        """Change what the command is about."""
        now = self.now
        match command:
            case ModeChosen(is_hands_free=is_hands_free):
                mode = "hands-free" if is_hands_free else "push-to-talk"
                self.change(now.with_value("conversation", "mode", mode))
            case ChooseVoice(preset=preset, rate=rate):
                self.change(replace(now, voice=replace(now.voice, preset=preset, rate=rate)))
            case ChooseDevices(input_name=input_name, output_name=output_name):
                names = {"input_device": input_name or "", "output_device": output_name or ""}
                self.change(replace(now, audio=replace(now.audio, **names)))
            case ApplySettings(settings=settings):
                self.change(settings)

    def change(self, settings: Settings) -> None:
        """Save other settings, and tell all listeners whether or not that was possible."""
        before, self.now = self.now, settings
        try:
            self._save(settings)
        except (OSError, BadInputError) as error:
            self._notify(notices.settings_unsaved(reason=str(error)))
        for listener in self.listeners:
            listener(before, settings)
