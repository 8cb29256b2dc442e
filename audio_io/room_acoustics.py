"""From the loudspeaker to the microphone through the air: convolution, level, delay."""

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ, SILENT_DBFS, Samples

_BLOCK = ENGINE_RATE_HZ // 100  # samples per call
_ACTIVE_RANGE_DB = 30.0  # 20 ms frames this far below the loudest ones are pauses


class EchoPath:
    """An impulse response of unit energy, times ``echo_db``, after ``delay`` samples.

    Uniformly partitioned overlap-save convolution: exact, and 60 µs per block for a second of room.
    """

    def __init__(self, impulse_response: Samples | None, echo_db: float, delay: int) -> None:
        response = np.ones(1) if impulse_response is None else impulse_response.astype(np.float64)
        energy = float(np.sqrt(np.sum(response**2)))
        if energy <= 0.0:
            raise ValueError("impulse_response: it is silent")
        response = np.concatenate((np.zeros(delay), response / energy * 10.0 ** (echo_db / 20.0)))
        n_parts = -(-len(response) // _BLOCK)
        padded = np.zeros(n_parts * _BLOCK)
        padded[: len(response)] = response
        parts = padded.reshape(n_parts, _BLOCK)
        self._response: npt.NDArray[np.complex128] = np.fft.rfft(parts, 2 * _BLOCK, axis=1)
        self._past: npt.NDArray[np.complex128] = np.zeros_like(self._response)  # newest at _head
        self._head = 0
        self._last = np.zeros(_BLOCK)

    def process(self, block: Samples) -> Samples:
        """Return the echo of the next block, both float32 (160,)."""
        current = block.astype(np.float64)
        n_parts = len(self._past)
        self._head = (self._head - 1) % n_parts
        self._past[self._head] = np.fft.rfft(np.concatenate((self._last, current)))
        self._last = current
        split = n_parts - self._head
        spectrum = np.einsum("pf,pf->f", self._past[self._head :], self._response[:split])
        spectrum += np.einsum("pf,pf->f", self._past[: self._head], self._response[split:])
        return np.fft.irfft(spectrum)[_BLOCK:].astype(np.float32)


def level_of_active_speech(samples: Samples) -> float:
    """Return the level in dBFS of the 20 ms frames that are not pauses; -120 for silence."""
    n = 2 * _BLOCK
    frames = samples[: len(samples) // n * n].reshape(-1, n)
    if not len(frames):
        return SILENT_DBFS
    energy = np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-12
    loud = float(np.percentile(energy, 95.0))
    is_active = energy > loud * 10.0 ** (-_ACTIVE_RANGE_DB / 10.0)
    return 10.0 * float(np.log10(np.sum(energy * is_active) / np.count_nonzero(is_active)))
