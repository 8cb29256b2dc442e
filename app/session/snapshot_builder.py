"""Builds the picture the window reads, on the controller's thread, at most 30 times a second."""

from collections import deque
from collections.abc import Callable

from app.dialogue.dialogue import Dialogue
from app.dialogue.events import (
    DeviceLost,
    DeviceReturned,
    DialogueEvent,
    LoadProgress,
    ModelLeft,
    ModelReady,
    PlaybackEnded,
    WorkerFailed,
    WorkerStats,
)
from app.dialogue.state import Phase
from app.dialogue.timeline import Entry
from app.engine.realtime import RealtimeEngine
from app.messages.notices import Notice, NoticeKind
from app.session.downloads import Downloads
from app.session.snapshot import Diagnostics, EngineSnapshot, TraceMark, TracePoint
from audio_io.frames import UserFrame

_FRAME_S = 1.0 / 30.0
_TRACE_STEP_S = 0.1
_TRACE_S = 60.0
_MARKS = frozenset({"ducked", "device_lost"})  # and whatever was decided
_ECHO_AFTER_DBFS = -50.0  # of the loudspeaker; softer it leaves no echo worth showing
_VOICE_P = 0.5
_FLOOR_DBFS = -120.0
_NOTICE_S = 10.0  # long enough to read two lines twice
_MEMORY_EVERY_S = 1.0
_DISMISS = "dismiss"


