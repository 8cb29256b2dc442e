from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_decoder.decode_stream import MelStretcher  # noqa: E402


def ramp(n: int):
    return torch.arange(float(n)).expand(1, 3, n)


def test_at_the_voice_s_own_rate_nothing_changes() -> None:
    mel = torch.randn(1, 80, 30)
    stretcher = MelStretcher()
    assert stretcher.feed(mel) is mel
    assert stretcher.finish() is None


@pytest.mark.parametrize("rate", [0.7, 0.9, 1.2, 1.5])
def test_frames_are_read_at_the_rate(rate: float) -> None:
    stretcher = MelStretcher(rate)
    out = stretcher.feed(ramp(100))
    expected = rate * torch.arange(out.shape[-1])
    assert torch.allclose(out[0, 0], expected, atol=1e-4)
    assert out.shape[-1] == pytest.approx(100 / rate, abs=2)


@given(st.floats(0.7, 1.5), st.lists(st.integers(0, 9), max_size=12))
def test_pieces_give_what_the_whole_gives(rate: float, sizes: list[int]) -> None:
    mel = ramp(sum(sizes))
    whole, pieces = MelStretcher(rate), MelStretcher(rate)
    expected = [whole.feed(mel), whole.finish()]
    got = [pieces.feed(part) for part in mel.split(sizes, dim=-1)] if sizes else []
    got.append(pieces.finish())
    joined = torch.cat([part for part in got if part is not None] or [mel], dim=-1)
    reference = torch.cat([part for part in expected if part is not None], dim=-1)
    assert joined.shape == reference.shape
    assert torch.allclose(joined, reference, atol=1e-3)


def test_a_rate_that_changes_applies_to_what_follows() -> None:
    stretcher = MelStretcher()
    first = stretcher.feed(ramp(50))
    stretcher.rate = 1.25
    second = stretcher.feed(ramp(50))
    assert first.shape[-1] == 50
    assert second.shape[-1] == pytest.approx(40, abs=1)
