"""The vocoder in pieces against the vocoder over the whole mel, on mels that no flow made."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_decoder.source import HarmonicSource  # noqa: E402
from model.vita_audio.speech_decoder.vocoder_stream import VocoderStream  # noqa: E402


@pytest.fixture
def hift(decoder):
    return decoder._hift


@pytest.fixture
def mel():
    """A slow tone in each band, louder and softer: 240 frames."""
    time, band = torch.arange(240)[None, :], torch.arange(8)[:, None]
    return torch.sin(time * (0.05 + 0.02 * band) + band)[None] - 1.0


def at_once(hift, mel, seed=0):
    source = HarmonicSource(hift, seed).extend(hift.f0_predictor(mel))
    return hift(mel, source)[0].numpy()


def in_pieces(hift, mel, sizes, slice_frames=10_000):
    stream = VocoderStream(hift, 0, slice_frames)
    pieces = []
    for piece in mel.split(sizes, dim=-1):
        stream.feed(piece)
        pieces += list(stream.due())
    stream.complete()
    return [*pieces, *stream.due()]


@pytest.mark.parametrize(
    "sizes", [[55, 100, 85], [1] * 40 + [200], [240], [19, 21, 200], [3, 230, 7]]
)
@pytest.mark.parametrize("slice_frames", [10_000, 37])
def test_pieces_are_the_samples_of_the_whole_mel(hift, mel, sizes, slice_frames):
    pieces = in_pieces(hift, mel, sizes, slice_frames)

    # float32 noise of the pitch moves the phases a little: 55 dB below the signal
    assert np.allclose(np.concatenate(pieces), at_once(hift, mel), atol=1e-3)


def test_joints_are_as_smooth_as_the_inside(hift, mel):
    pieces = in_pieces(hift, mel, [40] * 6)
    samples = np.concatenate(pieces)
    steps = np.abs(np.diff(samples))
    joints = np.cumsum([len(piece) for piece in pieces])[:-1]

    at_joints = steps[joints - 1]

    assert len(joints) >= 5
    assert at_joints.max() <= np.quantile(steps, 0.999)


def test_samples_follow_the_mel_by_the_reach_of_the_networks(hift, mel):
    stream = VocoderStream(hift, 0, 10_000)

    stream.feed(mel[..., :55])
    first = np.concatenate(list(stream.due()))

    assert stream.delay_frames == 19
    assert len(first) == (55 - 19) * 256


def test_no_frame_is_felt_further_than_the_stated_reach(hift, mel):
    source = HarmonicSource(hift, 0).extend(hift.f0_predictor(mel))
    before = hift(mel, source)[0].numpy()
    changed, changed_source = mel.clone(), source.clone()
    changed[..., 120] += 1.0
    changed_source[:, 120 * 256 : 121 * 256] += 0.3

    after = hift(changed, changed_source)[0].numpy()

    touched = np.flatnonzero(before != after) // 256
    assert 120 - hift.reach_frames <= touched.min() < 120 < touched.max()
    assert touched.max() <= 120 + hift.reach_frames


def test_a_long_mel_is_not_kept(hift):
    stream = VocoderStream(hift, 0, 10_000)
    for _ in range(20):
        stream.feed(torch.zeros(1, 8, 30))
        for _ in stream.due():
            pass

    assert stream._mel.shape[-1] < 60
    assert stream._samples.shape[-1] < 60 * 256
