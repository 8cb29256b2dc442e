from __future__ import annotations

import numpy as np
import pytest

from audio_io.aec import FRAME, VoiceChoice, WebRtcEchoCanceller
from audio_io.frames import Samples
from audio_io.linear_canceller import LinearEchoCanceller
from tests.fakes.audio import speech_like

RATE = 16_000
DELAY = 1_600  # samples: 100 ms from loudspeaker to microphone


def echo_of(far: Samples, gain: float = 0.3, delay: int = DELAY) -> Samples:
    floor = 1e-4 * np.random.default_rng(3).standard_normal(len(far))
    echo = np.concatenate((np.zeros(delay), far))[: len(far)] * gain
    return (echo + floor).astype(np.float32)


def run(canceller: LinearEchoCanceller, near: Samples, far: Samples) -> Samples:
    n = len(near) // FRAME * FRAME
    return np.concatenate(
        [canceller.process(near[i : i + FRAME], far[i : i + FRAME]) for i in range(0, n, FRAME)]
    )


def loss_db(near: Samples, out: Samples, begin_s: float, end_s: float) -> float:
    part = slice(int(begin_s * RATE), int(end_s * RATE))
    return 10.0 * float(np.log10(np.mean(near[part] ** 2) / np.mean(out[part] ** 2)))


@pytest.mark.parametrize("gain", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("delay", [300, 1_600, 3_000])
def test_the_echo_gets_softer(gain: float, delay: int) -> None:
    far = speech_like(8.0)
    near = echo_of(far, gain, delay)
    out = run(LinearEchoCanceller(), near, far)
    assert loss_db(near, out, 4.0, 8.0) > 10.0


def test_a_voice_over_the_reply_is_left_as_it_is() -> None:
    far = speech_like(8.0)
    echo = echo_of(far)
    voice = np.zeros_like(echo)
    voice[5 * RATE : 7 * RATE] = speech_like(2.0, seed=9)
    out = run(LinearEchoCanceller(), echo + voice, far)
    part = slice(5 * RATE, 7 * RATE)
    wrong = np.mean((out[part] - voice[part]) ** 2) / np.mean(voice[part] ** 2)
    assert 10.0 * np.log10(wrong) < -10.0


def test_without_a_reply_nothing_is_changed() -> None:
    near = speech_like(2.0)
    assert np.array_equal(run(LinearEchoCanceller(), near, np.zeros_like(near)), near)


def test_on_headphones_the_voice_is_whole_from_its_first_frame() -> None:
    far, near = speech_like(3.0), speech_like(3.0, seed=9)
    out = run(LinearEchoCanceller(), near, far)
    assert loss_db(near, out, 0.0, 1.0) < 1.0


def test_it_finds_the_echo_again_after_the_delay_has_jumped() -> None:
    far = speech_like(16.0)
    near = np.concatenate([echo_of(far)[: 8 * RATE], echo_of(far, delay=DELAY + 640)[8 * RATE :]])
    out = run(LinearEchoCanceller(), near, far)
    assert loss_db(near, out, 8.0, 9.0) > -1.0
    assert loss_db(near, out, 13.0, 16.0) > 6.0


def test_it_never_makes_the_microphone_louder() -> None:
    far = speech_like(4.0)
    noise = (0.05 * np.random.default_rng(5).standard_normal(len(far))).astype(np.float32)
    clipped = np.clip(8.0 * echo_of(far), -0.1, 0.1).astype(np.float32)
    for near in (noise, clipped):
        out = run(LinearEchoCanceller(), near, far)
        assert min(loss_db(near, out, at, at + 0.5) for at in np.arange(0.0, 3.5, 0.5)) > -1.0


SOUND = np.full(FRAME, 0.1, np.float32)


def test_a_frame_nobody_speaks_in_is_taken_from_the_suppressor() -> None:
    choice = VoiceChoice()
    taken = [choice.between(0.01 * SOUND, SOUND, SOUND) for _ in range(5)]
    assert np.array_equal(taken[-1], 0.01 * SOUND)
    spoken = [choice.between(0.5 * SOUND, SOUND, SOUND) for _ in range(10)]
    assert np.array_equal(spoken[-1], SOUND)


def test_the_end_of_a_word_is_kept_and_the_change_has_no_edge() -> None:
    choice = VoiceChoice()
    for _ in range(200):
        choice.between(SOUND, SOUND, SOUND)
    softer = [choice.between(0.01 * SOUND, SOUND, SOUND) for _ in range(80)]
    assert np.array_equal(softer[15], SOUND)
    assert np.array_equal(softer[-1], 0.01 * SOUND)
    assert np.abs(np.diff(np.concatenate(softer))).max() < 0.001


def test_the_first_syllables_of_a_reply_are_not_taken_for_a_long_word() -> None:
    cold, warm = VoiceChoice(), VoiceChoice()
    for _ in range(200):
        warm.between(SOUND, SOUND, SOUND)
    n_kept = []
    for choice in (cold, warm):
        for _ in range(10):
            choice.between(SOUND, SOUND, SOUND)
        after = [choice.between(0.001 * SOUND, SOUND, SOUND) for _ in range(60)]
        n_kept.append(sum(np.array_equal(frame, SOUND) for frame in after))
    assert n_kept[0] < n_kept[1]


def test_a_cancellers_voice_keeps_more_of_the_user_than_what_the_detector_hears() -> None:
    far = speech_like(8.0)
    voice = np.zeros_like(far)
    voice[6 * RATE : 7 * RATE] = 0.5 * speech_like(1.0, seed=9)
    near = echo_of(far, 0.1) + voice
    canceller = WebRtcEchoCanceller()
    heard: list[Samples] = []
    for i in range(0, len(near) - FRAME + 1, FRAME):
        canceller.process(near[i : i + FRAME], far[i : i + FRAME])
        assert canceller.voice is not None
        heard.append(canceller.voice)
    out = np.concatenate(heard)
    assert loss_db(near, out, 4.0, 6.0) > 15.0
    assert loss_db(voice, out, 6.1, 6.9) < 3.0
