from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.duplex.text_turn_detector import HIDDEN_SIZE, LanguageModelEncoder
from model.files.content_cache import Cache
from model.training.duplex.text_head.word_states import WordReader, windows


@pytest.mark.parametrize("n_words", [1, 11, 12, 13, 18, 19, 40])
def test_every_word_is_read_once_in_the_window_the_running_reader_uses(n_words: int) -> None:
    covered = [i for _, first, end in windows(n_words) for i in range(first, end)]
    assert covered == list(range(n_words))


def test_states_of_a_turn_are_those_the_running_reader_sees(
    weights: Callable[[str], Path], tmp_path: Path
) -> None:
    reader = LanguageModelEncoder(weights("smollm2-135m"))
    text = "could you book me a table for 7 people at o'neill's near kings cross please"
    words = tuple(text.split())
    states = WordReader(reader, Cache(tmp_path)).states(words)
    for n in (1, 12, len(words)):
        running = reader.state(" ".join(words[:n]))
        assert running is not None
        kept = states[n - 1].astype(np.float32)
        np.testing.assert_allclose(kept, running[:HIDDEN_SIZE], atol=0.02)
    reader.close()


class CountingEncoder:
    """A token for the prompt and one for every word; its states are the words' lengths."""

    n_read = 0

    def tokens(self, text: str) -> list[int]:
        return [0]

    def token_states(self, words: tuple[str, ...]) -> np.ndarray:
        self.n_read += 1
        lengths = [0, *(len(word) for word in words)]
        return np.outer(lengths, np.ones(HIDDEN_SIZE)).astype(np.float32)


def test_states_are_read_once_and_kept(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    texts = [("hello", "you"), ("good", "night", "all"), ("hello", "you")]
    for _ in range(2):
        reader = WordReader(encoder, Cache(tmp_path))
        states = [reader.states(words) for words in texts]
    assert encoder.n_read == 2
    assert states[1][:, 0].tolist() == [4, 5, 3]
    assert states[1].dtype == np.float16
