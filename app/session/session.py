"""The running assistant behind the window: builds the engine and obeys commands.

All threads but the window's are born and joined here, in the engine's thread group. It knows roles;
``app.main`` hands in the implementations.
"""

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import assert_never

from app.dialogue.conversation import Conversation
from app.dialogue.dialogue import Dialogue, DialoguePorts
from app.dialogue.events import (
    ConversationOpened,
    DeviceLost,
    DeviceReturned,
    DialogueEvent,
    GenerationEnded,
    MicrophoneSwitched,
    ModeChosen,
    ModelReady,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
)
from app.dialogue.reply_buffer import PlayerCommand
from app.dialogue.state import Phase
from app.dialogue.timeline import Timeline
from app.dialogue.trace import DialogueTrace
from app.engine.clock import Clock, MonotonicClock, StreamTime
from app.engine.factories import Factories
from app.engine.realtime import RealtimeEngine
from app.engine.rules import (
    dialogue_rules,
    segmenter_settings,
    stream_request,
    voice_choice,
)
from app.history.store import HistoryStore
from app.messages import notices
from app.messages.errors import HistoryError
from app.messages.notices import Notice
from app.replay.recorder import Recorder
from app.session.audio_checks import EchoWatch, SilenceWatch
from app.session.catalog import SessionCatalog
from app.session.commands import (
    AddModelFolder,
    ApplySettings,
    ChooseDevices,
    ChooseVoice,
    Command,
    DeleteRecordings,
    FetchWeights,
    MarkMoment,
    NewConversation,
    OpenConversation,
    PreviewVoice,
    RemoveWeights,
    RunNoticeAction,
    StopFetching,
    TestEcho,
)
from app.session.device_supervisor import DeviceSupervisor
from app.session.downloads import Downloads
from app.session.live_settings import LiveSettings
from app.session.model_supervisor import ModelSupervisor
from app.session.recording import RecordingSession
from app.session.snapshot import EngineSnapshot
from app.session.snapshot_builder import SnapshotBuilder
from app.settings.settings import Settings
from audio_io.capture import CapturePipeline
from audio_io.playback import Player
from model.types import VoiceChoice

_LAST_WORDS_S = 1.0  # a fade and its report; a device that is stuck has 0.4 s
_PREVIEW_BASE = 1_000_000  # generation numbers of voice previews, apart from the dialogue's


