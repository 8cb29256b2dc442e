from __future__ import annotations

import numpy as np
import pytest

from audio_io.frames import Spotted, UserFrame
from model.duplex.log_mel import LogMelStream
from model.duplex.spotter.network import SpotterNetwork, probabilities
from model.duplex.spotter.stream import SpotterStream
from model.duplex.spotter.vocabulary import CLASSES, Group
from tests.fakes.spotter import N_FRAMES, deaf_spotter, frames_of, random_spotter, six, sounds


def decisions(network: SpotterNetwork, frames: list[UserFrame]) -> list[Spotted]:
    stream = SpotterStream(network)
    return [spotted for frame in frames if (spotted := stream.step(frame)) is not None]


def assert_same(found: list[Spotted], expected: list[Spotted]) -> None:
    assert [one.at_s for one in found] == pytest.approx([one.at_s for one in expected])
    np.testing.assert_allclose([six(x) for x in found], [six(x) for x in expected], atol=1e-4)


def test_a_conversation_is_the_whole_recording() -> None:
    network, heard = random_spotter(), sounds()
    mels = np.concatenate([LogMelStream().push(sound) for sound in heard], axis=1)
    logits, _ = network.advance(mels, network.silent_state)
    p = probabilities(logits)
    in_group = [[one.group is group for one in CLASSES] for group in Group]
    expected = np.stack([p[:, columns].sum(axis=1) for columns in in_group], axis=1)
    found = decisions(network, frames_of(heard))
    assert [one.at_s for one in found] == pytest.approx(0.04 * np.arange(1, len(p) + 1))
    np.testing.assert_allclose([six(one) for one in found], expected, atol=1e-4)


@pytest.mark.parametrize("n_late", [1, 2, 3, 4, 41, 97])
def test_decisions_are_the_same_whenever_the_listening_began(n_late: int) -> None:
    network, frames = random_spotter(), frames_of(sounds())
    whole, late = decisions(network, frames), decisions(network, frames[n_late:])
    settled_s = n_late / 100.0 + network.memory_s + 0.02
    expected = [one for one in whole if one.at_s > settled_s]
    assert len(expected) > 10
    assert_same([one for one in late if one.at_s > settled_s], expected)


def test_what_was_heard_a_minute_ago_changes_nothing() -> None:
    network = random_spotter()
    last = frames_of(sounds(seed=5), first_frame=6000)
    after_one = frames_of(sounds(6000, seed=1)) + last
    after_other = frames_of(sounds(6000, seed=2)) + last
    since_s = 60.0 + network.memory_s + 0.02
    found = [
        [one for one in decisions(network, frames) if one.at_s > since_s]
        for frames in (after_one, after_other)
    ]
    assert_same(*found)


def test_a_jump_of_the_clock_starts_afresh() -> None:
    network = random_spotter()
    stream = SpotterStream(network)
    for frame in frames_of(sounds(seed=1)):
        stream.step(frame)
    later = frames_of(sounds(seed=2), first_frame=N_FRAMES + 400)
    found = [spotted for frame in later if (spotted := stream.step(frame)) is not None]
    assert_same(found, decisions(network, later))


def test_without_the_raw_microphone_the_clean_one_stands_in() -> None:
    network, heard = random_spotter(), sounds()
    heard[1] = heard[0]
    heard[2] = 0.0
    without = [
        UserFrame(f.clean, 0.0, is_speech=False, clean_dbfs=f.clean_dbfs) for f in frames_of(heard)
    ]
    assert_same(decisions(network, without), decisions(network, frames_of(heard)))


def test_the_six_probabilities_sum_to_one_and_words_are_words() -> None:
    for spotted in decisions(random_spotter(3), frames_of(sounds(seed=3))):
        assert sum(six(spotted)) == pytest.approx(1.0, abs=1e-4)
        assert spotted.p_voice == pytest.approx(1.0 - spotted.p_echo - spotted.p_nothing)
        assert 0.0 <= spotted.p_voice <= 1.0
        assert spotted.word in {one.name for one in CLASSES} - {"speech", "echo", "nothing"}


def test_a_deaf_network_hears_nothing() -> None:
    for spotted in decisions(deaf_spotter(), frames_of(sounds())):
        assert spotted.p_nothing > 0.99
        assert spotted.word == ""
