"""Sample rate conversion, whole recordings and streams."""

from typing import Literal

import numpy as np
import soxr

from audio_io.frames import Samples

Quality = Literal["LQ", "MQ", "HQ"]


class StreamResampler:
    """Converts a stream block by block; the sum of the outputs equals the conversion of the sum.

    Output sample k always stands for the time k / out_rate of the input: the filter delays the
    *delivery* (in lumps: LQ up to 20 ms, HQ 37 ms, at fractional ratios 31 and 79 ms, measured),
    never the position. Rates may be fractional, which is how clock drift is simulated. Equal rates
    pass through untouched.
    """

    def __init__(self, in_rate_hz: float, out_rate_hz: float, quality: Quality = "LQ") -> None:
        self._is_identity = in_rate_hz == out_rate_hz
        self._stream = soxr.ResampleStream(
            in_rate_hz, out_rate_hz, 1, dtype="float32", quality=quality
        )

    def process(self, samples: Samples) -> Samples:
        """Return what can be delivered so far, float32 (m,)."""
        if self._is_identity:
            return samples
        block = np.ascontiguousarray(samples, dtype=np.float32)
        return np.asarray(self._stream.resample_chunk(block), dtype=np.float32)

    def flush(self) -> Samples:
        """Return the rest; the stream is then fresh."""
        if self._is_identity:
            return np.empty(0, dtype=np.float32)
        empty = np.empty(0, dtype=np.float32)
        rest = np.asarray(self._stream.resample_chunk(empty, last=True), dtype=np.float32)
        self._stream.clear()
        return rest


def resample(
    samples: Samples, in_rate_hz: float, out_rate_hz: float, quality: Quality = "HQ"
) -> Samples:
    """Convert a whole recording, float32 (n,) mono."""
    if in_rate_hz == out_rate_hz:
        return samples
    block = np.ascontiguousarray(samples, dtype=np.float32)
    return np.asarray(soxr.resample(block, in_rate_hz, out_rate_hz, quality), dtype=np.float32)
