from __future__ import annotations

import numpy as np
import pytest

from audio_io.frames import Samples
from model.vita_audio.conversation.prompts import ContinuousAudio, DiscreteAudio
from model.vita_audio.conversation.user_audio import CodeListener, FeatureListener

BLOCK = 64_000


class Counting:
    """Code n for the n-th 1 280 samples; blocks of four seconds."""

    def __init__(self) -> None:
        self.n = 0
        self.n_final = 0

    def hear(self, samples: Samples) -> list[int]:
        self.n += len(samples)
        until = self.n // BLOCK * 50
        final = list(range(self.n_final, until))
        self.n_final = until
        return final

    def finish(self) -> list[int]:
        return list(range(self.n_final, -(-self.n // 1280)))


def quiet(seconds: float) -> Samples:
    return np.zeros(round(16_000 * seconds), dtype=np.float32)


def test_codes_count_once_their_block_has_ended() -> None:
    listener = CodeListener(Counting)
    listener.hear(quiet(3.9))
    assert listener.audio is None
    listener.hear(quiet(0.2))
    assert listener.audio == DiscreteAudio(tuple(range(50)))


def test_at_a_pause_the_open_block_counts_for_now() -> None:
    listener = CodeListener(Counting)
    listener.hear(quiet(4.4))
    listener.pause()
    assert listener.audio == DiscreteAudio(tuple(range(55)))
    listener.hear(quiet(0.1))
    assert listener.audio == DiscreteAudio(tuple(range(50)))
    listener.pause()
    assert listener.audio == DiscreteAudio(tuple(range(57)))


def test_another_turn_starts_from_nothing() -> None:
    listener = CodeListener(Counting)
    listener.hear(quiet(5))
    listener.begin()
    assert listener.audio is None


def stacked(samples: Samples) -> Samples:
    return np.zeros((len(samples) // 960, 560), dtype=np.float32)


def test_frames_are_there_at_a_pause_and_gone_when_the_user_goes_on() -> None:
    listener = FeatureListener(stacked)
    listener.hear(quiet(1.2))
    assert listener.audio is None
    listener.pause()
    assert listener.audio == ContinuousAudio(20)
    listener.hear(quiet(0.6))
    assert listener.audio is None
    listener.pause()
    assert listener.audio == ContinuousAudio(30)
    assert listener.features is not None
    assert listener.features.shape == (30, 560)


def test_of_an_endless_turn_the_end_is_heard() -> None:
    listener = FeatureListener(stacked)
    listener.hear(quiet(300))
    listener.pause()
    assert listener.audio == ContinuousAudio(2033)


@pytest.mark.parametrize(
    ("listener", "block_s"), [(CodeListener(Counting), 4.0), (FeatureListener(stacked), None)]
)
def test_news_are_told_when_a_block_ends_or_a_pause_did(
    listener: CodeListener | FeatureListener, block_s: float | None
) -> None:
    assert not listener.hear(quiet(1.0))
    listener.pause()
    assert listener.hear(quiet(1.0))
    assert not listener.hear(quiet(1.0))
    assert listener.hear(quiet(1.5)) == (block_s is not None)


@pytest.mark.parametrize("listener", [CodeListener(Counting), FeatureListener(stacked)])
def test_nothing_heard_is_nothing(listener: CodeListener | FeatureListener) -> None:
    listener.pause()
    assert listener.audio is None
