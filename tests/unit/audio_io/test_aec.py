from __future__ import annotations

import numpy as np

from audio_io.aec import (
    FRAME,
    CancellerSettings,
    EchoLossEstimator,
    NullEchoCanceller,
    WebRtcEchoCanceller,
)
from audio_io.frames import Samples
from audio_io.interfaces import EchoCanceller
from tests.fakes.audio import speech_like, tone

DELAY = 1_600  # samples: 100 ms from loudspeaker to microphone


def _echo_of(far: Samples, gain: float = 0.1) -> Samples:
    floor = 1e-4 * np.random.default_rng(3).standard_normal(len(far))
    echo = np.concatenate((np.zeros(DELAY), far))[: len(far)] * gain
    return (echo + floor).astype(np.float32)


def _run(canceller: EchoCanceller, near: Samples, far: Samples) -> Samples:
    n = len(near) // FRAME * FRAME
    frames = [
        canceller.process(near[i : i + FRAME], far[i : i + FRAME]) for i in range(0, n, FRAME)
    ]
    return np.concatenate(frames)


def test_the_echo_is_gone_after_a_few_seconds() -> None:
    far = speech_like(8.0)
    near = _echo_of(far)
    canceller = WebRtcEchoCanceller()
    out = _run(canceller, near, far)
    late = slice(len(out) - 32_000, len(out))
    assert np.mean(near[late] ** 2) > 300.0 * np.mean(out[late] ** 2)
    assert canceller.has_converged
    loss_db = canceller.echo_return_loss_db
    assert loss_db is not None
    assert loss_db > 20.0


def test_nothing_is_claimed_before_the_loudspeaker_was_heard() -> None:
    canceller = WebRtcEchoCanceller()
    _run(canceller, speech_like(3.0), np.zeros(48_000, dtype=np.float32))
    assert not canceller.has_converged
    assert canceller.echo_return_loss_db is None


def test_headphones_count_as_converged() -> None:
    far = speech_like(4.0)
    floor = (3e-3 * np.random.default_rng(1).standard_normal(2 * len(far))).astype(np.float32)
    silence = np.zeros_like(far)
    canceller = WebRtcEchoCanceller(CancellerSettings(noise_suppression=False))
    _run(canceller, floor, np.concatenate((silence, far)))
    assert canceller.has_converged


def test_on_headphones_the_first_voice_over_the_far_end_is_heard() -> None:
    far = speech_like(5.0)
    near = (1e-4 * np.random.default_rng(1).standard_normal(len(far))).astype(np.float32)
    near[-32_000:] += speech_like(2.0, seed=9)
    out = _run(WebRtcEchoCanceller(), near, far)
    begin, end = len(near) - 32_000, len(near) - 24_000
    assert np.mean(out[begin:end] ** 2) > 0.5 * np.mean(near[begin:end] ** 2)


def test_when_the_headphones_are_unplugged_the_echo_is_cancelled_again() -> None:
    far = speech_like(12.0)
    floor = 1e-4 * np.random.default_rng(1).standard_normal(len(far))
    near = floor.astype(np.float32)
    near[64_000:] = _echo_of(far)[64_000:]
    out = _run(WebRtcEchoCanceller(), near, far)
    late = slice(len(out) - 32_000, len(out))
    assert np.mean(near[late] ** 2) > 100.0 * np.mean(out[late] ** 2)


def test_a_soft_echo_is_not_taken_for_none() -> None:
    far = speech_like(8.0)
    canceller = WebRtcEchoCanceller()
    near = _echo_of(far, gain=0.04)
    out = _run(canceller, near, far)
    late = slice(len(out) - 32_000, len(out))
    assert np.mean(near[late] ** 2) > 10.0 * np.mean(out[late] ** 2)


def test_a_short_overlap_does_not_lose_convergence() -> None:
    far = speech_like(10.0)
    near = _echo_of(far)
    near[-24_000:] += speech_like(1.5, seed=9)
    canceller = WebRtcEchoCanceller()
    _run(canceller, near, far)
    assert canceller.has_converged


def test_convergence_is_lost_when_the_echo_comes_through_for_seconds() -> None:
    far = tone(0.01)
    near = 0.2 * far
    estimator = EchoLossEstimator()
    for _ in range(200):
        estimator.update(near, far, 0.01 * near)
    assert estimator.has_converged
    for _ in range(300):
        estimator.update(near, far, 0.8 * near)
    assert estimator.has_converged
    for _ in range(300):
        estimator.update(near, far, 0.8 * near)
    assert not estimator.has_converged


def test_no_canceller_passes_everything_and_never_converges() -> None:
    far = speech_like(4.0)
    near = _echo_of(far)
    canceller = NullEchoCanceller()
    assert np.array_equal(_run(canceller, near, far), near)
    assert not canceller.has_converged
    assert canceller.echo_return_loss_db == 0.0
