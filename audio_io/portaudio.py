"""Microphone and loudspeaker of this machine through PortAudio.

Callbacks only move samples and count. Knows nothing of what the samples mean.
"""

from __future__ import annotations

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
    SoundStream,
    choose_device,
    list_devices,
    load_library,
)
from audio_io.errors import DeviceRefused
from audio_io.frames import ENGINE_RATE_HZ
from audio_io.interfaces import StreamFormat, StreamRequest, StreamStats
from audio_io.renderer import OutputRenderer
from audio_io.ring_buffer import RingBuffer
from audio_io.wake import WakeSignal

_OUT_RATE_HZ = 48_000  # what loudspeakers run at; the server would only convert once more
_OTHER_RATES_HZ = (48_000, 44_100)
_MIC_RING_S = 2.0
_MAX_BLOCK = 16_384  # frames in one callback
_LATE_BLOCKS = 2.0  # a callback is late when it comes after this many blocks

Buffer = npt.NDArray[np.float32]  # (frames, channels)


class _CallbackPulse:
    """When a callback last came, and how regular it is. Written by the callback only."""

    def __init__(self, clock: Callable[[], float], block_s: float) -> None:
        self._clock = clock
        self._late_s = _LATE_BLOCKS * block_s
        self.last_s = clock()
        self.n_calls = 0
        self.n_late = 0
        self.n_flagged = 0
        self.max_gap_s = 0.0

    def beat(self, is_flagged: bool) -> None:
        """Callback-safe."""
        now = self._clock()
        if self.n_calls:
            gap = now - self.last_s
            self.max_gap_s = max(self.max_gap_s, gap)
            self.n_late += gap > self._late_s
        self.last_s = now
        self.n_calls += 1
        self.n_flagged += is_flagged


