"""Microphone and loudspeaker of this machine through PortAudio.

Callbacks only move samples and count.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_io.devices import (
    DeviceInfo,
    Direction,
    SoundLibrary,
    choose_device,
    list_devices,
    load_library,
)
from audio_io.errors import DeviceRefused
from audio_io.frames import ENGINE_RATE_HZ
from audio_io.interfaces import StreamFormat, StreamRequest, StreamStats
from audio_io.lost_samples import LostSamples
from audio_io.renderer import OutputRenderer
from audio_io.ring_buffer import CAPTURE_RING_S, RingBuffer
from audio_io.thread_priority import ThreadPriority, UnchangedPriority
from audio_io.wake import WakeSignal

_OUT_RATE_HZ = 48_000  # what loudspeakers run at; the server would only convert once more
_OTHER_RATES_HZ = (48_000, 44_100)
_MAX_BLOCK = 16_384  # frames in one callback
_LATE_BLOCKS = 2.0  # a callback is late when it comes after this many blocks

Buffer = npt.NDArray[np.float32]  # (frames, channels)


class _CallbackPulse:
    """When a callback last came, how regular it is, and what it lost. For the callback only."""

    def __init__(self, name: str, rate_hz: int, block_s: float, clock: Callable[[], float]) -> None:
        self._name = name
        self._clock = clock
        self._late_s = _LATE_BLOCKS * block_s
        self._lost = LostSamples(rate_hz)
        self.is_new = True  # of a thread that has not asked for its priority
        self.last_s = clock()
        self.n_calls = 0
        self.n_late = 0
        self.n_flagged = 0
        self.n_lost = 0
        self.max_gap_s = 0.0

    def beat(self, n: int, stamp_s: float, is_flagged: bool, priority: ThreadPriority) -> int:
        """Count a callback of ``n`` samples; return how many were lost before. Callback-safe."""
        now = self._clock()
        if self.is_new:
            self.is_new = False
            priority.raise_this_thread(self._name, in_callback=True)
        is_late = False
        if self.n_calls:
            gap = now - self.last_s
            self.max_gap_s = max(self.max_gap_s, gap)
            is_late = gap > self._late_s
            self.n_late += is_late
        self.last_s = now
        self.n_calls += 1
        self.n_flagged += is_flagged
        n_lost = self._lost.take(n, clock_s=now, stamp_s=stamp_s, is_doubtful=is_flagged or is_late)
        self.n_lost += n_lost
        return n_lost


class PortAudioBackend:
    """Two streams, because duplex streams stall on the PulseAudio plugin of ALSA.

    ``open`` makes a new microphone ring and a new renderer: after a reopening, capture and playback
    have to be attached again.

    Attributes:
        format: its output latency is what the device states plus one block, so that it never
            flatters; its input latency is how old a sample is when it arrives.
    """

    def __init__(
        self,
        library: SoundLibrary | None = None,
        clock: Callable[[], float] = time.perf_counter,
        priority: ThreadPriority | None = None,
    ) -> None:
        """Load the sound library. Raises AudioUnavailable when there is no PortAudio."""
        self._library = library or load_library()
        self._clock = clock
        self._priority = priority or UnchangedPriority()
        self.mic_wake = WakeSignal()
        self._input: Any = None
        self._output: Any = None
        self._finished: set[Direction] = set()
        self.format = StreamFormat(ENGINE_RATE_HZ, _OUT_RATE_HZ, "", "", 0.0, 0.0)
        self._renew(0.02)

    @property
    def is_running(self) -> bool:
        """Return whether both streams are active."""
        streams = (self._input, self._output)
        return all(stream is not None and stream.active for stream in streams)

    def devices(self) -> tuple[DeviceInfo, ...]:
        """Return what is plugged in, as of the last ``restart_library``."""
        return list_devices(self._library)

    def open(self, request: StreamRequest) -> StreamFormat:
        """Open both streams in the first format that the devices accept.

        Raises:
            DeviceNotFound: no such device.
            DeviceRefused: it would not open.
        """
        self.close()
        devices = self.devices()
        microphone = choose_device(devices, request.input_name, "microphone")
        loudspeaker = choose_device(devices, request.output_name, "loudspeaker")
        block_s = request.block_ms / 1000.0
        self._renew(block_s)
        self._input, mic_rate_hz = self._open("microphone", microphone, request)
        self._mic_pulse = _CallbackPulse("microphone", mic_rate_hz, block_s, self._clock)
        try:
            self._output, out_rate_hz = self._open("loudspeaker", loudspeaker, request)
        except DeviceRefused:
            self.close()
            raise
        self._out_pulse = _CallbackPulse("loudspeaker", out_rate_hz, block_s, self._clock)
        # Stated is the length of the whole buffer, of which a healthy stream fills one block.
        beyond_s = self._latency(self._input, request) - request.latency_ms / 1000.0
        self.format = StreamFormat(
            mic_rate_hz=mic_rate_hz,
            out_rate_hz=out_rate_hz,
            input_name=microphone.name,
            output_name=loudspeaker.name,
            input_latency_s=max(0.0, beyond_s) + block_s,
            output_latency_s=self._latency(self._output, request) + block_s,
        )
        return self.format

    def start(self) -> None:
        """Start both streams. Raises DeviceRefused when a device went away in between."""
        self._finished.clear()
        self._mic_pulse.is_new = self._out_pulse.is_new = True
        try:
            for stream in (self._output, self._input):
                if stream is not None:
                    stream.start()
        except self._library.PortAudioError as error:
            raise DeviceRefused(f"the sound device would not start: {error}") from error
        self._mic_pulse.last_s = self._out_pulse.last_s = self._clock()

    def stop(self) -> None:
        """End the callbacks; the streams stay open."""
        self._quietly("abort")

    def close(self) -> None:
        """Let go of both devices, whatever state they are in."""
        self._quietly("abort")
        self._quietly("close")
        self._input = self._output = None

    def stats(self) -> StreamStats:
        """Return the counters since ``open``."""
        mic, out = self._mic_pulse, self._out_pulse
        return StreamStats(
            n_mic_samples=self._n_mic_samples,
            n_out_samples=self.renderer.n_rendered,
            n_input_overflows=mic.n_flagged,
            n_output_underflows=out.n_flagged,
            n_late_callbacks=mic.n_late + out.n_late,
            max_callback_gap_ms=1000.0 * max(mic.max_gap_s, out.max_gap_s),
        )

    def last_callback_s(self) -> float:
        """Return when the later of the two streams last called back, on the back end's clock."""
        return min(self._mic_pulse.last_s, self._out_pulse.last_s)

    def stalled(self, now_s: float, limit_s: float) -> Direction | None:
        """Return the stream that ended or has not called back for ``limit_s``; else None.

        What the callbacks' threads could not ask for themselves is asked for here.
        """
        self._priority.raise_waiting()
        if "microphone" in self._finished or now_s - self._mic_pulse.last_s > limit_s:
            return "microphone"
        if "loudspeaker" in self._finished or now_s - self._out_pulse.last_s > limit_s:
            return "loudspeaker"
        return None

    def restart_library(self) -> None:
        """Close everything and look again at what is plugged in (70 ms)."""
        self.close()
        try:
            self._library._terminate()  # noqa: SLF001 - the list
            self._library._initialize()  # noqa: SLF001 - is frozen
        except self._library.PortAudioError as error:
            raise DeviceRefused(f"the sound system does not answer: {error}") from error

    def _renew(self, block_s: float) -> None:
        self.mic_ring = RingBuffer(int(CAPTURE_RING_S * max(_OTHER_RATES_HZ)))
        self.renderer = OutputRenderer(_OUT_RATE_HZ)
        self._mic_pulse = _CallbackPulse("microphone", ENGINE_RATE_HZ, block_s, self._clock)
        self._out_pulse = _CallbackPulse("loudspeaker", _OUT_RATE_HZ, block_s, self._clock)
        self._mono_in = np.zeros(_MAX_BLOCK, dtype=np.float32)
        self._mono_out = np.zeros(_MAX_BLOCK, dtype=np.float32)
        self._n_mic_samples = 0

    def _open(
        self, direction: Direction, device: DeviceInfo, request: StreamRequest
    ) -> tuple[Any, int]:
        """Return the stream in the first format that the device accepts, and its rate."""
        if direction == "microphone":
            make, callback = self._library.InputStream, self._on_input
            wanted_hz, channels = ENGINE_RATE_HZ, (1, min(2, device.n_inputs))
        else:
            make, callback = self._library.OutputStream, self._on_output
            wanted_hz, channels = _OUT_RATE_HZ, (min(2, device.n_outputs), 1)
        for rate_hz in dict.fromkeys((wanted_hz, device.default_rate_hz, *_OTHER_RATES_HZ)):
            if direction == "loudspeaker":
                self.renderer = OutputRenderer(rate_hz)
            for n_channels in dict.fromkeys(channels):
                with suppress(self._library.PortAudioError, ValueError):
                    stream = make(
                        samplerate=rate_hz,
                        blocksize=round(rate_hz * request.block_ms / 1000.0),
                        device=device.index,
                        channels=n_channels,
                        dtype="float32",
                        latency=request.latency_ms / 1000.0,
                        callback=callback,
                        finished_callback=lambda: self._finished.add(direction),
                    )
                    return stream, rate_hz
        raise DeviceRefused(
            f"{direction} {device.name!r} would not open: it may be in use by another program"
        )

    def _latency(self, stream: Any, request: StreamRequest) -> float:  # noqa: ANN401
        stated = float(stream.latency) if stream is not None else 0.0
        return stated if stated > 0.0 else request.latency_ms / 1000.0

    def _quietly(self, action: str) -> None:
        """Ignore errors: a device that is gone cannot be stopped, and need not be."""
        for stream in (self._input, self._output):
            if stream is not None:
                with suppress(self._library.PortAudioError):
                    getattr(stream, action)()

    def _on_input(self, indata: Buffer, frames: int, when: Any, status: Any) -> None:  # noqa: ANN401
        """Move samples, count, say what is missing, ring. Callback-safe."""
        stamp_s = 0.0 if when is None else float(when.inputBufferAdcTime)
        n_lost = self._mic_pulse.beat(frames, stamp_s, bool(status), self._priority)
        if n_lost:
            self.mic_ring.note_gap(n_lost)
        if indata.shape[1] == 1:
            mono = indata[:, 0]
        else:
            mono = self._mono_in[:frames]
            np.mean(indata, axis=1, out=mono)
        self.mic_ring.write(mono)
        self._n_mic_samples += frames
        self.mic_wake.ring()

    def _on_output(self, outdata: Buffer, frames: int, when: Any, status: Any) -> None:  # noqa: ANN401
        """Move samples, count, say what was played besides. Callback-safe."""
        stamp_s = 0.0 if when is None else float(when.outputBufferDacTime)
        n_lost = self._out_pulse.beat(frames, stamp_s, bool(status), self._priority)
        if n_lost:
            self.renderer.far_ring.note_gap(n_lost)
        mono = self._mono_out[:frames]
        self.renderer.render(mono)
        outdata[:] = mono[:, np.newaxis]
