from __future__ import annotations

import numpy as np
import pytest

from audio_io.errors import DeviceNotFound, DeviceRefused
from audio_io.interfaces import StreamRequest
from audio_io.portaudio import PortAudioBackend
from audio_io.thread_priority import UnchangedPriority
from tests.fakes.audio import FakeCard, FakePortAudio


def _open(*cards: FakeCard, request: StreamRequest | None = None):
    library = FakePortAudio(list(cards))
    backend = PortAudioBackend(library, library.clock)
    backend.open(request or StreamRequest())
    backend.start()
    return library, backend


def test_the_microphone_opens_at_the_engines_rate_where_it_can() -> None:
    _, backend = _open(FakeCard("card", 2, 2))
    assert backend.format.mic_rate_hz == 16_000
    assert backend.format.out_rate_hz == 48_000


def test_a_device_that_knows_only_44_100_hz_is_opened_there() -> None:
    card = FakeCard("old", 2, 2, rates_hz=(44_100,), default_rate_hz=44_100)
    library, backend = _open(card)
    assert (backend.format.mic_rate_hz, backend.format.out_rate_hz) == (44_100, 44_100)
    library.elapse(0.2)
    assert backend.mic_ring.n_written == 44_100 // 5
    assert backend.renderer.rate_hz == 44_100


def test_a_stereo_microphone_is_mixed_to_one_channel() -> None:
    library, backend = _open(FakeCard("stereo", 2, 2, channels=(2,)))
    library.elapse(0.02)
    assert backend.mic_ring.read(320) == pytest.approx(np.full(320, 0.01), abs=1e-6)


def test_both_loudspeakers_get_the_same() -> None:
    library, backend = _open(FakeCard("card", 1, 2))
    backend.renderer.ring.write(np.full(960, 0.25, dtype=np.float32))
    library.elapse(0.02)
    (output,) = [stream for stream in library.streams if not stream.is_input]
    assert np.array_equal(output.played[0], np.full((960, 2), 0.25, dtype=np.float32))


def test_xruns_and_late_callbacks_are_counted() -> None:
    card = FakeCard("card", 1, 2)
    library, backend = _open(card)
    library.elapse(0.1)
    card.is_stalled = True
    library.elapse(0.1)
    card.is_stalled = False
    for stream in library.streams:
        stream.status = 4
    library.elapse(0.02)
    stats = backend.stats()
    assert stats.n_late_callbacks == 2
    assert (stats.n_input_overflows, stats.n_output_underflows) == (1, 1)
    assert stats.max_callback_gap_ms == pytest.approx(120.0, abs=1.0)


@pytest.mark.parametrize("tells_time", [True, False])
def test_lost_blocks_are_silence_in_their_place_on_both_sides(tells_time: bool) -> None:
    """A card that stood still for 100 ms: every later sample is where it was before."""
    card = FakeCard("card", 1, 2)
    library, backend = _open(card)
    for stream in library.streams:
        stream.tells_time = tells_time
    library.elapse(2.0)
    card.is_stalled = True
    library.elapse(0.1)
    card.is_stalled = False
    for stream in library.streams:
        stream.status = 4
    library.elapse(0.02)
    for stream in library.streams:
        stream.status = 0
    library.elapse(0.88)
    assert len(backend.mic_ring.read_in_time()) == 3 * 16_000
    assert len(backend.renderer.far_ring.read_in_time()) == 3 * 48_000


def test_a_callback_that_is_merely_late_has_lost_nothing() -> None:
    library, backend = _open(FakeCard("card", 1, 2))
    library.elapse(2.0)
    library.elapse(0.1, step_s=0.1)  # five callbacks in a row, late
    library.elapse(0.9)
    assert backend.stats().n_late_callbacks > 0
    assert len(backend.mic_ring.read_in_time()) == 3 * 16_000


def test_the_threads_of_both_callbacks_ask_for_priority_once() -> None:
    priority = UnchangedPriority()
    library = FakePortAudio([FakeCard("card", 1, 2)])
    backend = PortAudioBackend(library, library.clock, priority)
    backend.open(StreamRequest())
    backend.start()
    library.elapse(0.2)
    assert sorted(priority.names) == ["loudspeaker", "microphone"]
    backend.stop()
    backend.start()
    library.elapse(0.2)
    assert len(priority.names) == 4, "started anew they are other threads"


def test_the_latency_never_flatters() -> None:
    _, backend = _open(
        FakeCard("card", 1, 2), request=StreamRequest(latency_ms=80.0, block_ms=20.0)
    )
    assert backend.format.output_latency_s == pytest.approx(0.1)


def test_a_device_in_use_is_named() -> None:
    library = FakePortAudio([FakeCard("busy", 1, 2, rates_hz=())])
    with pytest.raises(DeviceRefused, match="busy"):
        PortAudioBackend(library, library.clock).open(StreamRequest())


def test_a_loudspeaker_that_refuses_leaves_no_open_microphone() -> None:
    library = FakePortAudio([FakeCard("mic", 1, 0), FakeCard("deaf", 0, 2, rates_hz=())])
    with pytest.raises(DeviceRefused, match="deaf"):
        PortAudioBackend(library, library.clock).open(StreamRequest())
    assert library.streams == []


def test_no_microphone_is_said_plainly() -> None:
    library = FakePortAudio([FakeCard("HDMI", 0, 2)])
    with pytest.raises(DeviceNotFound, match="there is no microphone"):
        PortAudioBackend(library, library.clock).open(StreamRequest())
