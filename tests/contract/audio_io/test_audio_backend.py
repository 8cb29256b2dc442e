"""What every AudioBackend does: a room made of files, and PortAudio over a card made of code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from audio_io.aec import WebRtcEchoCanceller
from audio_io.capture import CapturePipeline
from audio_io.events import PlaybackEnded, PlaybackStarted
from audio_io.frames import UserFrame
from audio_io.interfaces import AudioBackend, StreamRequest
from audio_io.playback import Player
from audio_io.portaudio import PortAudioBackend
from audio_io.virtual_room import VirtualRoom
from tests.fakes.audio import EnergyVad, FakeCard, FakePortAudio, tone


@dataclass
class Rig:
    backend: AudioBackend
    elapse: Callable[[float], None]


def _virtual_room() -> Rig:
    room = VirtualRoom(seed=1)
    return Rig(room, lambda seconds: room.advance(round(1000 * seconds)))


def _portaudio() -> Rig:
    library = FakePortAudio([FakeCard("card", 2, 2)])
    return Rig(PortAudioBackend(library, library.clock), library.elapse)


def _portaudio_44100() -> Rig:
    card = FakeCard("old card", 2, 2, rates_hz=(44_100,), default_rate_hz=44_100, channels=(2,))
    library = FakePortAudio([card])
    return Rig(PortAudioBackend(library, library.clock), library.elapse)


@pytest.fixture(params=[_virtual_room, _portaudio, _portaudio_44100])
def rig(request: pytest.FixtureRequest) -> Rig:
    made: Rig = request.param()
    made.backend.open(StreamRequest())
    made.backend.start()
    return made


def test_the_format_is_what_the_rings_carry(rig: Rig) -> None:
    opened = rig.backend.format
    assert rig.backend.renderer.rate_hz == opened.out_rate_hz
    rig.elapse(1.0)
    stats = rig.backend.stats()
    assert stats.n_mic_samples == pytest.approx(opened.mic_rate_hz, rel=0.03)
    assert stats.n_out_samples == pytest.approx(opened.out_rate_hz, rel=0.03)
    assert opened.output_latency_s > 0.0


def test_the_microphone_rings_its_bell(rig: Rig) -> None:
    rig.elapse(0.04)
    assert rig.backend.mic_wake.wait(1.0)
    assert len(rig.backend.mic_ring) > 0


def test_it_runs_between_start_and_stop(rig: Rig) -> None:
    assert rig.backend.is_running
    rig.backend.stop()
    assert not rig.backend.is_running
    rig.backend.close()
    rig.backend.close()


def test_the_far_end_copy_keeps_pace_with_the_loudspeaker(rig: Rig) -> None:
    rig.elapse(0.2)
    renderer = rig.backend.renderer
    assert len(renderer.far_ring) == renderer.n_rendered


def test_a_reply_is_played_and_the_microphone_heard_through_it(rig: Rig) -> None:
    capture = CapturePipeline(rig.backend, WebRtcEchoCanceller(), EnergyVad())
    player = Player(rig.backend.renderer, rig.backend.format.output_latency_s)
    player.start_reply(1, 24_000)
    player.enqueue(tone(0.5, 24_000), 0, 24_000, (), 1)
    player.finish(1)
    events, frames = [], []
    for _ in range(100):
        rig.elapse(0.02)
        frames += [o for o in capture.process_available() if isinstance(o, UserFrame)]
        events += player.pump(capture.now_s)
    started, ended = events
    assert isinstance(started, PlaybackStarted)
    assert isinstance(ended, PlaybackEnded)
    assert ended.report.heard_samples == 12_000
    assert capture.now_s == pytest.approx(2.0, abs=0.05)
    assert np.array_equal([f.clean.start for f in frames], np.arange(len(frames)) * 160)
    assert max(frame.far_dbfs for frame in frames) > -20.0
    assert rig.backend.stats().n_input_overflows == 0
