"""A session without an engine: scripted pictures, remembered commands, a real history in memory.

It obeys what the window can ask of a session (settings, voices, modes, notices), so that a window
on it can be used by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.commands import (
    ApplySettings,
    ChooseDevices,
    ChooseVoice,
    Command,
    DeviceChoice,
    NewConversation,
    OpenConversation,
    RunNoticeAction,
    VoiceInfo,
    WeightInfo,
)
from app.events import MicrophoneSwitched, ModeChosen, TalkPressed, TalkReleased
from app.history import HistoryStore
from app.settings import Settings
from app.snapshot import CaptionLine, EngineSnapshot, Phase

VOICES = (
    VoiceInfo("heart", "Heart", "American, warm", "en"),
    VoiceInfo("emma", "Emma", "British, clear", "en"),
    VoiceInfo("george", "George", "British, deep", "en"),
    VoiceInfo("puck", "Puck", "American, lively", "en", is_available=False),
    VoiceInfo("xiaobei", "Xiaobei", "Mandarin, bright", "zh"),
)

MODELS = (
    WeightInfo("moonshine-base", "Moonshine base · hears English", 62, "MIT", True),
    WeightInfo("qwen2.5-0.5b", "Qwen2.5 0.5B · thinks", 398, "Apache-2.0", True),
    WeightInfo("qwen2.5-1.5b", "Qwen2.5 1.5B · better answers", 986, "Apache-2.0", False),
    WeightInfo("kokoro", "Kokoro · HD voices", 92, "Apache-2.0", True),
)


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
            case _:
                pass

    def settings(self) -> Settings:
        return self._settings

    def voices(self) -> tuple[VoiceInfo, ...]:
        return VOICES

    def input_devices(self) -> tuple[DeviceChoice, ...]:
        return (DeviceChoice("Built-in microphone", True), DeviceChoice("USB headset", False))

    def output_devices(self) -> tuple[DeviceChoice, ...]:
        return (DeviceChoice("Built-in speakers", True), DeviceChoice("USB headset", False))

    def models(self) -> tuple[WeightInfo, ...]:
        return MODELS

    def history(self) -> HistoryStore:
        return self._history

    def _open(self, conversation_id: int) -> None:
        lines = tuple(
            CaptionLine(f"turn-{turn.id}", turn.role, turn.text, was_cut=turn.was_cut)
            for turn in self._history.turns(conversation_id)
        )
        self.picture = replace(self.picture, conversation_id=conversation_id, captions=lines)
