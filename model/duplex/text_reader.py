"""What a small frozen language model makes of the user's words so far: one state per text.

Knows no sound, no time and no labels; ``text_head`` learns what a state says about turns.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import xllamacpp

from model.cascade.llama_server import LlamaServer, ServerSize
from model.duplex.expected_words import (
    EXPECTED,
    N_COMMON_TOKENS,
    N_EXPECTATIONS,
    ExpectedWords,
)
from model.duplex.gguf_rows import read_rows
from model.duplex.lexicon import is_mandarin
from model.errors import ModelError, WeightsError

WEIGHTS_NAME = "smollm2-135m-instruct-q4_1.gguf"
HIDDEN_SIZE = 576
STATE_SIZE = HIDDEN_SIZE + N_EXPECTATIONS
# How the model was taught that a user speaks; its first token is the start-of-message mark.
PROMPT = "<|im_start|>user\n"
_VOCABULARY = "token_embd.weight"  # also the output layer: the two are tied

# A token costs 7 ms of one 2.6 GHz core: a read stays near 100 ms.
LONGEST_WINDOW = 12  # words
WINDOW_STEP = 6  # words; long texts lose their beginning in steps, as in training
LONGEST_WORD = 20  # characters; what is longer was misheard
# Even letter by letter the longest window fits: 12 words of 20 characters and a space each.
CONTEXT_TOKENS = 256

_xllamacpp: Any = xllamacpp  # a compiled module without types

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")

States = npt.NDArray[np.float32]  # (n, STATE_SIZE)
State = npt.NDArray[np.float32]  # (STATE_SIZE,)


class TextReader(Protocol):
    """Turns words into a state: the model's last hidden layer, then what it expects next."""

    @property
    def last_inference_s(self) -> float:
        """Wall seconds of the latest reading; a text read before costs nothing."""
        ...

    def state(self, text: str) -> State | None:
        """Returns float32 (STATE_SIZE,), None where ``text`` has no words this model can read.

        Raises:
            ModelError: the runtime failed.
        """
        ...

    def close(self) -> None: ...


def spoken_words(text: str) -> tuple[str, ...]:
    """Words in lower case without punctuation; none for Mandarin.

    A recogniser puts a full stop behind any pause, so marks would only repeat that there is one.
    """
    if is_mandarin(text):
        return ()
    plain = text.lower().replace("\u2019", "'")
    return tuple(word[:LONGEST_WORD] for word in _WORD.findall(plain))


def window_start(n_words: int) -> int:
    """Index of the first of ``n_words`` words that is read."""
    n_over = n_words - LONGEST_WINDOW
    return 0 if n_over <= 0 else -(-n_over // WINDOW_STEP) * WINDOW_STEP


class LanguageModelReader:
    """Reads with SmolLM2-135M on one native thread; the caller waits."""

    def __init__(self, weights: Path) -> None:
        """Loads the weights.

        Raises:
            WeightsError: the file is missing or is not a model.
        """
        size = ServerSize(n_context=CONTEXT_TOKENS, n_batch=CONTEXT_TOKENS)
        self._server = LlamaServer(weights, size, _configure)
        try:
            self._expected = self._read_table(weights)
        except WeightsError:
            self._server.close()
            raise
        self._last_words: tuple[str, ...] = ()
        self._last_state: State | None = None
        self._last_inference_s = 0.0

    @property
    def last_inference_s(self) -> float:
        return self._last_inference_s

    def state(self, text: str) -> State | None:
        words = spoken_words(text)
        words = words[window_start(len(words)) :]
        if words != self._last_words or (words and self._last_state is None):
            begun = time.perf_counter()
            self._last_state = (
                self.whole_states(self.token_states(words)[-1:])[0] if words else None
            )
            self._last_words = words
            self._last_inference_s = time.perf_counter() - begun
        return self._last_state

    def token_states(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """Hidden state after every token of the prompt and ``words``: float32 (n_tokens, 576)."""
        body = {"content": PROMPT + " ".join(words)}
        answer = cast("list[dict[str, Any]]", self._server.ask("/embedding", body))
        states = np.asarray(answer[0]["embedding"], np.float32)
        if states.ndim != 2 or states.shape[1] != HIDDEN_SIZE:
            raise ModelError(
                f"the text reader gave states of {states.shape}, not (n, {STATE_SIZE})"
            )
        return states

    def whole_states(self, hidden: npt.NDArray[np.float32]) -> States:
        """Hidden states (n, 576) with what they expect next: (n, STATE_SIZE)."""
        return np.concatenate((hidden, self._expected.of(hidden)), axis=1)

    def tokens(self, text: str) -> list[int]:
        """Ids of the tokens that ``text`` is by itself."""
        body = {"content": text, "add_special": False}
        return cast("list[int]", self._server.ask("/tokenize", body)["tokens"])

    def close(self) -> None:
        """Frees the weights."""
        self._server.close()

    def _read_table(self, weights: Path) -> ExpectedWords:
        table = read_rows(weights, _VOCABULARY, N_COMMON_TOKENS)
        ids = [self.tokens(text) for text in EXPECTED]
        if any(len(found) != 1 or found[0] >= N_COMMON_TOKENS for found in ids):
            raise WeightsError(
                f"{weights}: has another tokenizer than the text head was trained with; "
                f"it wants {WEIGHTS_NAME}"
            )
        return ExpectedWords(table, [found[0] for found in ids])


def _configure(params: Any) -> None:  # noqa: ANN401 - a compiled type
    params.embedding = True
    params.pooling_type = _xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_NONE
    params.embd_normalize = -1  # states as they are
