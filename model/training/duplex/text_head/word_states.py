"""Hidden states of the language model at the end of every word of a turn.

One forward pass gives the states of all words that share a window; they are the very states the
running reader would see there.
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from model.duplex.text_turn_detector import (
    PROMPT,
    WEIGHTS_NAME,
    LanguageModelEncoder,
    window_start,
)
from model.errors import ModelError
from model.files.content_cache import Cache, Entry, address

Words = tuple[str, ...]
States = npt.NDArray[np.float16]  # (n_words, 576)


def windows(n_words: int) -> Iterator[tuple[int, int, int]]:
    """Yield (start, first, end): ``words[start:end]`` is read for the words ``first`` to ``end``.

    Example:
        >>> list(windows(14))
        [(0, 0, 12), (6, 12, 14)]
    """
    first = 0
    while first < n_words:
        start = window_start(first + 1)
        end = first + 1
        while end < n_words and window_start(end + 1) == start:
            end += 1
        yield start, first, end
        first = end


class WordReader:
    """Reads whole turns, each text once: ``kept`` holds the states."""

    def __init__(self, reader: LanguageModelEncoder, kept: Cache) -> None:
        self._reader = reader
        self._kept = kept
        self._n_tokens = cache(lambda text: len(reader.tokens(text)))

    def states(self, words: Words) -> States:
        """Return float16 (n_words, 576).

        Raises:
            ModelError: the reader failed, or its tokens do not end where words do.
        """
        where = address("word_states", WEIGHTS_NAME, PROMPT, words)
        return self._kept.made(where, lambda: Entry({"states": self._read(words)})).tensors[
            "states"
        ]

    def _read(self, words: Words) -> States:
        parts = [
            self._window(words[start:end], first - start)
            for start, first, end in windows(len(words))
        ]
        return np.concatenate(parts).astype(np.float16)

    def _window(self, words: Sequence[str], n_before: int) -> npt.NDArray[np.float32]:
        texts = (word if i == 0 else f" {word}" for i, word in enumerate(words))
        ends = self._n_tokens(PROMPT) + np.cumsum([self._n_tokens(text) for text in texts])
        states = self._reader.token_states(words)
        if ends[-1] != len(states):
            raise ModelError(
                f"a text of {ends[-1]} tokens was read as {len(states)}; words are joined by the "
                "tokenizer, so that their ends cannot be found"
            )
        return states[ends[n_before:] - 1]
