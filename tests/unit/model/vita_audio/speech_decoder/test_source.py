import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_decoder.source import HarmonicSource  # noqa: E402


@pytest.fixture
def hift(decoder):
    return decoder._hift


def test_source_does_not_depend_on_how_frames_are_cut(hift):
    pitch = 100 + 200 * torch.rand(1, 300, generator=torch.Generator().manual_seed(1))
    pitch[:, 100:150] = 3.0  # unvoiced
    whole = HarmonicSource(hift, seed=4).extend(pitch)
    source = HarmonicSource(hift, seed=4)

    pieces = [source.extend(piece) for piece in pitch.split([1, 36, 100, 163], dim=1)]

    assert whole.shape == (1, 300 * 256)
    assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=1e-5)


def test_phase_runs_on_over_calls(hift):
    source = HarmonicSource(hift, seed=4)
    pitch = torch.full((20,), 220.0, dtype=torch.float64)

    fundamental = torch.cat((source._sines(pitch)[0], source._sines(pitch)[0]))

    time_s = np.arange(1, 40 * 256 + 1) / 22_050
    # the phase is carried in the source's own state, as extend does
    assert np.allclose(fundamental.numpy(), 0.1 * np.sin(2 * np.pi * 220 * time_s), atol=1e-5)


def test_unvoiced_frames_are_noise_without_sines(hift):
    source = HarmonicSource(hift, seed=4)
    linear = hift.merge_harmonics

    samples = source.extend(torch.full((1, 40), 9.0))

    level = 0.1 / 3 * float(linear.weight.norm())
    assert float((samples - linear.bias.tanh()).std()) == pytest.approx(level, rel=0.1)


def test_samples_of_seeds_differ(hift):
    pitch = torch.full((1, 10), 150.0)

    first, second = (HarmonicSource(hift, seed).extend(pitch) for seed in (1, 2))

    assert not torch.allclose(first, second, atol=1e-3)
