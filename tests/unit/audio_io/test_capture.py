from __future__ import annotations

import numpy as np
import pytest

from audio_io.aec import FRAME, NullEchoCanceller
from audio_io.capture import CapturePipeline, FrontEnd
from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.frames import Samples, Spotted, UserFrame
from audio_io.interfaces import StreamFormat
from audio_io.renderer import OutputRenderer
from audio_io.ring_buffer import RingBuffer
from audio_io.vad import SegmenterSettings
from audio_io.virtual_room import VirtualRoom
from tests.fakes.audio import EnergyVad, speech_like, tone

EXACT = SegmenterSettings(onset_lead_ms=0.0, offset_lag_ms=0.0)


class Rings(VirtualRoom):
    """A back end that is only its rings, at any rate."""

    def __init__(self, mic_rate_hz: int = 16_000) -> None:
        super().__init__()
        self.mic_ring = RingBuffer(4 * mic_rate_hz)
        self.renderer = OutputRenderer(24_000)
        self.format = StreamFormat(mic_rate_hz, 24_000, "a", "b", 0.0, 0.06)


def _capture(backend: VirtualRoom, **options) -> CapturePipeline:
    return CapturePipeline(backend, NullEchoCanceller(), EnergyVad(), EXACT, **options)


def _hear(capture: CapturePipeline, backend: VirtualRoom, sound: Samples) -> list:
    backend.mic_ring.write(sound)
    return capture.process_available()


def test_frames_follow_each_other_on_the_microphones_clock() -> None:
    rings = Rings()
    outputs = _hear(_capture(rings), rings, tone(0.1))
    frames = [output.clean for output in outputs if isinstance(output, UserFrame)]
    assert [frame.start for frame in frames] == list(range(0, 1600, 160))
    assert np.array_equal(np.concatenate([frame.samples for frame in frames]), tone(0.1))


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_speech_is_dated_alike_at_every_device_rate(rate_hz: int) -> None:
    rings = Rings(rate_hz)
    silence = np.zeros(rate_hz, dtype=np.float32)
    sound = np.concatenate((silence, tone(0.96, rate_hz), silence))
    outputs = _hear(_capture(rings), rings, sound)
    started, ended = (o for o in outputs if not isinstance(o, UserFrame))
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert started.onset_s == pytest.approx(1.0, abs=0.033)
    assert ended.offset_s == pytest.approx(1.96, abs=0.033)
    assert 0.09 < started.at_s - started.onset_s < 0.1


def test_in_pieces_of_any_size_the_outcome_is_the_same() -> None:
    sound = np.concatenate((np.zeros(8_000, dtype=np.float32), speech_like(2.0), np.zeros(8_000)))
    whole, pieces = Rings(), Rings()
    at_once = _hear(_capture(whole), whole, sound.astype(np.float32))
    capture = _capture(pieces)
    bit_by_bit = []
    for i in range(0, len(sound), 277):
        bit_by_bit += _hear(capture, pieces, sound[i : i + 277].astype(np.float32))
    assert [type(o) for o in at_once] == [type(o) for o in bit_by_bit]
    events = [o for o in at_once if not isinstance(o, UserFrame)]
    assert events
    assert events == [o for o in bit_by_bit if not isinstance(o, UserFrame)]


def test_a_recording_gives_what_the_rings_give() -> None:
    near = np.concatenate((np.zeros(8_000, dtype=np.float32), speech_like(2.0), np.zeros(8_000)))
    rings = Rings()
    streamed = _hear(_capture(rings), rings, near.astype(np.float32))
    front_end = FrontEnd(NullEchoCanceller(), EnergyVad(), EXACT)
    offline = list(front_end.process_recording(near.astype(np.float32)))
    events = [event for _, event in offline if event is not None]
    assert events
    assert events == [output for output in streamed if not isinstance(output, UserFrame)]
    users = [output for output in streamed if isinstance(output, UserFrame)]
    for (one, _), other in zip(offline, users, strict=True):
        assert np.array_equal(one.clean.samples, other.clean.samples)
        assert (one.p_speech, one.is_speech) == (other.p_speech, other.is_speech)


def test_a_closed_microphone_hears_nothing_and_ends_speech() -> None:
    rings = Rings()
    capture = _capture(rings)
    _hear(capture, rings, tone(0.5))
    capture.is_mic_open = False
    outputs = _hear(capture, rings, tone(0.5))
    assert isinstance(outputs[0], SpeechEnded)
    assert all(not o.clean.samples.any() for o in outputs if isinstance(o, UserFrame))


def test_exact_silence_for_two_seconds_is_a_dead_microphone() -> None:
    rings = Rings()
    capture = _capture(rings)
    _hear(capture, rings, np.zeros(31_000, dtype=np.float32))
    assert not capture.is_microphone_dead
    _hear(capture, rings, np.zeros(1_000, dtype=np.float32))
    assert capture.is_microphone_dead
    _hear(capture, rings, tone(0.1))
    assert not capture.is_microphone_dead


def test_the_tap_gets_microphone_far_end_and_clean_of_every_frame() -> None:
    rings = Rings()
    taken: list[tuple[Samples, Samples, Samples]] = []
    capture = _capture(rings, tap=lambda near, far, clean: taken.append((near, far, clean)))
    _hear(capture, rings, tone(0.05))
    assert [[len(x) for x in frames] for frames in taken] == [[160, 160, 160]] * 5


