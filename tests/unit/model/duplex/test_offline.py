"""Recordings heard as the engine would hear them."""

from __future__ import annotations

import numpy as np
import pytest

from audio_io.events import SpeechStarted
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.offline import FRAME, Listener
from tests.fakes.bench import LevelVad, ScriptedWords, SubtractingCanceller

PASS_S = 0.3


def noise(seconds: float, amplitude: float) -> Samples:
    rng = np.random.default_rng(3)
    return (amplitude * rng.standard_normal(int(seconds * ENGINE_RATE_HZ))).astype(np.float32)


def voice_after_quiet() -> Samples:
    return np.concatenate([noise(0.5, 1e-4), noise(1.0, 0.1), noise(1.0, 1e-4)])


def test_words_come_late_by_what_a_pass_takes() -> None:
    listener = Listener(
        LevelVad, recognizer_factory=lambda: ScriptedWords("hello", 0.5), pass_s=PASS_S
    )
    frames = listener.hear(voice_after_quiet()).frames
    first = next(heard.user for heard in frames if heard.user.partial_text)
    assert first.clean.end_s - first.partial_at_s == pytest.approx(PASS_S, abs=0.011)


def test_a_fixed_cost_gives_the_same_listening_twice() -> None:
    listener = Listener(
        LevelVad, recognizer_factory=lambda: ScriptedWords("hello", 0.5), pass_s=PASS_S
    )
    first, second = (listener.hear(voice_after_quiet()).frames for _ in range(2))
    assert [f.user.partial_text for f in first] == [f.user.partial_text for f in second]
    assert [f.user.p_speech for f in first] == [f.user.p_speech for f in second]


def test_every_frame_carries_what_the_loudspeaker_was_given() -> None:
    far = noise(1.0, 0.05)
    frames = Listener(LevelVad, SubtractingCanceller).hear(far, far).frames
    assert np.array_equal(np.concatenate([heard.user.far.samples for heard in frames]), far)
    assert [heard.user.far.start for heard in frames] == list(range(0, len(far), FRAME))
    assert all(heard.user.clean_dbfs == -120.0 for heard in frames)


class LeakyCanceller(SubtractingCanceller):
    """Takes 20 dB off the echo; what is left sounds like a voice to a sensitive detector."""

    def process(self, near: Samples, far: Samples) -> Samples:
        return np.asarray(near - 0.9 * far, np.float32)


class SensitiveVad(LevelVad):
    def probability(self, window: Samples) -> float:
        return 0.95 if np.abs(window).max() > 0.005 else 0.02


def test_residual_echo_is_not_taken_for_speech_but_a_user_over_it_is() -> None:
    far = noise(2.0, 0.1)
    listener = Listener(SensitiveVad, LeakyCanceller)
    assert not any(heard.user.is_speech for heard in listener.hear(far, far).frames)
    near = far.copy()
    near[ENGINE_RATE_HZ:] += noise(1.0, 0.1)[:ENGINE_RATE_HZ]
    events = [heard.event for heard in listener.hear(near, far).frames]
    started = [event for event in events if isinstance(event, SpeechStarted)]
    assert [event.onset_s for event in started] == [pytest.approx(1.0, abs=0.1)]
