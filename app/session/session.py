"""The running assistant behind the window: builds the engine, obeys commands, keeps settings.

All threads but the window's are born and joined here, in the engine's thread group. It knows roles;
``app.main`` hands in the implementations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from app.session.catalog import DeviceChoice, SessionCatalog, SpeechModelInfo, VoiceInfo, WeightInfo
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
    """See ``SessionPort``; ``start`` and ``stop`` belong to the composition root."""

    def __init__(
        self,
        settings: Settings,
        history: HistoryStore,
        parts: Factories,
        catalog: SessionCatalog,
        recorder: Recorder,
        save_settings: Callable[[Settings], None],
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._history = history
        self._parts = parts
        self._catalog = catalog
        self._recording = RecordingSession(recorder, parts, self.notify)
        self._save_settings = save_settings
        self._clock = clock or MonotonicClock()
        self._weights = Downloads(catalog.model_store, self.notify, self._clock)
        self._n_previews = 0
        self._silence = SilenceWatch()
        self._pending_conversation: Callable[[], None] | None = None
        self._build()

    def _build(self) -> None:
        settings, parts = self._settings, self._parts
        self._backend = parts.backend(settings)
        capture = CapturePipeline(
            self._backend,
            parts.canceller(settings),
            parts.detector(),
            segmenter_settings(settings),
            tap=self._recording.tap,
        )
        player = Player(self._backend.renderer, self._backend.format.output_latency_s)
        player.set_volume(settings.audio.output_volume_db)
        self._model = ModelSupervisor(parts, settings, self._from_model, self.notify)
        ports = DialoguePorts(
            tell_player=self._tell_player,
            send=self._model.send,
            restart_model=self._model.failed,
            set_microphone=self._set_microphone,
            report_error=lambda text: self.snapshots.notify(notices.warning("error", text)),
        )
        self.dialogue = Dialogue(
            ports,
            Conversation(self._history, self.notify),
            DialogueTrace(Timeline()),
            dialogue_rules(settings, parts.phrases),
            settings.overlap,
            voice_choice(settings),
        )
        self.dialogue.conversation.persona = settings.conversation.persona
        self.dialogue.set_hands_free(settings.conversation.mode == "hands-free")
        self.engine = RealtimeEngine(
            self._backend,
            capture,
            player,
            self._recording.predictor(settings),
            self.dialogue,
            StreamTime(self._clock),
        )
        self._recording.attach(self.engine, self.dialogue)
        capture.is_mic_open = self.dialogue.state.is_hands_free
        self._devices = DeviceSupervisor(
            self._backend,
            parts.watchdog(self._backend, stream_request(settings)),
            self.engine,
            self.engine.post,
            self._clock,
        )
        self.snapshots = SnapshotBuilder(
            self.engine, self.dialogue, lambda: self._history.n_changes, parts.resident_mb
        )
        self.snapshots.weights = self._weights
        is_off = not settings.audio.echo_cancellation
        echo_watch = EchoWatch(capture.canceller, self.snapshots.notify, is_switched_off=is_off)
        self.engine.listeners += [self._watch, echo_watch.on_event]
        self.engine.tick_listeners.append(self._after_batch)
        self.engine.failure_listeners.append(self._part_failed)

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Threads, model worker and devices; returns before any of them is ready."""
        self._recording.switch(self._settings.privacy.record_audio)  # a replay has the first frame
        self.engine.start()
        self._recording.start_thread(self.engine)
        self.engine.start_thread("weights", self._weights.run, self._weights.stop)
        self.engine.start_thread("models", self._model.run, self._model.close)
        self._catalog.apply(self._settings)
        self._model.start()
        self.engine.start_thread("devices", self._devices.run, self._devices.stop)

    def stop(self) -> tuple[str, ...]:
        """Ends everything; returns names of threads that did not end. Again: does nothing.

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
        """Nothing sounds, and nothing that has sounded waits for its report."""
        dialogue = self.dialogue
        waiting = (dialogue.replies.get(reply.generation) for reply in dialogue.state.uncommitted)
        is_at_rest = dialogue.state.phase in (Phase.LISTENING, Phase.STARTING)
        return is_at_rest and not any(reply is not None for reply in waiting)

    # -- SessionPort ---------------------------------------------------------------------------

    def snapshot(self) -> EngineSnapshot:
        return self.snapshots.snapshot

    def send(self, command: Command) -> None:
        """Obeyed on the controller's thread."""
        self.engine.post(partial(self._obey, command))

    def settings(self) -> Settings:
        return self._settings

    def voices(self) -> tuple[VoiceInfo, ...]:
        return self._catalog.voices()

    def input_devices(self) -> tuple[DeviceChoice, ...]:
        return self._catalog.input_devices()

    def output_devices(self) -> tuple[DeviceChoice, ...]:
        return self._catalog.output_devices()

    def models(self) -> tuple[WeightInfo, ...]:
        return self._catalog.models()

    def speech_models(self) -> tuple[SpeechModelInfo, ...]:
        return self._catalog.speech_models()

    def history(self) -> HistoryStore:
        return self._history

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
            case ModeChosen() | ChooseVoice() | ChooseDevices():
                self._choose(command)
            case NewConversation():
                self._switch_conversation(self.dialogue.conversation.new)
            case OpenConversation(conversation_id=conversation_id):
                self._switch_conversation(partial(self._open_conversation, conversation_id))
            case PreviewVoice(preset=preset, rate=rate):
                self._preview(preset, rate)
            case ApplySettings(settings=settings):
                self._apply(settings)
            case RunNoticeAction():
                self._run_action(command.key, command.action)
            case FetchWeights() | RemoveWeights() | StopFetching() | AddModelFolder():
                self._weights.ask(command)
            case MarkMoment() | DeleteRecordings():
                self._recording.obey(command)
            case TestEcho():
                self._preview(self._settings.voice.preset, self._settings.voice.rate)
            case _:
                assert_never(command)

    def _choose(self, command: ModeChosen | ChooseVoice | ChooseDevices) -> None:
        match command:
            case ModeChosen(is_hands_free=is_hands_free):
                self.engine.post(command)
                mode = "hands-free" if is_hands_free else "push-to-talk"
                self._keep(self._settings.with_value("conversation", "mode", mode))
            case ChooseVoice(preset=preset, rate=rate):
                voice = replace(self._settings.voice, preset=preset, rate=rate)
                self._keep(replace(self._settings, voice=voice))
                self.dialogue.choose_voice(voice_choice(self._settings))
            case ChooseDevices(input_name=input_name, output_name=output_name):
                names = {"input_device": input_name or "", "output_device": output_name or ""}
                audio = replace(self._settings.audio, **names)
                self._keep(replace(self._settings, audio=audio))
                self._devices.change(stream_request(self._settings))

    def _keep(self, settings: Settings) -> None:
        self._settings = settings
        try:
            self._save_settings(settings)
        except OSError as error:
            self.snapshots.notify(notices.settings_unsaved(reason=str(error)))

    def _apply(self, settings: Settings) -> None:
        before = self._settings
        self._keep(settings)
        self.dialogue.rules = dialogue_rules(settings, self._parts.phrases)
        self.dialogue.conversation.persona = settings.conversation.persona
        self.dialogue.overlap = settings.overlap
        if settings.voice != before.voice:
            self.dialogue.choose_voice(voice_choice(settings))
        self.engine.capture.segmenter.settings = segmenter_settings(settings)
        self.engine.set_volume(settings.audio.output_volume_db)
        self._recording.apply(before, settings)
        if settings.conversation.mode != before.conversation.mode:
            self.engine.post(ModeChosen(settings.conversation.mode == "hands-free"))
        if stream_request(settings) != stream_request(before):
            self._devices.change(stream_request(settings))
        self._catalog.apply(settings)
        if settings.model != before.model:
            self._model.choose(settings)

    def _switch_conversation(self, change: Callable[[], None]) -> None:
        """Once the reply that may be sounding was committed where it belongs."""
        self._pending_conversation = change
        self.engine.post(ConversationOpened())

    def _open_conversation(self, conversation_id: int) -> None:
        try:
            self.dialogue.conversation.open(conversation_id)
        except HistoryError as error:
            self.snapshots.notify(notices.history_failed(reason=str(error)))

    def _preview(self, preset: str, rate: float) -> None:
        if self.dialogue.state.phase is not Phase.LISTENING:
            return
        self._n_previews += 1
        text = self._catalog.sample_sentence(preset)
        self.dialogue.preview(_PREVIEW_BASE + self._n_previews, text, VoiceChoice(preset, rate))

    def _run_action(self, key: str, action: str) -> None:
        match action:
            case "retry_audio":
                self._devices.change(stream_request(self._settings))
                return  # it says what came of it
            case "restart_model":
                self._model.retry()
            case _:
                pass
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
        """On the thread that failed."""
        notice = notices.part_over if is_over else notices.part_failed
        self.notify(notice(name=name, reason=message))

    def _from_model(self, event: DialogueEvent) -> None:
        self.engine.post(event)

    def _tell_player(self, command: PlayerCommand) -> None:
        self.engine.tell_player(command)

    def _set_microphone(self, is_open: bool) -> None:
        self.engine.capture.is_mic_open = is_open

    def notify(self, notice: Notice) -> None:
        """Shows a notice. Any thread."""
        self.engine.post(partial(self.snapshots.notify, notice))
