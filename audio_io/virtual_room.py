"""A room made of files: what is said in it is heard, what is played in it comes back as an echo.

Runs against a clock or as fast as it is advanced. The rooms behind it, without any sound, keep
typed conversations going where there is no sound card.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread

import numpy as np

from audio_io.devices import Direction
from audio_io.errors import AudioUnavailable
from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from audio_io.interfaces import StreamFormat, StreamRequest, StreamStats
from audio_io.renderer import OutputRenderer
from audio_io.ring_buffer import CAPTURE_RING_S, RingBuffer
from audio_io.room_acoustics import EchoPath, level_of_active_speech
from audio_io.thread_priority import ThreadPriority, UnchangedPriority
from audio_io.virtual_loudspeaker import LoudspeakerSettings, VirtualLoudspeaker
from audio_io.wake import WakeSignal

BLOCK = ENGINE_RATE_HZ // 100  # samples of the microphone, 10 ms
_PACE_MS = 20  # one callback of a real device; twice that is late
_DEVICE_BUFFER_MS = 100  # a real device loses sound when nobody comes for this long
_MIN_OUTPUT_LATENCY_MS = 40.0  # the loudspeaker's resampler delivers up to 37 ms late, measured
REFERENCE_SPEECH_DBFS = -26.0  # active level of speech when nobody says otherwise (ITU-T P.56)
_FLOOR_DBFS = -85.0  # self-noise of a microphone; exact zeros mean a broken one


@dataclass(frozen=True, slots=True, eq=False)
class RoomSettings:
    """How the room sounds.

    Attributes:
        impulse_response: loudspeaker to microphone, 16 kHz; None for the direct path only.
        echo_db: level of the loudspeaker in the microphone (energy); None for headphones.
        delay_ms: bulk delay of the echo beyond ``output_latency_ms``.
        drift_ppm, clip_at, delay_jump_ms, delay_jump_every_s: see ``LoudspeakerSettings``.
        noise: 16 kHz, looped from a place that the seed chooses; None for silence.
        snr_db: speech level over noise level.
        speech_dbfs: active level of the users in this room, which ``snr_db`` refers to.
        output_latency_ms: from the loudspeaker callback to the air; 40 ms at least.
        out_rate_hz: a multiple of 100, so that 10 ms is a whole number of samples.
    """

    impulse_response: Samples | None = None
    echo_db: float | None = None
    delay_ms: float = 0.0
    drift_ppm: float = 0.0
    clip_at: float | None = None
    delay_jump_ms: float = 0.0
    delay_jump_every_s: float = 0.0
    noise: Samples | None = None
    snr_db: float = 20.0
    speech_dbfs: float = REFERENCE_SPEECH_DBFS
    output_latency_ms: float = 60.0
    out_rate_hz: int = 24_000

    def __post_init__(self) -> None:
        """Raise ValueError for what no room can be."""
        if self.output_latency_ms < _MIN_OUTPUT_LATENCY_MS:
            raise ValueError(
                f"output_latency_ms = {self.output_latency_ms}: "
                f"must be {_MIN_OUTPUT_LATENCY_MS} or more"
            )
        if self.out_rate_hz % 100:
            raise ValueError(f"out_rate_hz = {self.out_rate_hz}: must be a multiple of 100")
        if self.delay_ms < 0.0:
            raise ValueError(f"delay_ms = {self.delay_ms}: must not be negative")
        self.loudspeaker()

    def loudspeaker(self) -> LoudspeakerSettings:
        """Return the loudspeaker's share of it. Raises ValueError."""
        return LoudspeakerSettings(
            rate_hz=self.out_rate_hz,
            latency_ms=self.output_latency_ms,
            drift_ppm=self.drift_ppm,
            clip_at=self.clip_at,
            delay_jump_ms=self.delay_jump_ms,
            delay_jump_every_s=self.delay_jump_every_s,
        )


@dataclass(frozen=True, slots=True, eq=False)
class RoomRecording:
    """What happened, sample-aligned at 16 kHz: at the microphone, and out of the loudspeaker."""

    microphone: Samples
    loudspeaker: Samples


