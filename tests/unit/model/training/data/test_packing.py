from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.training.data.packing import pack
from model.training.data.sample_encoder import EncodedSample
from model.vita_audio.conversation.prompts import AudioSpan


def sample(n: int, first: int, is_all_learnt: bool = False) -> EncodedSample:
    ids = np.arange(first, first + n)
    labels = ids.copy()
    if not is_all_learnt:
        labels[: n // 2] = -100
    return EncodedSample(ids, labels)


def test_positions_begin_again_with_each_sample() -> None:
    row = pack([sample(3, 10), sample(4, 20)], pad_id=0)
    assert row.position_ids[0].tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert row.input_ids[0].tolist() == [10, 11, 12, 20, 21, 22, 23]
    assert row.labels[0].tolist() == [-100, 11, 12, -100, -100, 22, 23]
    assert row.borders == (0, 3, 7)


def test_nothing_is_learnt_across_the_border_of_two_samples() -> None:
    row = pack([sample(3, 10, is_all_learnt=True), sample(2, 20, is_all_learnt=True)], pad_id=0)
    assert row.labels[0].tolist() == [-100, 11, 12, -100, 21]
    assert row.n_targets == 3


def test_padding_counts_on_and_is_not_learnt() -> None:
    row = pack([sample(3, 10), sample(2, 20)], pad_id=7, padded_to=8)
    assert row.input_ids[0].tolist() == [10, 11, 12, 20, 21, 7, 7, 7]
    assert row.position_ids[0].tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    assert row.labels[0, 5:].tolist() == [-100] * 3
    assert row.borders == (0, 3, 5)


def test_places_of_features_move_with_their_sample() -> None:
    features = np.ones((2, 560), np.float32)
    heard = EncodedSample(np.arange(9), np.arange(9), (AudioSpan(1, 6),), (features,))
    row = pack([sample(5, 10), heard, heard], pad_id=0)
    places = [index[:, 0].tolist() for index in row.audio_indices]
    assert places == [[[0] * 6, list(range(6, 12))], [[0] * 6, list(range(15, 21))]]
    assert len(row.audios) == 2
