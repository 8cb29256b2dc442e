"""Roles of the signal plane. Implementations and fakes pass the same contract tests."""

from dataclasses import dataclass
from typing import Protocol

from audio_io.frames import Samples, Spotted, UserFrame
from audio_io.renderer import OutputRenderer
from audio_io.ring_buffer import RingBuffer
from audio_io.wake import WakeSignal


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What the engine asks of a back end.

    Attributes:
        input_name, output_name: names of devices; None: the system's default.
        block_ms: length of one callback.
        latency_ms: requested device latency (a number: 'low' underruns).
    """

    input_name: str | None = None
    output_name: str | None = None
    block_ms: float = 20.0
    latency_ms: float = 60.0


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What the back end opened. Latencies are those the device states, in seconds."""

    mic_rate_hz: int
    out_rate_hz: int
    input_name: str
    output_name: str
    input_latency_s: float
    output_latency_s: float


@dataclass(frozen=True, slots=True)
class StreamStats:
    """Counters since the streams were opened; monotone until reopened."""

    n_mic_samples: int = 0
    n_out_samples: int = 0
    n_input_overflows: int = 0
    n_output_underflows: int = 0
    n_late_callbacks: int = 0
    max_callback_gap_ms: float = 0.0


class AudioBackend(Protocol):
    """One microphone and one loudspeaker.

    The microphone callback writes mono float32 at ``format.mic_rate_hz`` into ``mic_ring`` and
    rings ``mic_wake``. The loudspeaker callback calls ``renderer.render``, which moves samples out
    of the renderer's ring, applies the gain ramp and leaves a copy of what the device was given in
    ``renderer.far_ring``. ``open`` may replace rings and renderer: attach to them again.
    """

    format: StreamFormat
    mic_ring: RingBuffer
    mic_wake: WakeSignal
    renderer: OutputRenderer

    @property
    def is_running(self) -> bool:
        """Return whether both streams call back."""
        ...

    def open(self, request: StreamRequest) -> StreamFormat:
        """Open both devices. Raises AudioError."""
        ...

    def start(self) -> None:
        """Begin to call back. Raises AudioError."""
        ...

    def stop(self) -> None:
        """End the callbacks; the devices stay open."""
        ...

    def close(self) -> None:
        """Let go of both devices, whatever state they are in."""
        ...

    def stats(self) -> StreamStats:
        """Return the counters since ``open``."""
        ...


class EchoCanceller(Protocol):
    """Removes the loudspeaker from the microphone, 10 ms at a time at 16 kHz."""

    @property
    def has_converged(self) -> bool:
        """Return whether what is left of an echo is known to be soft."""
        ...

    @property
    def echo_return_loss_db(self) -> float | None:
        """Return the enhancement (ERLE) of the last second of far-end activity; None before any."""
        ...

    @property
    def voice(self) -> Samples | None:
        """Return the last frame for a recogniser, which can bear some echo but no loss of voice.

        None: what ``process`` returned.
        """
        ...

    def process(self, near: Samples, far: Samples) -> Samples:
        """Return ``near`` without the echo of ``far``; all float32 (160,)."""
        ...


class VoiceActivityDetector(Protocol):
    """Probability that a window holds a voice."""

    @property
    def window(self) -> int:
        """Return the samples per call at 16 kHz."""
        ...

    def probability(self, window: Samples) -> float:
        """Return the probability of a voice in the next ``window`` samples."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


class WordSpotter(Protocol):
    """Says what the user says, over a reply too, from both sides of the echo canceller."""

    def step(self, user: UserFrame) -> Spotted | None:
        """Take 10 ms, of which only the sounds count; return a decision every few of them."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...
