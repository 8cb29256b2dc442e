"""The running assistant behind the window: builds the engine, obeys commands, keeps settings.

All threads but the window's are born and joined here (through the engine's crew). Knows roles, not
implementations: ``app.main`` hands those in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import assert_never

from app.clock import Clock, MonotonicClock
from app.commands import (
    ApplySettings,
    ChooseDevices,
    ChooseVoice,
    Command,
    DeviceChoice,
    FetchWeights,
    NewConversation,
    OpenConversation,
    PreviewVoice,
    RemoveWeights,
    RunNoticeAction,
    StopFetching,
    TestEcho,
    VoiceInfo,
    WeightInfo,
)
from app.conversation import Conversation
from app.dialogue import Dialogue, DialoguePorts
from app.dialogue_record import DialogueRecord
from app.duplex_runner import DuplexRunner
from app.engine import RealtimeEngine, speaker_mailbox
from app.errors import HistoryError
from app.events import (
    ConversationOpened,
    DeviceLost,
    DeviceReturned,
    DialogueEvent,
    MicrophoneSwitched,
    ModeChosen,
    ModelReady,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
    named,
)
from app.history import HistoryStore
from app.loudspeaker import LoudspeakerMailbox
from app.parts import Parts, WatchedBackend
from app.recorder import Recorder
from app.rules import capture_settings, dialogue_rules, playback_rules, stream_request, voice_choice
from app.settings import Settings
from app.snapshot import EngineSnapshot, Notice, NoticeKind, Phase
from app.snapshot_board import SnapshotBoard
from app.stream_time import StreamTime
from app.timeline import Timeline
from app.weight_desk import WeightDesk, WeightShelf
from audio_io.capture import CapturePipeline
from audio_io.errors import AudioError
from audio_io.playback import Player
from model.events import ModelEvent

logger = logging.getLogger(__name__)

_MAX_FAILURES = 3
_PREVIEW_BASE = 1_000_000  # generation numbers of voice previews, apart from the dialogue's


@dataclass(frozen=True, slots=True)
class SessionCatalog:
    """Lists the window shows; each call looks anew."""

    voices: Callable[[], tuple[VoiceInfo, ...]]
    sample_sentence: Callable[[str], str]
    input_devices: Callable[[], tuple[DeviceChoice, ...]]
    output_devices: Callable[[], tuple[DeviceChoice, ...]]
    models: Callable[[], tuple[WeightInfo, ...]]
    shelf: WeightShelf


class Session:
    """See ``SessionPort``; ``start`` and ``stop`` belong to the composition root."""

    def __init__(
        self,
        settings: Settings,
        history: HistoryStore,
        parts: Parts,
        catalog: SessionCatalog,
        recorder: Recorder,
        save_settings: Callable[[Settings], None],
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._history = history
        self._parts = parts
        self._catalog = catalog
        self._recorder = recorder
        self._save_settings = save_settings
        self._clock = clock or MonotonicClock()
        self._weights = WeightDesk(catalog.shelf, self.notify, self._clock)
        self._stopping = Event()
        self._n_previews = 0
        self._n_failures = 0  # of the model, since it was last ready
        self._pending_conversation: Callable[[], None] | None = None
        self._build()

    def _build(self) -> None:
        settings, parts = self._settings, self._parts
        self._backend: WatchedBackend = parts.backend(settings)
        self._watchdog = parts.watchdog(self._backend, stream_request(settings))
        capture = CapturePipeline(
            self._backend,
            parts.canceller(settings),
            parts.detector(),
            capture_settings(settings),
            tap=self._recorder.tap,
        )
        player = Player(self._backend.renderer, self._backend.format.output_latency_s)
        box = speaker_mailbox()

        def post(command: Callable[[], object]) -> None:
            box.put(command)
            self._backend.renderer.wake.ring()

        self._worker = parts.worker(settings, self._from_worker)
        ports = DialoguePorts(
            loudspeaker=LoudspeakerMailbox(player, post),
            send=self._worker.send,
            restart_model=self._restart_model,
            set_microphone=self._set_microphone,
            report_error=self._report_error,
        )
        self.dialogue = Dialogue(
            ports,
            Conversation(self._history, self._notify),
            DialogueRecord(Timeline()),
            dialogue_rules(settings, parts.phrases),
            playback_rules(settings),
        )
        self.dialogue.voice = voice_choice(settings)
        self.dialogue.set_hands_free(settings.conversation.mode == "hands-free")
        self.engine = RealtimeEngine(
            self._backend,
            capture,
            player,
            DuplexRunner(parts.predictor(settings)),
            self.dialogue,
            StreamTime(self._clock),
            box,
        )
        capture.is_mic_open = self.dialogue.state.is_hands_free
        self.board = SnapshotBoard(self.engine, self.dialogue, lambda: self._history.n_changes)
        self.board.weights = self._weights
        self.engine.listeners.append(self._watch)
        self.engine.tick_listeners.append(self._after_batch)

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Threads, model worker, then the devices: sound is never waited for by the model."""
        self.engine.start()
        self._recorder.is_on = self._settings.privacy.record_audio
        self.engine.hire("recorder", self._recorder.run, self._recorder.close)
        self.engine.hire("weights", self._weights.run, self._weights.stop)
        self._worker.start()
        self._open_devices()
        self.engine.hire("devices", self._watch_devices, self._stopping.set)

    def stop(self) -> tuple[str, ...]:
        """Ends everything; returns names of threads that did not end."""
        self._stopping.set()
        self._worker.stop()
        survivors = self.engine.stop()
        self._backend.close()
        return survivors

    # -- SessionPort ---------------------------------------------------------------------------

    def snapshot(self) -> EngineSnapshot:
        return self.board.snapshot

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
            case ModeChosen(is_hands_free=is_hands_free):
                self.engine.post(command)
                mode = "hands-free" if is_hands_free else "push-to-talk"
                self._keep(self._settings.with_value("conversation", "mode", mode))
            case NewConversation():
                self._switch_conversation(self.dialogue.conversation.new)
            case OpenConversation(conversation_id=conversation_id):
                self._switch_conversation(partial(self._open_conversation, conversation_id))
            case ChooseVoice(preset=preset, rate=rate):
                voice = replace(self._settings.voice, preset=preset, rate=rate)
                self._keep(replace(self._settings, voice=voice))
                self.dialogue.voice = voice_choice(self._settings)
            case PreviewVoice(preset=preset, rate=rate):
                self._preview(preset, rate)
            case ChooseDevices(input_name=input_name, output_name=output_name):
                audio = replace(
                    self._settings.audio,
                    input_device=input_name or "",
                    output_device=output_name or "",
                )
                self._keep(replace(self._settings, audio=audio))
                self._reopen_devices()
            case ApplySettings(settings=settings):
                self._apply(settings)
            case RunNoticeAction(key=key, action=action):
                self._run_action(key, action)
            case FetchWeights() | RemoveWeights() | StopFetching():
                self._weights.ask(command)
            case TestEcho():
                self._preview(self._settings.voice.preset, self._settings.voice.rate)
            case _:
                assert_never(command)

    def _keep(self, settings: Settings) -> None:
        self._settings = settings
        try:
            self._save_settings(settings)
        except OSError as error:
            text = f"The settings could not be saved: {error}."
            self._warn("settings", text, "settings_unsaved", reason=str(error))

    def _apply(self, settings: Settings) -> None:
        before, was = self._settings, self._settings.audio
        self._keep(settings)
        self.dialogue.rules = dialogue_rules(settings, self._parts.phrases)
        self.dialogue.playback_rules = playback_rules(settings)
        self.dialogue.voice = voice_choice(settings)
        self._recorder.is_on = settings.privacy.record_audio
        if settings.conversation.mode != before.conversation.mode:
            self.engine.post(ModeChosen(settings.conversation.mode == "hands-free"))
        now = settings.audio
        if (now.input_device, now.output_device) != (was.input_device, was.output_device):
            self._reopen_devices()
        if settings.model != before.model:
            self._warn("restart", "The other model is used from the next start on.", "model_later")

    def _switch_conversation(self, change: Callable[[], None]) -> None:
        """Once the reply that may be sounding was committed where it belongs."""
        self._pending_conversation = change
        self.engine.post(ConversationOpened())

    def _open_conversation(self, conversation_id: int) -> None:
        try:
            self.dialogue.conversation.open(conversation_id)
        except HistoryError as error:
            self._warn("history", f"{error}.", "history_failed", reason=str(error))

    def _preview(self, preset: str, rate: float) -> None:
        if self.dialogue.state.phase is not Phase.LISTENING:
            return
        self._n_previews += 1
        text = self._catalog.sample_sentence(preset)
        self.dialogue.preview(_PREVIEW_BASE + self._n_previews, text, preset, rate)

    def _run_action(self, key: str, action: str) -> None:
        match action:
            case "retry_audio":
                self._reopen_devices()
            case "restart_model":
                self._n_failures = 0
                self._worker.restart()
            case _:
                pass
        self.board.notify(Notice(key, NoticeKind.INFO, ""))

    # -- what happens --------------------------------------------------------------------------

    def _watch(self, event: DialogueEvent, now_s: float) -> None:
        del now_s
        match event:
            case DeviceLost(message=message):
                self._notify(
                    Notice(
                        "device", NoticeKind.ERROR, f"{message[:1].upper()}{message[1:]}.",
                        "retry_audio", "Try again", "device_lost", (("reason", message),),
                    )
                )  # fmt: skip
            case DeviceReturned(name=name):
                text = f"Sound is back: {name}."
                self._notify(
                    Notice(
                        "device", NoticeKind.INFO, text, "dismiss", "OK", "device_returned",
                        (("name", name),),
                    )
                )  # fmt: skip
            case ModelReady():
                self._n_failures = 0
                self._notify(Notice("model", NoticeKind.INFO, ""))
            case _:
                pass

    def _after_batch(self, now_s: float) -> None:
        del now_s
        state = self.dialogue.state
        if self._pending_conversation is not None and not state.uncommitted:
            change, self._pending_conversation = self._pending_conversation, None
            self.dialogue.captions.clear()
            change()
        is_unsure = self.engine.capture.is_microphone_dead and state.is_mic_open
        self._notice_dead_microphone(is_unsure and state.is_hands_free)

    def _notice_dead_microphone(self, is_dead: bool) -> None:
        shown = any(notice.key == "silence" for notice in self.snapshot().notices)
        if is_dead and not shown and self._backend.is_running:
            text = "The microphone gives no sound at all: is it muted, or may Parley not use it?"
            action = ("open_audio_settings", "Audio settings")
            self._notify(
                Notice("silence", NoticeKind.WARNING, text, *action, message="microphone_silent")
            )
        elif shown and not is_dead:
            self._notify(Notice("silence", NoticeKind.INFO, ""))

    def _from_worker(self, event: ModelEvent) -> None:
        self.engine.post(named(event))

    def _restart_model(self) -> None:
        """Again at once, but not for ever: a model that cannot load needs a person."""
        self._n_failures += 1
        if self._n_failures < _MAX_FAILURES:
            text = "The speech model stopped; it is being started again. Nothing was lost."
            self._notify(Notice("model", NoticeKind.WARNING, text, message="model_restarting"))
            self._worker.restart()
            return
        text = "The speech model does not start. Its files can be checked: parley models check."
        action = ("restart_model", "Try again")
        self._notify(Notice("model", NoticeKind.ERROR, text, *action, message="model_failed"))

    def _set_microphone(self, is_open: bool) -> None:
        self.engine.capture.is_mic_open = is_open

    def _report_error(self, message: str) -> None:
        self._warn("error", message)

    def _warn(self, key: str, text: str, message: str = "", **values: str) -> None:
        action = ("dismiss", "OK")
        self._notify(Notice(key, NoticeKind.WARNING, text, *action, message, tuple(values.items())))

    def notify(self, notice: Notice) -> None:
        """Shows a notice. Any thread."""
        self.engine.post(partial(self.board.notify, notice))

    def _notify(self, notice: Notice) -> None:
        self.board.notify(notice)

    # -- devices -------------------------------------------------------------------------------

    def _open_devices(self) -> None:
        try:
            self._backend.open(stream_request(self._settings))
            self._backend.start()
        except AudioError as error:
            logger.info("sound devices did not open: %s", error)
            self.engine.post(DeviceLost("sound", f"{error}"))
        else:
            self.engine.attach_devices(0.0)

    def _reopen_devices(self) -> None:
        self._watchdog.change(stream_request(self._settings))
        self._backend.close()  # the watchdog sees the streams end and opens the chosen ones

    def _watch_devices(self) -> None:
        """Thread body: the watchdog's steps, until stopping."""
        wait_s = 0.0
        while not self._stopping.wait(wait_s):
            report = self._watchdog.step(self._clock.now_s())
            for event in report.events:
                if isinstance(event, DeviceReturned):
                    self.engine.attach_devices(event.gap_s)
                self.engine.post(event)
            wait_s = report.wait_s