def test_the_clock_goes_on_after_a_gap() -> None:
    rings = Rings()
    capture = _capture(rings)
    _hear(capture, rings, tone(1.0))
    other = Rings(48_000)
    capture.attach(other, gap_s=2.5)
    outputs = _hear(capture, other, tone(0.2, 48_000))
    assert outputs[0].clean.start_s == pytest.approx(3.5)


class _FixedCanceller:
    """A canceller that takes away a fixed share."""

    def __init__(self, gain: float) -> None:
        self.gain = gain
        self.has_converged = True
        self.echo_return_loss_db = None
        self.voice = None

    def process(self, near: Samples, far: Samples) -> Samples:
        return (near * self.gain).astype(np.float32)

    def reset(self) -> None:
        self.gain = 1.0


@pytest.mark.parametrize(("gain", "is_speech"), [(0.1, False), (0.6, True)])
def test_what_the_canceller_mostly_took_away_is_echo_not_speech(
    gain: float, is_speech: bool
) -> None:
    rings = Rings()
    capture = CapturePipeline(rings, _FixedCanceller(gain), EnergyVad(), EXACT)
    rings.renderer.ring.write(tone(0.4, 24_000))
    out = np.empty(9_600, dtype=np.float32)
    heard = []
    for _ in range(4):
        rings.renderer.render(out[:2_400])
        heard += _hear(capture, rings, tone(0.1))
    assert any(isinstance(o, SpeechStarted) for o in heard) == is_speech


def test_without_a_far_end_even_a_strongly_reduced_voice_is_speech() -> None:
    rings = Rings()
    capture = CapturePipeline(rings, _FixedCanceller(0.1), EnergyVad(), EXACT)
    outputs = _hear(capture, rings, tone(0.5))
    assert any(isinstance(o, SpeechStarted) for o in outputs)


class _EverySecondFrame:
    """A spotter that hears a stop word in every second frame."""

    def __init__(self) -> None:
        self.n_frames = 0

    def step(self, user: UserFrame) -> Spotted | None:
        self.n_frames += 1
        if self.n_frames % 2:
            return None
        return Spotted(user.clean.end_s, p_stop=1.0, p_nothing=0.0)

    def reset(self) -> None:
        self.n_frames = 0


def test_a_frame_carries_the_latest_that_was_spotted_and_the_microphones_own_sound() -> None:
    front_end = FrontEnd(NullEchoCanceller(), EnergyVad(), EXACT, _EverySecondFrame())
    near = np.full(4 * FRAME, 0.25, np.float32)
    users = [user for user, _ in front_end.process_recording(near)]
    assert [user.spotted and user.spotted.at_s for user in users] == [None, 0.02, 0.02, 0.04]
    assert all(user.near is not None and (user.near.samples == 0.25).all() for user in users)


def test_what_was_spotted_before_a_gap_is_forgotten() -> None:
    spotter = _EverySecondFrame()
    front_end = FrontEnd(NullEchoCanceller(), EnergyVad(), EXACT, spotter)
    silence = np.zeros(FRAME, np.float32)
    for _ in range(3):
        front_end.process(silence, silence)
    front_end.skip(1.0)
    user, _ = front_end.process(silence, silence)
    assert user.spotted is None
    assert spotter.n_frames == 1


@pytest.mark.parametrize(("p_speech", "is_heard"), [(0.9, True), (0.1, False)])
def test_while_the_reply_sounds_the_spotter_tells_who_speaks(
    p_speech: float, is_heard: bool
) -> None:
    class Spotter(_EverySecondFrame):
        def step(self, user: UserFrame) -> Spotted | None:
            return Spotted(user.clean.end_s, p_speech=p_speech, p_echo=1.0 - p_speech, p_nothing=0)

    front_end = FrontEnd(NullEchoCanceller(), EnergyVad(), EXACT, Spotter())
    loud, soft = speech_like(1.0), np.zeros(FRAME * 100, np.float32)
    near = soft if is_heard else loud  # what levels alone would make of it is wrong
    events = [event for _, event in front_end.process_recording(near, loud) if event]
    assert any(isinstance(event, SpeechStarted) for event in events) is is_heard


class _TwoSounds(_FixedCanceller):
    """A canceller whose sound for recognisers is another one."""

    def process(self, near: Samples, far: Samples) -> Samples:
        self.voice = near
        return super().process(near, far)


def test_a_recogniser_gets_the_voice_and_the_detector_what_is_clean() -> None:
    front_end = FrontEnd(_TwoSounds(0.5), EnergyVad(), EXACT)
    user, _ = front_end.process(tone(0.01), tone(0.01))
    assert np.array_equal(user.for_words.samples, tone(0.01))
    assert np.allclose(user.clean.samples, 0.5 * tone(0.01))
    front_end.is_mic_open = False
    muted, _ = front_end.process(tone(0.01), tone(0.01))
    assert not muted.for_words.samples.any()


def test_without_a_voice_of_its_own_a_frame_has_words_in_its_clean_sound() -> None:
    user, _ = FrontEnd(NullEchoCanceller(), EnergyVad(), EXACT).process(tone(0.01), tone(0.01))
    assert user.for_words is user.clean