class Session:
    """The session that the window sees as a ``SessionPort``.

    Attributes:
        catalog: the lists of the window's menus.
    """

    def __init__(
        self,
        settings: Settings,
        history: HistoryStore,
        factories: Factories,
        catalog: SessionCatalog,
        recorder: Recorder,
        save_settings: Callable[[Settings], None],
        clock: Clock | None = None,
    ) -> None:
        self.catalog = catalog
        self._settings = LiveSettings(settings, save_settings, self.notify)
        self._history = history
        self._factories = factories
        self._recording = RecordingSession(recorder, factories, self.notify)
        self._clock = clock or MonotonicClock()
        self._downloads = Downloads(catalog.model_store, self.notify, self._clock)
        self._n_previews = 0
        self._silence = SilenceWatch()
        self._pending_conversation: Callable[[], None] | None = None
        self._backend = factories.backend(settings)
        self._model = ModelSupervisor(factories, settings, self._from_model, self.notify)
        self.dialogue = self._make_dialogue(settings)
        self.engine = self._make_engine(settings)
        self._recording.attach(self.engine, self.dialogue)
        watchdog = factories.watchdog(self._backend, stream_request(settings))
        self._devices = DeviceSupervisor(self.engine, watchdog, self._clock)
        self.snapshots = SnapshotBuilder(
            self.engine, self.dialogue, lambda: history.n_changes, factories.resident_mb
        )
        self.snapshots.downloads = self._downloads
        echo_watch = EchoWatch(self.engine.capture, self.notify, self._has_no_canceller)
        self.engine.listeners += [self._watch, echo_watch.on_event]
        self.engine.tick_listeners.append(self._after_batch)
        self.engine.failure_listeners.append(self._part_failed)
        self._settings.listeners += [
            self._apply,
            self._recording.apply,
            self._devices.apply,
            self._model.apply,
        ]

    def _make_dialogue(self, settings: Settings) -> Dialogue:
        ports = DialoguePorts(
            tell_player=self._tell_player,
            send=self._model.send,
            restart_model=self._model.failed,
            set_microphone=self._set_microphone,
            report_error=lambda text: self.snapshots.notify(notices.warning("error", text)),
        )
        dialogue = Dialogue(
            ports,
            Conversation(self._history, self.notify),
            DialogueTrace(Timeline()),
            dialogue_rules(settings, self._factories.phrases),
            settings.overlap,
            voice_choice(settings),
        )
        dialogue.conversation.persona = settings.conversation.persona
        dialogue.set_hands_free(settings.conversation.mode == "hands-free")
        return dialogue

    def _make_engine(self, settings: Settings) -> RealtimeEngine:
        capture = CapturePipeline(
            self._backend,
            self._factories.canceller(settings),
            self._factories.detector(),
            segmenter_settings(settings),
            tap=self._recording.tap,
            spotter=self._factories.spotter(),
        )
        capture.is_mic_open = self.dialogue.state.is_hands_free
        player = Player(self._backend.renderer, self._backend.format.output_latency_s)
        player.set_volume(settings.audio.output_volume_db)
        predictor = self._recording.predictor(settings)
        time = StreamTime(self._clock)
        return RealtimeEngine(
            self._backend,
            capture,
            player,
            predictor,
            self.dialogue,
            time,
            self._factories.priority,
        )

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start threads, model worker and devices; return before any of them is ready."""
        settings = self._settings.now
        self._recording.switch(settings.privacy.record_audio)  # a replay has the first frame
        self.engine.start()
        self._recording.start_thread(self.engine)
        self.engine.start_thread("weights", self._downloads.run, self._downloads.stop)
        self.engine.start_thread("models", self._model.run, self._model.close)
        self.catalog.apply(settings)
        self._model.start()
        self.engine.start_thread("devices", self._devices.run, self._devices.stop)

    def stop(self) -> tuple[str, ...]:
        """End everything; return the names of threads that did not end. Again: do nothing.

        A reply that is sounding is faded out first, and what was heard of it is kept.
        """
        self._fall_silent()
        survivors = self.engine.stop()
        self._model.stop()
        self._backend.close()
        return survivors

    def _fall_silent(self) -> None:
        is_silent = Event()

        def look(now_s: float) -> None:
            del now_s
            if self._is_settled():
                is_silent.set()

        def ask() -> None:
            self.engine.tick_listeners.append(look)
            self.engine.post(StopRequested())

        if self.engine.is_running and not self._is_settled():
            self.engine.post(ask)
            is_silent.wait(_LAST_WORDS_S)

    def _is_settled(self) -> bool:
        """Return whether nothing sounds, and nothing that has sounded waits for its report."""
        dialogue = self.dialogue
        waiting = (dialogue.replies.get(reply.generation) for reply in dialogue.state.uncommitted)
        is_at_rest = dialogue.state.phase in (Phase.LISTENING, Phase.STARTING)
        return is_at_rest and not any(reply is not None for reply in waiting)

    # -- SessionPort ---------------------------------------------------------------------------

    def snapshot(self) -> EngineSnapshot:
        """See ``SessionPort``."""
        return self.snapshots.snapshot

    def send(self, command: Command) -> None:
        """See ``SessionPort``; obeyed on the controller's thread."""
        self.engine.post(partial(self._obey, command))

    def settings(self) -> Settings:
        """See ``SessionPort``."""
        return self._settings.now

    def history(self) -> HistoryStore:
        """See ``SessionPort``."""
        return self._history

    def notify(self, notice: Notice) -> None:
        """Show a notice. Any thread."""
        self.engine.post(lambda: self.snapshots.notify(notice))

    # -- commands ------------------------------------------------------------------------------

    def _obey(self, command: Command) -> None:
        match command:
            case (
                StopRequested()
                | TalkPressed()
                | TalkReleased()
                | MicrophoneSwitched()
                | TextSubmitted()
            ):
                self.engine.post(command)
            case ModeChosen() | ChooseVoice() | ChooseDevices() | ApplySettings():
                self._settings.obey(command)
            case NewConversation():
                self._switch_conversation(self.dialogue.conversation.new)
            case OpenConversation(conversation_id=conversation_id):
                self._switch_conversation(partial(self._open_conversation, conversation_id))
            case PreviewVoice(preset=preset, rate=rate):
                self._preview(VoiceChoice(preset, rate))
            case TestEcho():
                self._preview(voice_choice(self._settings.now))
            case RunNoticeAction(key=key, action=action):
                self._run_action(key, action)
            case FetchWeights() | RemoveWeights() | StopFetching() | AddModelFolder():
                self._downloads.ask(command)
            case MarkMoment() | DeleteRecordings():
                self._recording.obey(command)
            case _:
                assert_never(command)

    def _apply(self, before: Settings, now: Settings) -> None:
        """Put to work what dialogue, engine and lists go by."""
        self.dialogue.rules = dialogue_rules(now, self._factories.phrases)
        self.dialogue.conversation.persona = now.conversation.persona
        self.dialogue.overlap = now.overlap
        if now.voice != before.voice:
            self.dialogue.choose_voice(voice_choice(now))
        if now.conversation.mode != before.conversation.mode:
            self.engine.post(ModeChosen(now.conversation.mode == "hands-free"))
        self.engine.capture.segmenter.settings = segmenter_settings(now)
        if _cancels_with(now) != _cancels_with(before):
            self.engine.capture.canceller = self._factories.canceller(now)
        self.engine.set_volume(now.audio.output_volume_db)
        self.catalog.apply(now)

    def _switch_conversation(self, change: Callable[[], None]) -> None:
        """Do so once the reply that may be sounding was committed where it belongs."""
        self._pending_conversation = change
        self.engine.post(ConversationOpened())

    def _open_conversation(self, conversation_id: int) -> None:
        try:
            self.dialogue.conversation.open(conversation_id)
        except HistoryError as error:
            self.snapshots.notify(notices.history_failed(reason=str(error)))

    def _preview(self, voice: VoiceChoice) -> None:
        if self.dialogue.state.phase is Phase.LISTENING:
            self._n_previews += 1
            text = self.catalog.sample_sentence(voice.preset)
            self.dialogue.preview(_PREVIEW_BASE + self._n_previews, text, voice)

    def _run_action(self, key: str, action: str) -> None:
        if action == "retry_audio":
            self._devices.change(stream_request(self._settings.now))  # it says what came of it
            return
        if action == "restart_model":
            self._model.retry()
        self.snapshots.notify(notices.nothing(key))

    # -- what happens --------------------------------------------------------------------------

    def _watch(self, event: DialogueEvent, now_s: float) -> None:
        del now_s
        match event:
            case DeviceLost(message=message):
                self.snapshots.notify(notices.device_lost(reason=message))
            case DeviceReturned(name=name):
                self.snapshots.notify(notices.device_returned(name=name))
            case ModelReady():
                self.snapshots.notify(notices.nothing(notices.MODEL))
            case GenerationEnded(was_cancelled=False):
                self._model.worked()
            case _:
                pass

    def _after_batch(self, now_s: float) -> None:
        state, capture = self.dialogue.state, self.engine.capture
        if self._pending_conversation is not None and self._is_settled():
            change, self._pending_conversation = self._pending_conversation, None
            self.dialogue.captions.clear()
            change()
        is_at_rest = self._is_settled() and state.turn is None and not state.is_user_speaking
        if is_at_rest or not state.is_model_ready:
            self._model.at_rest()
        self._devices.reply_waits(state.phase is Phase.THINKING)
        is_mute = self._silence.is_mute(now_s, capture.mic_dbfs, is_dead=capture.is_microphone_dead)
        is_wanted = is_mute and state.is_mic_open and state.is_hands_free
        if is_wanted != self.snapshots.is_shown(notices.SILENCE):
            silent, sounding = notices.microphone_silent(), notices.nothing(notices.SILENCE)
            self.snapshots.notify(silent if is_wanted else sounding)

    def _part_failed(self, name: str, message: str, is_over: bool) -> None:
        """Say so, on the thread that failed."""
        notice = notices.part_over if is_over else notices.part_failed
        self.notify(notice(name=name, reason=message))

    def _from_model(self, event: DialogueEvent) -> None:
        self.engine.post(event)

    def _tell_player(self, command: PlayerCommand) -> None:
        self.engine.tell_player(command)

    def _set_microphone(self, is_open: bool) -> None:
        self.engine.capture.is_mic_open = is_open

    def _has_no_canceller(self) -> bool:
        return not self._settings.now.audio.echo_cancellation


def _cancels_with(settings: Settings) -> tuple[bool, ...]:
    audio = settings.audio
    return (audio.echo_cancellation, audio.noise_suppression, audio.gain_control)