class PortAudioBackend:
    """Two streams, because duplex streams stall on the PulseAudio plugin of ALSA.

    ``open`` makes a new microphone ring and a new renderer: after a reopening, capture and playback
    have to be attached again.
    """

    def __init__(
        self,
        library: SoundLibrary | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Raises AudioUnavailable when there is no PortAudio."""
        self._library = library or load_library()
        self._clock = clock
        self._mic_wake = WakeSignal()
        self._input: SoundStream | None = None
        self._output: SoundStream | None = None
        self._finished: set[Direction] = set()
        self._n_mic_samples = 0
        self._format = StreamFormat(ENGINE_RATE_HZ, _OUT_RATE_HZ, "", "", 0.0, 0.0)
        self._renew(0.02)

    # -- AudioBackend --------------------------------------------------------------------------

    @property
    def format(self) -> StreamFormat:
        """Output latency is what the device states plus one block, so that it never flatters.

        Input latency is how old a sample is when it arrives.
        """
        return self._format

    @property
    def mic_ring(self) -> RingBuffer:
        """Replaced by ``open``."""
        return self._mic_ring

    @property
    def mic_wake(self) -> WakeSignal:
        """The same for the life of the back end."""
        return self._mic_wake

    @property
    def renderer(self) -> OutputRenderer:
        """Replaced by ``open``."""
        return self._renderer

    @property
    def shares_clock(self) -> bool:
        """Never to be relied on: two streams, maybe two devices."""
        return False

    @property
    def is_running(self) -> bool:
        """Both streams are active."""
        streams = (self._input, self._output)
        return all(stream is not None and stream.active for stream in streams)

    def devices(self) -> tuple[DeviceInfo, ...]:
        """What is plugged in, as of the last ``restart_library``."""
        return list_devices(self._library)

    def open(self, request: StreamRequest) -> StreamFormat:
        """Opens both streams in the first format that the devices accept.

        Raises:
            DeviceNotFound: no such device.
            DeviceRefused: it would not open.
        """
        self.close()
        devices = self.devices()
        microphone = choose_device(devices, request.input_name, "microphone")
        loudspeaker = choose_device(devices, request.output_name, "loudspeaker")
        self._renew(request.block_ms / 1000.0)
        mic_rate_hz = self._open_input(microphone, request)
        try:
            out_rate_hz = self._open_output(loudspeaker, request)
        except DeviceRefused:
            self.close()
            raise
        self._format = StreamFormat(
            mic_rate_hz=mic_rate_hz,
            out_rate_hz=out_rate_hz,
            input_name=microphone.name,
            output_name=loudspeaker.name,
            input_latency_s=self._age_on_arrival(request),
            output_latency_s=self._latency(self._output, request) + request.block_ms / 1000.0,
        )
        return self._format

    def start(self) -> None:
        """Raises DeviceRefused when a device went away in between."""
        self._finished.clear()
        try:
            for stream in (self._output, self._input):
                if stream is not None:
                    stream.start()
        except self._library.PortAudioError as error:
            raise DeviceRefused(f"the sound device would not start: {error}") from error
        self._mic_pulse.last_s = self._out_pulse.last_s = self._clock()

    def stop(self) -> None:
        """Callbacks end; the streams stay open."""
        for stream in (self._input, self._output):
            self._quietly(stream, "abort")

    def close(self) -> None:
        """Lets go of both devices, whatever state they are in."""
        for stream in (self._input, self._output):
            self._quietly(stream, "abort")
            self._quietly(stream, "close")
        self._input = self._output = None

    def stats(self) -> StreamStats:
        """Since ``open``."""
        pulses = (self._mic_pulse, self._out_pulse)
        return StreamStats(
            n_mic_samples=self._n_mic_samples,
            n_out_samples=self._renderer.n_rendered,
            n_input_overflows=self._mic_pulse.n_flagged,
            n_output_underflows=self._out_pulse.n_flagged,
            n_late_callbacks=sum(pulse.n_late for pulse in pulses),
            max_callback_gap_ms=1000.0 * max(pulse.max_gap_s for pulse in pulses),
        )

    # -- for the watchdog ----------------------------------------------------------------------

    def last_callback_s(self) -> float:
        """When the later of the two streams last called back, on the back end's clock."""
        return min(self._mic_pulse.last_s, self._out_pulse.last_s)

    def stalled(self, now_s: float, limit_s: float) -> Direction | None:
        """The stream that ended, or has not called back for ``limit_s``; None when all is well."""
        if "microphone" in self._finished or now_s - self._mic_pulse.last_s > limit_s:
            return "microphone"
        if "loudspeaker" in self._finished or now_s - self._out_pulse.last_s > limit_s:
            return "loudspeaker"
        return None

    def restart_library(self) -> None:
        """Closes everything and looks again at what is plugged in (70 ms)."""
        self.close()
        try:
            self._library._terminate()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the list
            self._library._initialize()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - is frozen
        except self._library.PortAudioError as error:
            raise DeviceRefused(f"the sound system does not answer: {error}") from error

    # -- opening -------------------------------------------------------------------------------

    def _renew(self, block_s: float) -> None:
        self._mic_ring = RingBuffer(int(_MIC_RING_S * max(_OTHER_RATES_HZ)))
        self._renderer = OutputRenderer(_OUT_RATE_HZ)
        self._mic_pulse = _CallbackPulse(self._clock, block_s)
        self._out_pulse = _CallbackPulse(self._clock, block_s)
        self._mono_in = np.zeros(_MAX_BLOCK, dtype=np.float32)
        self._mono_out = np.zeros(_MAX_BLOCK, dtype=np.float32)
        self._n_mic_samples = 0

    def _open_input(self, device: DeviceInfo, request: StreamRequest) -> int:
        channels = tuple(dict.fromkeys((1, min(2, device.n_inputs))))
        for rate_hz in _candidates(ENGINE_RATE_HZ, device.default_rate_hz):
            for n_channels in channels:
                self._input = self._try_open(
                    self._library.InputStream,
                    device,
                    rate_hz,
                    n_channels,
                    request,
                    self._on_input,
                    "microphone",
                )
                if self._input is not None:
                    return rate_hz
        raise DeviceRefused(
            f"microphone {device.name!r} would not open: it may be in use by another program"
        )

    def _open_output(self, device: DeviceInfo, request: StreamRequest) -> int:
        channels = tuple(dict.fromkeys((min(2, device.n_outputs), 1)))
        for rate_hz in _candidates(_OUT_RATE_HZ, device.default_rate_hz):
            self._renderer = OutputRenderer(rate_hz)
            for n_channels in channels:
                self._output = self._try_open(
                    self._library.OutputStream,
                    device,
                    rate_hz,
                    n_channels,
                    request,
                    self._on_output,
                    "loudspeaker",
                )
                if self._output is not None:
                    return rate_hz
        raise DeviceRefused(
            f"loudspeaker {device.name!r} would not open: it may be in use by another program"
        )

    def _try_open(
        self,
        make: Callable[..., SoundStream],
        device: DeviceInfo,
        rate_hz: int,
        n_channels: int,
        request: StreamRequest,
        callback: Callable[..., None],
        direction: Direction,
    ) -> SoundStream | None:
        try:
            return make(
                samplerate=rate_hz,
                blocksize=round(rate_hz * request.block_ms / 1000.0),
                device=device.index,
                channels=n_channels,
                dtype="float32",
                latency=request.latency_ms / 1000.0,
                callback=callback,
                finished_callback=lambda: self._finished.add(direction),
            )
        except (self._library.PortAudioError, ValueError):
            return None

    def _latency(self, stream: SoundStream | None, request: StreamRequest) -> float:
        stated = float(stream.latency) if stream is not None else 0.0
        return stated if stated > 0.0 else request.latency_ms / 1000.0

    def _age_on_arrival(self, request: StreamRequest) -> float:
        """Stated is the length of the whole buffer, of which a healthy stream fills one block."""
        beyond_s = self._latency(self._input, request) - request.latency_ms / 1000.0
        return max(0.0, beyond_s) + request.block_ms / 1000.0

    def _quietly(self, stream: SoundStream | None, action: str) -> None:
        if stream is None:
            return
        # A device that is gone cannot be stopped, and need not be.
        with suppress(self._library.PortAudioError):
            getattr(stream, action)()

    # -- callbacks -----------------------------------------------------------------------------

    def _on_input(self, indata: Buffer, frames: int, when: Any, status: Any) -> None:  # noqa: ANN401
        """Callback-safe: moves samples, counts, rings."""
        del when
        self._mic_pulse.beat(bool(status))
        if indata.shape[1] == 1:
            mono = indata[:, 0]
        else:
            mono = self._mono_in[:frames]
            np.mean(indata, axis=1, out=mono)
        self._mic_ring.write(mono)
        self._n_mic_samples += frames
        self._mic_wake.ring()

    def _on_output(self, outdata: Buffer, frames: int, when: Any, status: Any) -> None:  # noqa: ANN401
        """Callback-safe: moves samples, counts."""
        del when
        self._out_pulse.beat(bool(status))
        mono = self._mono_out[:frames]
        self._renderer.render(mono)
        outdata[:] = mono[:, np.newaxis]


def _candidates(wanted_hz: int, preferred_hz: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys((wanted_hz, preferred_hz, *_OTHER_RATES_HZ)))
