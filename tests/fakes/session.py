"""A session without an engine: scripted pictures, remembered commands, a real history in memory.

It obeys what the window can ask of a session (settings, voices, modes, notices), so that a window
on it can be used by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.dialogue.captions import CaptionLine
from app.dialogue.events import MicrophoneSwitched, ModeChosen, TalkPressed, TalkReleased
from app.dialogue.state import Phase
from app.history.store import HistoryStore
from app.session.catalog import (
    DeviceChoice,
    SessionCatalog,
    SpeechModelInfo,
    VoiceInfo,
    WeightInfo,
)
from app.session.commands import (
    AddModelFolder,
    ApplySettings,
    ChooseDevices,
    ChooseVoice,
    Command,
    FetchWeights,
    NewConversation,
    OpenConversation,
    RemoveWeights,
    RunNoticeAction,
    StopFetching,
    WeightCommand,
)
from app.session.snapshot import DownloadInfo, EngineSnapshot
from app.settings.settings import Settings
from tests.fakes.live import NoModelFiles

VOICES = (
    VoiceInfo("heart", "Heart", "American, female, CPU 2%", "en"),
    VoiceInfo("emma", "Emma", "British, female, CPU 63%", "en"),
    VoiceInfo("george", "George", "British, male, CPU 65%", "en"),
    VoiceInfo("puck", "Puck", "American, male, CPU 64%", "en", False, ("kokoro", "kokoro-puck")),
    VoiceInfo("xiaobei", "Xiaobei", "Mandarin, female, CPU 70%", "zh"),
)

MODELS = (
    WeightInfo("silero-vad", "Hears speech", 1.3, "MIT", True, ("core", "quick")),
    WeightInfo("moonshine-base", "Writes English", 62, "MIT", True, ("core", "quick")),
    WeightInfo("qwen2.5-0.5b", "Thinks", 491, "Apache-2.0", True, ("core",)),
    WeightInfo("smollm2-135m", "Thinks quickly", 98, "Apache-2.0", True, ("quick",)),
    WeightInfo("qwen2.5-1.5b", "Thinks better", 1117, "Apache-2.0", False, ("better",)),
    WeightInfo("kokoro", "HD voices", 92, "Apache-2.0", False, ("hd-voices",)),
    WeightInfo("kokoro-puck", "Puck's style", 0.5, "Apache-2.0", False, ("hd-voices",)),
    WeightInfo(
        "speech-zh", "Writes Mandarin", 76, "Apache-2.0; trained in part on non-commercial data",
        False, ("mandarin",),
    ),
    WeightInfo("sample", "Recorded speech", 4.6, "MIT", True, ("core", "demo")),
)  # fmt: skip


SPEECH_MODELS = (
    SpeechModelInfo("cascade", "Embedded assistant", 599, "Apache-2.0, MIT", True, "ready"),
    SpeechModelInfo(
        "vita-audio-boost", "VITA-Audio Boost", 22_536, "unclear", False,
        "torch not installed; run: python3 packaging/launch.py --speech-lm",
    ),
    SpeechModelInfo(
        "local:mine", "mine", 0.0, "", True, "16-bit, 24.0 GB are free on the GPU (/models/mine)",
        is_local=True,
    ),
)  # fmt: skip


class FakeSession:
    """Passes for a ``SessionPort``. ``script`` feeds one picture a look until it is used up."""

    def __init__(
        self,
        picture: EngineSnapshot | None = None,
        settings: Settings | None = None,
        history: HistoryStore | None = None,
        script: Iterable[EngineSnapshot] = (),
    ) -> None:
        self.picture = picture or EngineSnapshot(phase=Phase.LISTENING)
        self.commands: list[Command] = []
        self.n_looks = 0
        self._settings = settings or Settings()
        self._history = history or HistoryStore(None)
        self._script = iter(script)
        self._models = MODELS
        self._speech_models = SPEECH_MODELS
        self.catalog = SessionCatalog(
            voices=self.voices,
            sample_sentence=lambda preset: f"This is {preset}.",
            input_devices=self.input_devices,
            output_devices=self.output_devices,
            models=lambda: self._models,
            model_store=NoModelFiles(),
            speech_models=lambda: self._speech_models,
        )

    def snapshot(self) -> EngineSnapshot:
        self.n_looks += 1
        self.picture = next(self._script, self.picture)
        return self.picture

    def send(self, command: Command) -> None:
        self.commands.append(command)
        match command:
            case ApplySettings(settings):
                self._settings = settings
            case ChooseVoice(preset, rate):
                voice = replace(self._settings.voice, preset=preset, rate=rate)
                self._settings = replace(self._settings, voice=voice)
            case ChooseDevices(input_name, output_name):
                audio = replace(
                    self._settings.audio,
                    input_device=input_name or "",
                    output_device=output_name or "",
                )
                self._settings = replace(self._settings, audio=audio)
            case MicrophoneSwitched(is_open):
                self.picture = replace(self.picture, is_mic_open=is_open)
            case ModeChosen(is_hands_free):
                self.picture = replace(self.picture, is_hands_free=is_hands_free)
            case TalkPressed() | TalkReleased():
                is_held = isinstance(command, TalkPressed)
                self.picture = replace(self.picture, is_talk_held=is_held)
            case NewConversation():
                self.picture = replace(self.picture, conversation_id=None, captions=())
            case OpenConversation(conversation_id):
                self._open(conversation_id)
            case RunNoticeAction(key, _):
                kept = tuple(n for n in self.picture.notices if n.key != key)
                self.picture = replace(self.picture, notices=kept)
            case FetchWeights() | StopFetching() | RemoveWeights() | AddModelFolder():
                self._order(command)
            case _:
                pass

    def _order(self, command: WeightCommand) -> None:
        match command:
            case FetchWeights(names):
                size = round(1e6 * sum(m.megabytes for m in MODELS if m.name in names))
                self._fetching((*self.picture.downloads, DownloadInfo(names, n_bytes=size)))
            case StopFetching(names):
                kept = tuple(d for d in self.picture.downloads if d.names != names)
                self._fetching(kept)
            case AddModelFolder(folder):
                added = SpeechModelInfo(f"local:{folder}", folder, 0.0, "", True, "fits", True)
                self._speech_models = (*self._speech_models, added)
                self._put((), is_present=True)
            case RemoveWeights(names):
                self._speech_models = tuple(m for m in self._speech_models if m.name not in names)
                self._put(names, is_present=False)

    def arrive(self, names: tuple[str, ...]) -> None:
        """A download is complete."""
        self._fetching(tuple(d for d in self.picture.downloads if d.names != names))
        self._put(names, is_present=True)

    def _fetching(self, downloads: tuple[DownloadInfo, ...]) -> None:
        self.picture = replace(self.picture, downloads=downloads)

    def _put(self, names: tuple[str, ...], *, is_present: bool) -> None:
        self._models = tuple(
            replace(model, is_present=is_present) if model.name in names else model
            for model in self._models
        )
        n_changes = self.picture.n_weight_changes + 1
        self.picture = replace(self.picture, n_weight_changes=n_changes)

    def settings(self) -> Settings:
        return self._settings

    def voices(self) -> tuple[VoiceInfo, ...]:
        here = {model.name for model in self._models if model.is_present}
        return tuple(replace(voice, is_available=here.issuperset(voice.needs)) for voice in VOICES)

    def input_devices(self) -> tuple[DeviceChoice, ...]:
        return (DeviceChoice("Built-in microphone", True), DeviceChoice("USB headset", False))

    def output_devices(self) -> tuple[DeviceChoice, ...]:
        return (DeviceChoice("Built-in speakers", True), DeviceChoice("USB headset", False))

    def history(self) -> HistoryStore:
        return self._history

    def _open(self, conversation_id: int) -> None:
        lines = tuple(
            CaptionLine(
                f"turn-{turn.turn_no}-{turn.role}", turn.role, turn.text, was_cut=turn.was_cut
            )
            for turn in self._history.turns(conversation_id)
        )
        self.picture = replace(self.picture, conversation_id=conversation_id, captions=lines)
