"""The program on a sound card: a question is said into the room and the answer comes out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from app.dialogue.state import Phase
from app.main import make_factories
from app.session.commands import RunNoticeAction
from app.settings.settings import Settings
from audio_io.frames import Samples
from model.store.packages import WeightStore
from tests.fakes.embedded import word_error_rate
from tests.fakes.live import LiveSession, notice_keys

pytestmark = [pytest.mark.hardware, pytest.mark.slow]

AT_MOST_S = 60.0
RECORDED_HZ = 48_000
# Over a sound card, resampled twice: one word in four.
_MOST_ERRORS = 0.25


class Room:
    """A person beside the sound card, and a recorder at its loudspeaker."""

    def __init__(self, script: Path, folder: Path, speak: Callable[[str, str], Samples]) -> None:
        self._script = script
        self._folder = folder
        self._speak = speak

    def say(self, words: str) -> None:
        """Returns when it has been said."""
        path = self._folder / "said.wav"
        soundfile.write(path, self._speak(words, ""), 16_000)
        command = ["bash", str(self._script), "say", str(path)]
        subprocess.run(command, check=True, timeout=AT_MOST_S, capture_output=True)

    def record(self) -> Recording:
        return Recording(self._folder / "heard.raw")


class Recording:
    """What comes out of the loudspeaker until ``stop``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._process = subprocess.Popen(
            ["parec", "--device=speaker.monitor", "--format=s16le", f"--rate={RECORDED_HZ}",
             "--channels=1", "--latency-msec=20", "--raw"],
            stdout=self._file,
        )  # fmt: skip

    def stop(self) -> Samples:
        """16 kHz."""
        self._process.terminate()
        self._process.wait(AT_MOST_S)
        self._file.close()
        sound = np.fromfile(self._path, dtype=np.int16).astype(np.float32) / 32_768.0
        return soxr.resample(sound, RECORDED_HZ, 16_000)


@pytest.fixture
def talk(rig: Path, embedded_default: WeightStore) -> Iterator[LiveSession]:
    parts = make_factories(embedded_default)
    with LiveSession(parts=parts, settings=Settings()) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.wait_for("sound", lambda p: p.diagnostics.input_device != "")
        yield live
    assert live.survivors == ()


@pytest.fixture
def room(rig: Path, tmp_path: Path, embedded_default: WeightStore) -> Room:
    return Room(rig, tmp_path, make_factories(embedded_default).synthesize)


def test_a_spoken_question_is_answered_aloud(
    talk: LiveSession, room: Room, read_back: Callable[[Samples], str]
) -> None:
    recording = room.record()
    try:
        room.say("What is the capital of France?")
        ended = talk.wait_for_event("assistant_speech_ended")
        talk.wait_for_phase(Phase.LISTENING)
    finally:
        heard = recording.stop()
    assert "paris" in str(ended["heard_text"]).lower()
    assert word_error_rate(str(ended["heard_text"]), read_back(heard)) <= _MOST_ERRORS
    (asked, answer) = talk.now.captions
    assert word_error_rate("what is the capital of france", asked.text) <= _MOST_ERRORS
    assert answer.text == ended["heard_text"]
    assert talk.now.diagnostics.spans.answer_ms is not None


def test_an_interruption_stops_the_answer(talk: LiveSession, room: Room) -> None:
    room.say("Please tell me a long story about a dragon and a princess.")
    talk.wait_for_event("assistant_speech_started")
    talk.wait_for(
        "a few words over an echo that is known",
        lambda p: p.diagnostics.has_echo_converged and any(c.heard_chars > 20 for c in p.captions),
    )
    room.say("Actually, tell me what the biggest planet is.")
    first = talk.wait_for_event("assistant_speech_ended")
    second = talk.wait_for_event("assistant_speech_ended", 2)
    assert first["was_cut"]
    assert len(str(first["heard_text"])) < len(str(first["full_text"]))
    assert second["heard_text"]
    stop_ms = talk.now.diagnostics.spans.stop_ms
    assert stop_ms is not None
    assert stop_ms < 1000.0


def test_a_sound_server_that_goes_and_comes_is_survived(talk: LiveSession, rig: Path) -> None:
    command = ["bash", str(rig)]
    subprocess.run([*command, "stop"], check=True, timeout=AT_MOST_S, capture_output=True)
    talk.wait_for("loss", lambda p: p.is_device_lost and "device" in notice_keys(p))
    subprocess.run([*command, "start"], check=True, timeout=AT_MOST_S, capture_output=True)
    talk.send(RunNoticeAction("device", "retry_audio"))
    picture = talk.wait_for("return", lambda p: not p.is_device_lost)
    assert picture.diagnostics.input_device
    returned = talk.wait_for_event("device_returned")
    assert returned["name"]
