"""The real PortAudio back end on a virtual sound card, where its programs are installed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_io.aec import WebRtcEchoCanceller
from audio_io.capture import CapturePipeline
from audio_io.events import PlaybackEnded
from audio_io.frames import UserFrame
from audio_io.interfaces import StreamRequest
from audio_io.playback import Player
from audio_io.portaudio import PortAudioBackend
from tests.fakes.audio import EnergyVad, speech_like

AT_MOST_S = 20.0


@pytest.fixture
def backend(rig: Path) -> Iterator[PortAudioBackend]:
    made = PortAudioBackend()
    made.restart_library()
    made.open(StreamRequest())
    made.start()
    yield made
    made.close()


def _collect(
    backend: PortAudioBackend, capture: CapturePipeline, seconds: float
) -> list[UserFrame]:
    frames: list[UserFrame] = []
    give_up = time.monotonic() + AT_MOST_S
    while len(frames) < seconds * 100 and time.monotonic() < give_up:
        backend.mic_wake.wait(1.0)
        frames += [o for o in capture.process_available() if isinstance(o, UserFrame)]
    return frames


def test_what_is_said_into_the_card_is_heard(
    rig: Path, backend: PortAudioBackend, tmp_path: Path
) -> None:
    recording = tmp_path / "speech.wav"
    soundfile.write(recording, speech_like(1.0), 16_000)
    raw: list[np.ndarray] = []
    capture = CapturePipeline(
        backend, WebRtcEchoCanceller(), EnergyVad(), tap=lambda near, _far, _clean: raw.append(near)
    )
    person = subprocess.Popen(["bash", str(rig), "say", str(recording)])
    _collect(backend, capture, 3.0)
    assert person.wait(AT_MOST_S) == 0
    heard = np.concatenate(raw)
    said = speech_like(1.0)
    correlation = np.correlate(heard, said, "valid")
    windows = np.convolve(heard**2, np.ones(len(said)), "valid")
    best = np.max(correlation / np.sqrt(np.maximum(windows, 1e-6) * np.sum(said**2)))
    assert best > 0.9


def test_a_reply_is_played_to_its_end(backend: PortAudioBackend) -> None:
    capture = CapturePipeline(backend, WebRtcEchoCanceller(), EnergyVad())
    player = Player(backend.renderer, backend.format.output_latency_s)
    player.start_reply(1, 24_000)
    player.enqueue(speech_like(1.0, rate_hz=24_000), 0, 24_000, (), 1)
    player.finish(1)
    events = []
    give_up = time.monotonic() + AT_MOST_S
    while not any(isinstance(e, PlaybackEnded) for e in events) and time.monotonic() < give_up:
        backend.mic_wake.wait(1.0)
        capture.process_available()
        events += player.pump(capture.now_s)
    (ended,) = [e for e in events if isinstance(e, PlaybackEnded)]
    assert ended.report.heard_samples == 24_000
    assert not ended.report.is_estimate


def test_the_library_can_be_restarted_and_reopened(backend: PortAudioBackend) -> None:
    backend.restart_library()
    assert not backend.is_running
    backend.open(StreamRequest())
    backend.start()
    assert backend.mic_wake.wait(5.0)
    assert backend.stalled(time.perf_counter(), 1.0) is None
