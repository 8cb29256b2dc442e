"""What is kept of a conversation when the user wants it; the recorder's thread does the writing."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from app.dialogue.dialogue import Dialogue
from app.engine.factories import Factories
from app.engine.realtime import RealtimeEngine
from app.engine.rules import thresholds
from app.messages import notices
from app.messages.notices import Notice
from app.replay.marks import BadMoment, MomentLog
from app.replay.recorder import Recorder
from app.replay.writer import WatchedPredictor
from app.session.commands import MarkMoment, RecordingCommand
from app.settings.settings import Settings
from audio_io.frames import Samples
from model.interfaces import DuplexPredictor

_STAMP = "%Y%m%d-%H%M%S"


class RecordingSession:
    """Connects the recorder with the engine; ``attach`` comes before anything runs."""

    def __init__(
        self, recorder: Recorder, factories: Factories, notify: Callable[[Notice], None]
    ) -> None:
        self._recorder = recorder
        self._factories = factories
        self._notify = notify
        self._log = MomentLog()
        self._engine: RealtimeEngine | None = None
        self._dialogue: Dialogue | None = None

    def attach(self, engine: RealtimeEngine, dialogue: Dialogue) -> None:
        """Listen from now on."""
        self._engine, self._dialogue = engine, dialogue
        dialogue.trace.timeline.listen(self._log.on_entry)
        dialogue.trace.step_listeners.append(self._recorder.note)

    def start_thread(self, engine: RealtimeEngine) -> None:
        """Start the recorder's thread, to be joined with the engine's."""
        engine.start_thread("recorder", self._recorder.run, self._recorder.close)

    def predictor(self, settings: Settings) -> DuplexPredictor:
        """Make a fresh predictor, watched where that is wanted: a replay begins with such a one."""
        predictor = self._factories.predictor(settings)
        if not settings.privacy.record_audio:
            return predictor
        return WatchedPredictor(predictor, settings, self._recorder.note)

    def switch(self, is_on: bool) -> None:
        """Record from now on, or no more."""
        self._recorder.is_on = is_on

    def apply(self, before: Settings, settings: Settings) -> None:
        """Record as the settings say, with a fresh predictor where they ask for another."""
        self.switch(settings.privacy.record_audio)
        if self._engine is not None and _predicts_with(before) != _predicts_with(settings):
            self._engine.use_predictor(self.predictor(settings))

    def tap(self, microphone: Samples, far: Samples, _clean: Samples) -> None:
        """Take 10 ms, on the capture thread; see ``audio_io.capture.Tap``."""
        if self._engine is not None:
            self._recorder.tap(microphone, far, self._engine.capture.now_s)

    def obey(self, command: RecordingCommand) -> None:
        """Carry out a command, on the controller's thread."""
        if isinstance(command, MarkMoment):
            self._mark(command.kind)
        else:
            self._recorder.delete_all(self._deleted)

    def _mark(self, kind: BadMoment) -> None:
        if not self._recorder.is_on or self._engine is None or self._dialogue is None:
            self._notify(notices.recording_is_off())
            return
        stamp = f"{datetime.now().astimezone():{_STAMP}}"
        now_s = self._engine.time.now_s()
        mark = self._log.mark(kind, stamp, now_s, self._dialogue.language)
        self._recorder.mark(mark, self._saved)

    def _saved(self, folder: Path | None, reason: str) -> None:
        if folder is None:
            self._notify(notices.moment_not_saved(reason=reason))
        else:
            self._notify(notices.moment_saved(path=str(folder)))

    def _deleted(self, reason: str) -> None:
        self._notify(
            notices.recordings_not_deleted(reason=reason) if reason else notices.recordings_gone()
        )


def _predicts_with(settings: Settings) -> tuple[object, ...]:
    """Return what asks for a fresh predictor when it changes."""
    conversation = settings.conversation
    return (
        conversation.endpointing_mode,
        thresholds(settings),
        conversation.extra_stop_words,
        conversation.endpoint_max_wait_ms,
        settings.privacy.record_audio,
    )
