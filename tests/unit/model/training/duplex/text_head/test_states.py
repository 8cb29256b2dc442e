from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.duplex.text_turn_detector import HIDDEN_SIZE, LanguageModelEncoder
from model.training.duplex.text_head.states import (
    SHARD_TEXTS,
    StateCache,
    States,
    WordReader,
    windows,
)


@pytest.mark.parametrize("n_words", [1, 11, 12, 13, 18, 19, 40])
def test_every_word_is_read_once_in_the_window_the_running_reader_uses(n_words: int) -> None:
    covered = [i for _, first, end in windows(n_words) for i in range(first, end)]
    assert covered == list(range(n_words))


def test_states_of_a_turn_are_those_the_running_reader_sees(
    weights: Callable[[str], Path],
) -> None:
    reader = LanguageModelEncoder(weights("smollm2-135m"))
    text = "could you book me a table for 7 people at o'neill's near kings cross please"
    words = tuple(text.split())
    states = WordReader(reader).states(words)
    for n in (1, 12, len(words)):
        running = reader.state(" ".join(words[:n]))
        assert running is not None
        kept = states[n - 1].astype(np.float32)
        np.testing.assert_allclose(kept, running[:HIDDEN_SIZE], atol=0.02)
    reader.close()


class CountingReader:
    def __init__(self) -> None:
        self.n_read = 0

    def __call__(self, words: tuple[str, ...]) -> States:
        self.n_read += 1
        values = [[len(word), *([0.0] * (HIDDEN_SIZE - 1))] for word in words]
        return np.array(values, np.float16)


def test_states_are_read_once_and_kept(tmp_path: Path) -> None:
    read = CountingReader()
    texts = [("hello", "you"), ("good", "night", "all"), ("hello", "you")]
    StateCache(tmp_path).fill(texts, read)
    again = StateCache(tmp_path)
    again.fill(texts, read)
    assert read.n_read == 2
    assert again[("good", "night", "all")][:, 0].tolist() == [4, 5, 3]


def test_many_texts_go_into_several_shards(tmp_path: Path) -> None:
    read = CountingReader()
    texts = [(f"word{i}",) for i in range(SHARD_TEXTS + 3)]
    StateCache(tmp_path).fill(texts, read)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert StateCache(tmp_path)[("word252",)].shape == (1, HIDDEN_SIZE)
