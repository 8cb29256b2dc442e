"""The canceller keeps its hold on the echo through lost and repeated samples."""

from __future__ import annotations

import numpy as np
import pytest

from audio_io.aec import WebRtcEchoCanceller
from audio_io.capture import CapturePipeline
from audio_io.frames import Samples
from audio_io.ring_buffer import RingBuffer
from audio_io.virtual_room import RoomSettings, VirtualRoom
from tests.fakes.audio import EnergyVad, speech_like

XRUN_S = 6.0
SECONDS = 10.0


class ForgetfulRing(RingBuffer):
    """A ring that closes over what was lost, so that everything after it comes too early."""

    def note_gap(self, n: int) -> None:
        del n


def room_with_echo(*, remembers: bool) -> VirtualRoom:
    decay = np.exp(-np.arange(1600) / 300.0)
    response = np.random.default_rng(0).standard_normal(1600) * decay
    room = VirtualRoom(
        RoomSettings(response.astype(np.float32), echo_db=-10.0, delay_ms=30.0), seed=1
    )
    if not remembers:
        room.mic_ring = ForgetfulRing(room.mic_ring.capacity)
        room.renderer.far_ring = ForgetfulRing(room.renderer.far_ring.capacity)
    return room


def echo_loss_db(room: VirtualRoom, lost_ms: int, *, loses_input: bool, starves: bool) -> float:
    """Return by how much the echo is reduced in the second after 0.2 s from the xrun."""
    near: list[Samples] = []
    clean: list[Samples] = []

    def tap(microphone: Samples, _far: Samples, out: Samples) -> None:
        near.append(microphone.copy())
        clean.append(out.copy())

    capture = CapturePipeline(room, WebRtcEchoCanceller(), EnergyVad(), tap=tap)
    sound, written = speech_like(SECONDS, rate_hz=24_000), 0
    for tick in range(round(100 * SECONDS)):
        written += room.renderer.ring.write(sound[written : written + 240])
        if tick == round(100 * XRUN_S) and lost_ms:
            room.xrun(lost_ms, loses_input=loses_input, starves_output=starves)
        room.advance(10)
        capture.process_available()
    begin = round(16_000 * (XRUN_S + 0.2 + lost_ms / 1000.0))
    before, after = (np.concatenate(x)[begin : begin + 16_000] for x in (near, clean))
    return float(10.0 * np.log10(np.sum(before**2) / (np.sum(after**2) + 1e-9)))


@pytest.mark.parametrize("lost_ms", [40, 120])
@pytest.mark.parametrize(
    ("loses_input", "starves"), [(True, False), (False, True)], ids=["microphone", "loudspeaker"]
)
def test_a_stream_that_lost_samples_does_not_move_the_echo(
    lost_ms: int, loses_input: bool, starves: bool
) -> None:
    kind = {"loses_input": loses_input, "starves": starves}
    undisturbed_db = echo_loss_db(room_with_echo(remembers=True), 0, **kind)
    repaired_db = echo_loss_db(room_with_echo(remembers=True), lost_ms, **kind)
    broken_db = echo_loss_db(room_with_echo(remembers=False), lost_ms, **kind)
    assert undisturbed_db > 20.0
    assert repaired_db > undisturbed_db - 6.0
    assert broken_db < repaired_db - 10.0


def test_a_hole_in_both_streams_moves_nothing() -> None:
    both = echo_loss_db(room_with_echo(remembers=True), 120, loses_input=True, starves=True)
    assert both > 20.0


def test_a_capture_thread_that_was_away_finds_every_frame_aligned() -> None:
    """As on a machine that was busy for 0.9 s; the rings last for four."""
    room = room_with_echo(remembers=True)
    capture = CapturePipeline(room, WebRtcEchoCanceller(), EnergyVad())
    sound, written = speech_like(8.0, rate_hz=24_000), 0
    for tick in range(800):
        written += room.renderer.ring.write(sound[written : written + 240])
        room.advance(10)
        if not 500 <= tick < 590:
            capture.process_available()
    assert capture.now_s == pytest.approx(8.0)
    assert capture.reference.n_shifts == 0
    assert capture.reference.n_missing == 0
