"""Watches over the sound: a microphone that gives nothing, an echo that needs headphones."""

from collections.abc import Callable

from app.dialogue.events import DialogueEvent, PlaybackEnded, PlaybackStarted
from app.messages import notices
from app.messages.notices import Notice
from audio_io.capture import CapturePipeline

_NOTHING_DBFS = -120.0  # what exact zeros measure
_GATED_S = 20.0  # headsets with a gate send zeros while nobody speaks


class SilenceWatch:
    """Tells a microphone that gives nothing from one that sends zeros between two sentences."""

    def __init__(self) -> None:
        self._sound_at_s: float | None = None

    def is_mute(self, now_s: float, mic_dbfs: float, *, is_dead: bool) -> bool:
        """Return whether a person should be asked; ``is_dead`` means zeros for some seconds."""
        if mic_dbfs > _NOTHING_DBFS:
            self._sound_at_s = now_s
        never_or_long_ago = self._sound_at_s is None or now_s - self._sound_at_s > _GATED_S
        return is_dead and never_or_long_ago


_ENOUGH_S = 6.0  # of replies; cancellers in real rooms converged after 1.7-4.1 s


class EchoWatch:
    """Looks at the canceller after each reply; advises headphones once, and takes it back."""

    def __init__(
        self,
        capture: CapturePipeline,
        notify: Callable[[Notice], None],
        is_switched_off: Callable[[], bool],
    ) -> None:
        self._capture = capture
        self._notify = notify
        self._is_switched_off = is_switched_off
        self._started_s = 0.0
        self._heard_s = 0.0
        self._is_shown = False

    def on_event(self, event: DialogueEvent, now_s: float) -> None:
        """See ``RealtimeEngine.listeners``."""
        del now_s
        match event:
            case PlaybackStarted(at_s=at_s):
                self._started_s = at_s
                if self._is_switched_off():
                    self._advise()
            case PlaybackEnded(report=report):
                if report.heard_samples:
                    self._heard_s += max(0.0, report.last_audible_s - self._started_s)
                self._look()
            case _:
                pass

    def _look(self) -> None:
        if self._is_switched_off():
            return
        if self._capture.canceller.has_converged:
            if self._is_shown:
                self._is_shown = False
                self._notify(notices.nothing(notices.ECHO))
        elif self._heard_s >= _ENOUGH_S:
            self._advise()

    def _advise(self) -> None:
        if not self._is_shown:
            self._is_shown = True
            self._notify(notices.echo_off() if self._is_switched_off() else notices.echo_weak())