class SnapshotBuilder:
    """Collects what the window shows, and publishes it.

    Attributes:
        snapshot: replaced as a whole; any thread may read it.
        downloads: whose progress is shown; None for nobody's.
    """

    def __init__(
        self,
        engine: RealtimeEngine,
        dialogue: Dialogue,
        history_changes: Callable[[], int],
        resident_mb: Callable[[], float],
    ) -> None:
        self.snapshot = EngineSnapshot()
        self.downloads: Downloads | None = None
        self._engine = engine
        self._dialogue = dialogue
        self._history_changes = history_changes
        self._read_resident_mb = resident_mb
        self._resident_mb = 0.0
        self._notices: dict[str, Notice] = {}
        self._vanish_at_s: dict[str, float] = {}
        self._trace: deque[TracePoint] = deque(maxlen=int(_TRACE_S / _TRACE_STEP_S))
        self._marks: deque[TraceMark] = deque(maxlen=100)
        self._loading = ("model", 0.0)
        self._is_device_lost = False
        self._interrupted_at_s: float | None = None
        self._stats = WorkerStats(0.0, 0.0, 0.0)
        self._only_voice = ""
        self._audio: UserFrame | None = None
        self._next_frame_s = 0.0
        self._next_trace_s = 0.0
        self._next_memory_s = 0.0
        dialogue.trace.timeline.listen(self._mark)
        engine.listeners.append(self.on_event)
        engine.tick_listeners.append(self.on_tick)
        engine.audio_listeners.append(self.on_audio)

    def notify(self, notice: Notice) -> None:
        """Show, replace or (with an empty text) remove a notice, on the controller's thread.

        A notice that needs no answer goes away by itself.
        """
        self._vanish_at_s.pop(notice.key, None)
        if notice.text:
            self._notices[notice.key] = notice
            if notice.action == _DISMISS and notice.kind is not NoticeKind.ERROR:
                self._vanish_at_s[notice.key] = self._engine.time.now_s() + _NOTICE_S
        else:
            self._notices.pop(notice.key, None)
        self._next_frame_s = 0.0

    def is_shown(self, key: str) -> bool:
        """Return whether a notice with that key is up, on the controller's thread."""
        return key in self._notices

    def on_audio(self, audio: UserFrame) -> None:
        """Remember the user's latest 10 ms."""
        self._audio = audio

    def on_event(self, event: DialogueEvent, now_s: float) -> None:
        """Follow what the picture shows of an event."""
        match event:
            case LoadProgress(what=what, fraction=fraction):
                self._loading = (what, fraction)
            case ModelReady(voices=voices):
                self._loading = ("", 1.0)
                self._only_voice = voices[0].name if len(voices) == 1 else ""
            case WorkerFailed(name="model") | ModelLeft():
                self._loading = ("model", 0.0)
            case WorkerStats():
                self._stats = event
            case DeviceLost():
                self._is_device_lost = True
            case DeviceReturned():
                self._is_device_lost = False
            case PlaybackEnded(report=report):
                if report.was_cut and report.heard_samples:
                    self._interrupted_at_s = now_s
            case _:
                return
        self._next_frame_s = 0.0

    def on_tick(self, now_s: float) -> None:
        """Publish when a picture is due, or at once when the phase has changed."""
        is_new_phase = self._dialogue.state.phase is not self.snapshot.phase
        # A clock that was put back (the first stream has begun) must not stop the pictures.
        is_due = not now_s < self._next_frame_s <= now_s + _FRAME_S
        if not is_due and not is_new_phase:
            return
        self._next_frame_s = now_s + _FRAME_S
        for key in [key for key, at_s in self._vanish_at_s.items() if at_s <= now_s]:
            del self._vanish_at_s[key], self._notices[key]
        self._trace_point(now_s)
        self.snapshot = self._build(now_s)

    def _build(self, now_s: float) -> EngineSnapshot:
        dialogue, state = self._dialogue, self._dialogue.state
        audio = self._audio
        return EngineSnapshot(
            now_s=now_s,
            phase=state.phase,
            is_user_speaking=state.is_user_speaking,
            is_mic_open=state.is_mic_open,
            is_hands_free=state.is_hands_free,
            is_talk_held=state.is_talk_held,
            is_device_lost=self._is_device_lost,
            loading=self._loading[0] if state.phase is Phase.STARTING else "",
            loading_fraction=self._loading[1],
            mic_dbfs=self._engine.capture.mic_dbfs if audio is not None else _FLOOR_DBFS,
            out_dbfs=audio.far_dbfs if audio is not None else _FLOOR_DBFS,
            interrupted_at_s=self._interrupted_at_s,
            conversation_id=dialogue.conversation.id,
            captions=dialogue.conversation.captions() + dialogue.captions.lines(),
            notices=tuple(self._notices.values()),
            diagnostics=self._diagnostics(),
            trace=tuple(self._trace),
            marks=tuple(mark for mark in self._marks if mark.at_s > now_s - _TRACE_S),
            n_history_changes=self._history_changes(),
            downloads=self.downloads.downloads if self.downloads is not None else (),
            n_weight_changes=self.downloads.n_changes if self.downloads is not None else 0,
            only_voice=self._only_voice,
        )

    def _diagnostics(self) -> Diagnostics:
        engine = self._engine
        if engine.time.now_s() >= self._next_memory_s:
            self._next_memory_s = engine.time.now_s() + _MEMORY_EVERY_S
            self._resident_mb = self._read_resident_mb()
        stats, form = engine.backend.stats(), engine.backend.format
        canceller = engine.capture.canceller
        seconds = engine.capture.now_s
        return Diagnostics(
            spans=self._dialogue.trace.latency.last,
            n_input_overflows=stats.n_input_overflows,
            n_output_underflows=stats.n_output_underflows,
            n_starvations=engine.backend.renderer.n_starvations,
            n_late_callbacks=stats.n_late_callbacks,
            queue_depths={queue.name: queue.depth for queue in engine.queue_stats()},
            resident_mb=self._resident_mb,
            real_time_factor=self._stats.busy_s / seconds if seconds > 0.0 else 0.0,
            worker_mb=self._stats.resident_mb,
            echo_return_loss_db=canceller.echo_return_loss_db,
            has_echo_converged=canceller.has_converged,
            input_device=form.input_name,
            output_device=form.output_name,
        )

    def _trace_point(self, now_s: float) -> None:
        audio = self._audio
        if now_s < self._next_trace_s or audio is None:
            return
        self._next_trace_s = now_s + _TRACE_STEP_S
        prediction = self._dialogue.trace.prediction
        is_fresh = now_s - prediction.at_s < 0.5
        has_echo = audio.far_dbfs > _ECHO_AFTER_DBFS and audio.p_speech < _VOICE_P
        self._trace.append(
            TracePoint(
                at_s=now_s,
                mic_dbfs=self._engine.capture.mic_dbfs,
                out_dbfs=audio.far_dbfs,
                p_speech=audio.p_speech,
                p_end_of_turn=prediction.p_end_of_turn if is_fresh else 0.0,
                p_interruption=prediction.p_interruption if is_fresh else 0.0,
                p_backchannel=prediction.p_backchannel if is_fresh else 0.0,
                p_noise=prediction.p_noise if is_fresh else 0.0,
                echo_dbfs=audio.clean_dbfs if has_echo else _FLOOR_DBFS,
            )
        )

    def _mark(self, entry: Entry) -> None:
        at_s, what, why = entry["t_s"], str(entry["event"]), entry.get("why")
        if not isinstance(at_s, int | float):
            return
        if isinstance(why, dict):
            numbers = tuple((k, float(v)) for k, v in why.items() if isinstance(v, int | float))
            cause, reason = str(entry.get("cause", "")), str(entry.get("reason", ""))
            self._marks.append(TraceMark(float(at_s), what, cause, reason, numbers))
        elif what in _MARKS:
            self._marks.append(TraceMark(float(at_s), what))