class VirtualRoom:
    """An AudioBackend without hardware. The same seed and calls give the same bits.

    The microphone runs at 16 kHz, the loudspeaker at 24 kHz, so that 10 ms are 160 and 240 samples
    exactly and the default voices need no conversion. Virtual time: call ``advance``. Real time:
    ``start`` runs a thread that advances against absolute deadlines of ``clock``.
    """

    def __init__(
        self,
        settings: RoomSettings | None = None,
        seed: int = 0,
        *,
        is_realtime: bool = False,
        keeps_recording: bool = True,
        clock: Callable[[], float] = time.monotonic,
        priority: ThreadPriority | None = None,
    ) -> None:
        self.settings = settings or RoomSettings()
        self._priority = priority or UnchangedPriority()
        self._is_realtime = is_realtime
        self._keeps_recording = keeps_recording
        self._clock = clock
        self._rng = np.random.default_rng(seed)
        self._lock = Lock()
        self.format = StreamFormat(
            mic_rate_hz=ENGINE_RATE_HZ,
            out_rate_hz=self.settings.out_rate_hz,
            input_name="virtual room",
            output_name="virtual room",
            input_latency_s=0.0,
            output_latency_s=self.settings.output_latency_ms / 1000.0,
        )
        self.mic_ring = RingBuffer(int(CAPTURE_RING_S * ENGINE_RATE_HZ))
        self.mic_wake = WakeSignal()
        self.renderer = OutputRenderer(self.settings.out_rate_hz)
        self.is_running = False
        self._noise, self._noise_at = self._make_noise()
        self._loudspeaker = VirtualLoudspeaker(self.settings.loudspeaker())
        self._echo = self._make_echo()
        self._speech: list[tuple[int, Samples]] = []
        self._n_samples = 0
        self._mic_blocks: list[Samples] = []
        self._far_blocks: list[Samples] = []
        self._stopping = Event()
        self._pacer: Thread | None = None
        self._n_late = 0
        self._n_overflows = 0
        self._n_underflows = 0
        self._max_gap_ms = 0.0

    def open(self, request: StreamRequest) -> StreamFormat:
        """Return the format; device names mean nothing here."""
        del request
        return self.format

    def start(self) -> None:
        """Start the clock of a room in real time."""
        if self.is_running:
            return
        self.is_running = True
        if self._is_realtime:
            self._stopping.clear()
            self._pacer = Thread(target=self._pace, name="virtual-room", daemon=True)
            self._pacer.start()

    def stop(self) -> None:
        """Let time stand still; the recording stays."""
        self.is_running = False
        self._stopping.set()
        if self._pacer is not None:
            self._pacer.join()
            self._pacer = None

    close = stop

    def stats(self) -> StreamStats:
        """Return the counters; overflows are blocks that the engine did not collect in time."""
        return StreamStats(
            n_mic_samples=self._n_samples,
            n_out_samples=self.renderer.n_rendered,
            n_input_overflows=self.mic_ring.n_refused // BLOCK + self._n_overflows,
            n_output_underflows=self._n_underflows,
            n_late_callbacks=self._n_late,
            max_callback_gap_ms=self._max_gap_ms,
        )

    @property
    def now_s(self) -> float:
        """Return the time on the microphone's clock."""
        return self._n_samples / ENGINE_RATE_HZ

    def say(self, samples: Samples, at_s: float) -> tuple[float, float]:
        """Let somebody say ``samples`` (16 kHz) at ``at_s``, or now if that has passed.

        Returns:
            Start and end of the recording on the microphone's clock.
        """
        with self._lock:
            start = max(round(at_s * ENGINE_RATE_HZ), self._n_samples)
            self._speech.append((start, frozen(samples)))
        return start / ENGINE_RATE_HZ, (start + len(samples)) / ENGINE_RATE_HZ

    def advance(self, n_ms: int = 10) -> None:
        """Let ``n_ms`` pass, a multiple of 10."""
        if n_ms % 10:
            raise ValueError(f"n_ms = {n_ms}: the room moves in steps of 10 ms")
        for _ in range(n_ms // 10):
            self._advance_block()
        self.mic_wake.ring()

    def xrun(self, n_ms: int, *, loses_input: bool, starves_output: bool) -> None:
        """Let ``n_ms`` pass, a multiple of 10, and lose what the streams should have carried.

        Args:
            loses_input: what the microphone hears reaches nobody.
            starves_output: the loudspeaker plays silence of its own instead of what it was to get.
        """
        for _ in range(n_ms // 10):
            self._advance_block(loses_input=loses_input, starves_output=starves_output)
        self._n_overflows += loses_input
        self._n_underflows += starves_output
        self.mic_wake.ring()

    def recording(self) -> RoomRecording:
        """Return everything so far."""
        with self._lock:
            empty = np.empty(0, dtype=np.float32)
            return RoomRecording(
                microphone=np.concatenate([empty, *self._mic_blocks]),
                loudspeaker=np.concatenate([empty, *self._far_blocks]),
            )

    def _advance_block(self, *, loses_input: bool = False, starves_output: bool = False) -> None:
        if starves_output:
            played = self._loudspeaker.starve()
            self.renderer.far_ring.note_gap(self.settings.out_rate_hz // 100)
        else:
            played = self._loudspeaker.play(self.renderer)
        with self._lock:
            heard = self._speech_block()
            if self._echo is not None:
                heard += self._echo.process(self._loudspeaker.in_air(played))
            heard += self._noise_block()
            np.clip(heard, -1.0, 1.0, out=heard)
            self._n_samples += BLOCK
            if self._keeps_recording:
                self._mic_blocks.append(heard)
                self._far_blocks.append(played)
        if loses_input:
            self.mic_ring.note_gap(BLOCK)
        else:
            self.mic_ring.write(heard)

    def _speech_block(self) -> Samples:
        begin, end = self._n_samples, self._n_samples + BLOCK
        heard = np.zeros(BLOCK, dtype=np.float32)
        for start, samples in self._speech:
            first, last = max(begin, start), min(end, start + len(samples))
            if first < last:
                heard[first - begin : last - begin] += samples[first - start : last - start]
        self._speech = [(s, x) for s, x in self._speech if s + len(x) > end]
        return heard

    def _noise_block(self) -> Samples:
        floor = 10.0 ** (_FLOOR_DBFS / 20.0) * self._rng.standard_normal(BLOCK, dtype=np.float32)
        if self._noise is None:
            return floor
        index = (self._noise_at + np.arange(BLOCK)) % len(self._noise)
        self._noise_at += BLOCK
        return floor + self._noise[index]

    def _make_echo(self) -> EchoPath | None:
        delay = round(self.settings.delay_ms * ENGINE_RATE_HZ / 1000.0)
        response, echo_db = self.settings.impulse_response, self.settings.echo_db
        return None if echo_db is None else EchoPath(response, echo_db, delay)

    def _make_noise(self) -> tuple[Samples | None, int]:
        s = self.settings
        if s.noise is None or not len(s.noise):
            return None, 0
        rms = float(np.sqrt(np.mean(np.square(s.noise, dtype=np.float64)))) + 1e-9
        gain = 10.0 ** ((s.speech_dbfs - s.snr_db) / 20.0) / rms
        return frozen(s.noise * np.float32(gain)), int(self._rng.integers(len(s.noise)))

    def _pace(self) -> None:
        self._priority.raise_this_thread("virtual-room")
        begin = last = self._clock()
        n_blocks = 0
        step_s = _PACE_MS / 1000.0
        while not self._stopping.wait(max(0.0, begin + step_s * (n_blocks + 1) - self._clock())):
            n_blocks += 1
            now = self._clock()
            gap_ms = 1000.0 * (now - last)
            last = now
            self._max_gap_ms = max(self._max_gap_ms, gap_ms)
            self._n_late += gap_ms > 2.0 * _PACE_MS
            n_lost = int((1000.0 * (now - begin) - _DEVICE_BUFFER_MS) // _PACE_MS) - n_blocks
            if n_lost > 0:
                self.xrun(n_lost * _PACE_MS, loses_input=True, starves_output=True)
                n_blocks += n_lost
            self.advance(_PACE_MS)


def speech_level(recordings: list[Samples]) -> float:
    """Return the mean active level of what will be said, for ``RoomSettings.speech_dbfs``."""
    if not recordings:
        return REFERENCE_SPEECH_DBFS
    return level_of_active_speech(np.concatenate(recordings))


class SilentRoom(VirtualRoom):
    """An empty room in real time, of which nothing is kept."""

    def __init__(self) -> None:
        super().__init__(is_realtime=True, keeps_recording=False)


class SilentBackend(SilentRoom):
    """A stand-in for a sound card that says that it is none."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self._reason = reason

    def open(self, request: StreamRequest) -> StreamFormat:
        """Start the room's clock, then raise AudioUnavailable: there is nothing to open."""
        del request
        self.start()
        raise AudioUnavailable(self._reason)

    def stalled(self, now_s: float, limit_s: float) -> Direction | None:
        """Return None: there is nothing to come back."""
        del now_s, limit_s

    def last_callback_s(self) -> float:
        """Return the time of the room."""
        return self.now_s

    def restart_library(self) -> None:
        """Do nothing."""
