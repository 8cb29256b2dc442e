from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from audio_io.room_acoustics import EchoPath, level_of_active_speech
from audio_io.virtual_room import RoomSettings, VirtualRoom, speech_level
from tests.fakes.audio import speech_like, tone


def _play(room: VirtualRoom, sound: np.ndarray, seconds: float) -> None:
    written = 0
    for _ in range(round(seconds * 100)):
        written += room.renderer.ring.write(sound[written : written + 240])
        room.advance(10)
        room.mic_ring.drop_until(room.mic_ring.n_written)


def _response(seed: int = 0, n: int = 3_000) -> np.ndarray:
    decay = np.exp(-np.arange(n) / 400.0)
    return (np.random.default_rng(seed).standard_normal(n) * decay).astype(np.float32)


@pytest.mark.parametrize("n", [1, 159, 160, 161, 3_000])
@pytest.mark.parametrize("delay", [0, 1_283])
def test_streamed_convolution_equals_the_whole(n: int, delay: int) -> None:
    sound, response = speech_like(1.0), _response(n=n)
    path = EchoPath(response, -6.0, delay)
    streamed = np.concatenate([path.process(sound[i : i + 160]) for i in range(0, 16_000, 160)])
    scaled = response / np.sqrt(np.sum(response.astype(np.float64) ** 2)) * 10 ** (-6.0 / 20.0)
    whole = np.concatenate((np.zeros(delay), np.convolve(sound, scaled)))[:16_000]
    assert np.max(np.abs(streamed - whole)) < 1e-5


def test_the_loudspeaker_is_recorded_after_its_latency() -> None:
    room = VirtualRoom(RoomSettings(output_latency_ms=60.0))
    _play(room, tone(0.5, 24_000), 0.8)
    heard = room.recording().loudspeaker
    first = int(np.flatnonzero(np.abs(heard) > 0.02)[0])
    assert abs(first - 960) < 8
    assert np.max(np.abs(heard)) == pytest.approx(0.3, abs=0.01)


def test_the_echo_has_the_level_and_the_delay_that_were_asked_for() -> None:
    room = VirtualRoom(RoomSettings(echo_db=-20.0, delay_ms=80.0))
    _play(room, speech_like(2.0, rate_hz=24_000), 2.2)
    heard = room.recording()
    echo = 10 * np.log10(
        np.mean(heard.microphone[1280:] ** 2) / np.mean(heard.loudspeaker[:-1280] ** 2)
    )
    assert echo == pytest.approx(-20.0, abs=0.2)
    lag = max(
        range(0, 3_000, 1),
        key=lambda d: float(np.dot(heard.microphone[d : d + 24_000], heard.loudspeaker[:24_000])),
    )
    assert lag == 1_280


def test_without_an_echo_the_microphone_hears_only_people() -> None:
    room = VirtualRoom(RoomSettings())
    _play(room, tone(1.0, 24_000), 1.0)
    assert np.max(np.abs(room.recording().microphone)) < 1e-3


def test_what_is_said_arrives_at_its_sample() -> None:
    room = VirtualRoom()
    sound = tone(0.25)
    assert room.say(sound, 0.5) == (0.5, 0.75)
    room.advance(1000)
    heard = room.recording().microphone[8_000:12_000]
    assert np.max(np.abs(heard - sound)) < 1e-3


def test_what_is_said_too_late_is_said_now() -> None:
    room = VirtualRoom()
    room.advance(300)
    assert room.say(tone(0.1), 0.1)[0] == 0.3


def test_noise_is_as_much_below_speech_as_was_asked_for() -> None:
    noise = np.random.default_rng(1).standard_normal(40_000).astype(np.float32)
    speech = speech_like(2.0)
    level = speech_level([speech])
    room = VirtualRoom(RoomSettings(noise=noise, snr_db=15.0, speech_dbfs=level))
    room.advance(3000)
    heard = room.recording().microphone
    assert 10 * np.log10(np.mean(heard**2)) == pytest.approx(level - 15.0, abs=0.3)


@pytest.mark.parametrize("drift_ppm", [0.0, 80.0, -200.0])
def test_the_same_seed_gives_the_same_bits(drift_ppm: float) -> None:
    settings = RoomSettings(
        impulse_response=_response(),
        echo_db=-15.0,
        delay_ms=33.0,
        drift_ppm=drift_ppm,
        noise=speech_like(1.0, seed=5),
    )
    recordings = []
    for _ in range(2):
        room = VirtualRoom(settings, seed=4)
        room.say(tone(0.5), 0.2)
        _play(room, speech_like(1.0, rate_hz=24_000), 1.5)
        recordings.append(room.recording())
    assert np.array_equal(recordings[0].microphone, recordings[1].microphone)
    assert np.array_equal(recordings[0].loudspeaker, recordings[1].loudspeaker)
    assert not np.array_equal(
        VirtualRoom(settings, seed=5)._noise_block(), VirtualRoom(settings, seed=4)._noise_block()
    )


