"""Hidden states of the language model at the end of every word, computed once, kept on disk.

One forward pass gives the states of all words that share a window; they are the very states the
running reader would see there. Knows no labels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from model.duplex.text_turn_detector import PROMPT, LanguageModelEncoder, window_start
from model.errors import ModelError

SHARD_TEXTS = 250

Words = tuple[str, ...]
States = npt.NDArray[np.float16]  # (n_words, 576)


def windows(n_words: int) -> Iterator[tuple[int, int, int]]:
    """Yields (start, first, end): ``words[start:end]`` is read for the words ``first`` to ``end``.

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
    """Reads whole utterances; remembers how many tokens a word has."""

    def __init__(self, reader: LanguageModelEncoder) -> None:
        self._reader = reader
        self._n_tokens: dict[str, int] = {}
        self._n_prompt = len(reader.tokens(PROMPT))

    def states(self, words: Words) -> States:
        """Returns float16 (n_words, 576)."""
        parts = [self._window(words[start:end], first - start) for start, first, end in
                 windows(len(words))]  # fmt: skip
        return np.concatenate(parts).astype(np.float16)

    def _window(self, words: Sequence[str], n_before: int) -> npt.NDArray[np.float32]:
        counts = [self._count(word, is_first=i == 0) for i, word in enumerate(words)]
        ends = self._n_prompt + np.cumsum(counts)
        states = self._reader.token_states(words)
        if ends[-1] != len(states):
            raise ModelError(
                f"a text of {ends[-1]} tokens was read as {len(states)}; words are joined by the "
                "tokenizer, so that their ends cannot be found"
            )
        return states[ends[n_before:] - 1]

    def _count(self, word: str, *, is_first: bool) -> int:
        text = word if is_first else f" {word}"
        if text not in self._n_tokens:
            self._n_tokens[text] = len(self._reader.tokens(text))
        return self._n_tokens[text]


class StateCache:
    """States by words in a folder of shards, each a list of texts beside one tensor."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._states: dict[Words, States] = {}
        for path in sorted(folder.glob("*.json")):
            texts = [tuple(text.split()) for text in json.loads(path.read_text("utf-8"))]
            tensor = load_file(path.with_suffix(".safetensors"))["states"]
            splits = np.cumsum([len(words) for words in texts])[:-1]
            self._states.update(zip(texts, np.split(tensor, splits), strict=True))

    def __getitem__(self, words: Words) -> States:
        return self._states[words]

    def fill(self, texts: Iterable[Words], read: Callable[[Words], States]) -> None:
        """Computes what is missing; an interruption loses one shard at most."""
        missing = [words for words in dict.fromkeys(texts) if words not in self._states]
        for at in range(0, len(missing), SHARD_TEXTS):
            shard = missing[at : at + SHARD_TEXTS]
            states = [read(words) for words in shard]
            self._states.update(zip(shard, states, strict=True))
            path = self._folder / f"{len(list(self._folder.glob('*.json'))):04d}.json"
            save_file({"states": np.concatenate(states)}, path.with_suffix(".safetensors"))
            lines = [" ".join(words) for words in shard]
            path.write_text(json.dumps(lines), encoding="utf-8")
