from __future__ import annotations

import numpy as np
import pytest

from audio_io.resampler import StreamResampler, resample
from tests.fakes.audio import speech_like, tone


@pytest.mark.parametrize(
    ("rate_in", "rate_out"), [(48_000, 16_000), (44_100, 16_000), (24_000, 48_000)]
)
@pytest.mark.parametrize("block", [160, 441, 1000])
def test_block_by_block_equals_the_whole_recording(rate_in: int, rate_out: int, block: int) -> None:
    sound = speech_like(1.0, rate_hz=rate_in)
    stream = StreamResampler(rate_in, rate_out, "HQ")
    parts = [stream.process(sound[i : i + block]) for i in range(0, len(sound), block)]
    streamed = np.concatenate([*parts, stream.flush()])
    whole = resample(sound, rate_in, rate_out, "HQ")
    assert abs(len(streamed) - len(whole)) <= 1
    n = min(len(streamed), len(whole))
    assert np.max(np.abs(streamed[:n] - whole[:n])) < 1e-4


def test_equal_rates_pass_untouched() -> None:
    sound = speech_like(0.2)
    stream = StreamResampler(16_000, 16_000)
    assert np.array_equal(stream.process(sound), sound)
    assert len(stream.flush()) == 0


def test_a_flushed_stream_starts_afresh() -> None:
    stream = StreamResampler(48_000, 16_000)
    sound = tone(0.3, 48_000)
    first = np.concatenate((stream.process(sound), stream.flush()))
    second = np.concatenate((stream.process(sound), stream.flush()))
    assert np.array_equal(first, second)


def test_the_position_is_kept_although_the_delivery_is_late() -> None:
    click = np.zeros(48_000, dtype=np.float32)
    click[24_000] = 1.0
    stream = StreamResampler(48_000, 16_000)
    out = np.concatenate((stream.process(click), stream.flush()))
    assert int(np.argmax(out)) == 8_000