@pytest.mark.parametrize("drift_ppm", [100.0, -100.0])
def test_a_drifting_loudspeaker_pulls_more_or_fewer_samples(drift_ppm: float) -> None:
    room = VirtualRoom(RoomSettings(drift_ppm=drift_ppm, echo_db=-10.0))
    room.advance(60_000)
    expected = 60 * 24_000 * (1 + drift_ppm * 1e-6)
    assert abs(room.renderer.n_rendered - expected) <= 1
    assert len(room.recording().loudspeaker) == 60 * 16_000


def test_impossible_rooms_are_refused() -> None:
    with pytest.raises(ValueError, match="output_latency_ms"):
        RoomSettings(output_latency_ms=5.0)
    with pytest.raises(ValueError, match="delay_ms"):
        RoomSettings(delay_ms=-1.0)
    with pytest.raises(ValueError, match="impulse_response"):
        VirtualRoom(RoomSettings(echo_db=-20.0, impulse_response=np.zeros(9, dtype=np.float32)))


def test_active_level_ignores_pauses() -> None:
    sound = tone(1.0)
    padded = np.concatenate((sound, np.zeros(48_000, dtype=np.float32)))
    assert level_of_active_speech(padded) == pytest.approx(level_of_active_speech(sound), abs=0.1)


def test_in_real_time_the_room_keeps_to_its_clock() -> None:
    room = VirtualRoom(is_realtime=True)
    begin = time.monotonic()
    room.start()
    for _ in range(4):
        assert room.mic_wake.wait(2.0)
    room.stop()
    assert not room.is_running
    assert 0.08 <= room.now_s <= time.monotonic() - begin
    assert not [t for t in threading.enumerate() if t.name == "virtual-room"]


def test_an_overdriven_loudspeaker_is_heard_distorted_and_recorded_as_it_was_meant() -> None:
    room = VirtualRoom(RoomSettings(echo_db=0.0, clip_at=0.1))
    _play(room, tone(0.5, 24_000), 1.0)
    heard = room.recording()
    assert np.max(np.abs(heard.loudspeaker)) == pytest.approx(0.3, abs=0.01)
    assert 0.08 < np.max(np.abs(heard.microphone)) <= 0.101


def test_a_jump_moves_the_loudspeaker_and_the_next_one_moves_it_back() -> None:
    settings = RoomSettings(delay_jump_ms=40.0, delay_jump_every_s=0.5)
    room, still = VirtualRoom(settings), VirtualRoom()
    sound = speech_like(2.0, rate_hz=24_000)
    for each in (room, still):
        _play(each, sound, 2.0)
    jumped, straight = room.recording().loudspeaker, still.recording().loudspeaker
    assert np.array_equal(jumped[10_000:15_000], straight[10_000 - 640 : 15_000 - 640])
    assert np.array_equal(jumped[18_000:23_000], straight[18_000:23_000])


@pytest.mark.parametrize(
    "settings", [{"clip_at": 0.0}, {"delay_jump_ms": -1.0}], ids=["clip_at", "delay_jump_ms"]
)
def test_impossible_loudspeakers_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        RoomSettings(**settings)


def test_what_the_streams_lost_has_still_happened_in_the_room() -> None:
    room = VirtualRoom(RoomSettings(echo_db=-10.0))
    room.say(tone(1.0), 0.0)
    room.advance(100)
    room.xrun(100, loses_input=True, starves_output=True)
    room.advance(100)
    assert room.now_s == pytest.approx(0.3)
    assert len(room.recording().microphone) == 4_800
    heard = room.mic_ring.read_in_time()
    assert len(heard) == 4_800
    assert not heard[1_600:3_200].any()
    assert len(room.renderer.far_ring.read_in_time()) == 3 * 2_400
    assert (room.stats().n_input_overflows, room.stats().n_output_underflows) == (1, 1)


def test_a_room_whose_clock_comes_too_late_loses_sound_as_a_device_would() -> None:
    times = iter([0.0, 0.0, 0.02, 0.02, 0.6, 0.6, 0.62])
    room = VirtualRoom(is_realtime=True, clock=lambda: next(times, 0.62))
    room.start()
    deadline = time.monotonic() + 5.0
    while room.stats().n_input_overflows == 0 and time.monotonic() < deadline:
        room.mic_wake.wait(0.1)
    room.stop()
    stats = room.stats()
    assert (stats.n_input_overflows, stats.n_output_underflows) == (1, 1)
    assert stats.n_late_callbacks >= 1
