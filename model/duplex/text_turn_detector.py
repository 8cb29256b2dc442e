"""The end-of-turn detector of words: is the user's utterance complete at this word?

A small frozen language model turns the words so far into one state; a small network, trained for
it, turns the state into log-odds. What the model expects next is part of the state: it takes the
whole vocabulary, which the small network could not learn from a few thousand turns.
"""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import xllamacpp

from model.cascade.llama_server import LlamaServer
from model.duplex.duplex_network import read_tensors
from model.duplex.gguf_rows import read_rows
from model.duplex.lexicon import is_mandarin
from model.errors import ModelError, WeightsError

# The end of a message, marks, then words that begin a continuation. Each is one token.
EXPECTED = (
    "<|im_end|>", ".", "?", "!", ",", ";", ":", "\n", "-", "...", "'s",
    " the", " a", " an", " to", " of", " and", " or", " but", " that", " in", " on", " for",
    " with", " is", " are", " was", " i", " you", " it", " he", " she", " they", " we", " my",
    " your", " his", " at", " from", " so", " if", " because", " please", " what", " when",
    " who", " how", " not", " be", " have", " about", " as", " by", " than", " more", " then",
    " also", " this", " there", " can", " could", " would", " do", " no", " one", " two",
    " five", " all", " up", " out", " now",
)  # fmt: skip
N_EXPECTATIONS = len(EXPECTED) + 2
# The tokenizer numbers its tokens by frequency; those behind add nothing to what is read here.
N_COMMON_TOKENS = 8192

Array = npt.NDArray[np.float32]


class ExpectedWords:
    """Reads what a state expects next, with the model's own table of tokens."""

    def __init__(self, table: Array, token_ids: Sequence[int]) -> None:
        """Take the ``table``, (N_COMMON_TOKENS, state size), and the ids of ``EXPECTED``."""
        self._table = table
        self._ids = list(token_ids)

    def of(self, states: Array) -> Array:
        """Return log-probabilities of ``EXPECTED``, entropy in nats, the highest log-probability.

        float32 (n, N_EXPECTATIONS) for float32 (n, state size).
        """
        # vecdot stays on this thread; a matrix product wakes the others and waits for them
        logits = np.vecdot(states[:, None, :], self._table)
        highest = logits.max(axis=1)
        norm = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
        log_p = logits - norm[:, None]
        entropy = -(np.exp(log_p) * log_p).sum(axis=1)
        columns = (log_p[:, self._ids], entropy[:, None], (highest - norm)[:, None])
        return np.concatenate(columns, axis=1).astype(np.float32)


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


class TextEncoder(Protocol):
    """Turns words into a state: the model's last hidden layer, then what it expects next."""

    @property
    def last_inference_s(self) -> float:
        """Return the wall seconds of the latest reading."""
        ...

    def state(self, text: str) -> State | None:
        """Return float32 (STATE_SIZE,), or None where ``text`` has no words this model can read.

        Raises:
            ModelError: the runtime failed.
        """
        ...

    def close(self) -> None:
        """Free the weights."""
        ...


def spoken_words(text: str) -> tuple[str, ...]:
    """Return the words in lower case without punctuation; none for Mandarin.

    A recogniser puts a full stop behind any pause, so marks would only repeat that there is one.
    """
    if is_mandarin(text):
        return ()
    plain = text.lower().replace("\u2019", "'")
    return tuple(word[:LONGEST_WORD] for word in _WORD.findall(plain))


def window_start(n_words: int) -> int:
    """Return the index of the first of ``n_words`` words that is read."""
    n_over = n_words - LONGEST_WINDOW
    return 0 if n_over <= 0 else -(-n_over // WINDOW_STEP) * WINDOW_STEP


class LanguageModelEncoder:
    """SmolLM2-135M on one native thread; the caller waits. A text read before costs nothing."""

    def __init__(self, weights: Path) -> None:
        """Load the weights.

        Raises:
            WeightsError: the file is missing or is not a model.
        """
        self._server = LlamaServer(
            weights, n_context=CONTEXT_TOKENS, n_batch=CONTEXT_TOKENS, adjust=_configure
        )
        try:
            self._expected = self._read_table(weights)
        except WeightsError:
            self._server.close()
            raise
        self._last_words: tuple[str, ...] = ()
        self._last_state: State | None = None
        self.last_inference_s = 0.0

    def state(self, text: str) -> State | None:
        """Return the state after ``text``; see ``TextEncoder``."""
        words = spoken_words(text)
        words = words[window_start(len(words)) :]
        if words != self._last_words or (words and self._last_state is None):
            begun = time.perf_counter()
            self._last_state = (
                self.whole_states(self.token_states(words)[-1:])[0] if words else None
            )
            self._last_words = words
            self.last_inference_s = time.perf_counter() - begun
        return self._last_state

    def token_states(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the state after each token of prompt and ``words``, float32 (n_tokens, 576)."""
        body = {"content": PROMPT + " ".join(words)}
        answer = cast("list[dict[str, Any]]", self._server.ask("/embedding", body))
        states = np.asarray(answer[0]["embedding"], np.float32)
        if states.ndim != 2 or states.shape[1] != HIDDEN_SIZE:
            raise ModelError(
                f"the language model gave states of {states.shape}, not (n, {STATE_SIZE})"
            )
        return states

    def whole_states(self, hidden: npt.NDArray[np.float32]) -> States:
        """Return hidden states (n, 576) with what they expect next, (n, STATE_SIZE)."""
        return np.concatenate((hidden, self._expected.of(hidden)), axis=1)

    def tokens(self, text: str) -> list[int]:
        """Return the ids of the tokens that ``text`` is by itself."""
        body = {"content": text, "add_special": False}
        return cast("list[int]", self._server.ask("/tokenize", body)["tokens"])

    def close(self) -> None:
        """Free the weights."""
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


DEFAULT_WEIGHTS = Path(__file__).resolve().parents[2] / "resources/duplex/text_head.safetensors"


class TextHead:
    """Two layers over a normalised state of ``STATE_SIZE`` values."""

    def __init__(self, weights: Path = DEFAULT_WEIGHTS) -> None:
        """Read the weights. Raises WeightsError; see ``read_tensors``."""
        tensors = read_tensors(weights, _head_shapes, "reinstall the application or train it again")
        self._mean, self._scale = tensors["mean"], tensors["scale"]
        self._hidden, self._hidden_bias = tensors["hidden.weight"], tensors["hidden.bias"]
        self._output = tensors["output.weight"]
        self._output_bias = float(tensors["output.bias"][0])

    def logit(self, state: State) -> float:
        """Return the log-odds of "complete", for a word that is the last one as often as not."""
        return float(self.logits(state[None])[0])

    def logits(self, states: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the same for many states: float32 (n, s) to (n,)."""
        normal = (states - self._mean) * self._scale
        # vecdot stays on this thread; a matrix product wakes the others and waits for them
        sums = np.vecdot(normal[:, None, :], self._hidden) + self._hidden_bias  # (n, h)
        scores = np.vecdot(np.maximum(sums, 0.0), self._output) + self._output_bias
        return scores.astype(np.float32)


def _head_shapes(tensors: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    n_hidden = tensors["hidden.bias"].size if "hidden.bias" in tensors else 0
    return {
        "mean": (STATE_SIZE,),
        "scale": (STATE_SIZE,),
        "hidden.weight": (n_hidden, STATE_SIZE),
        "hidden.bias": (n_hidden,),
        "output.weight": (n_hidden,),
        "output.bias": (1,),
    }


class TextTurnDetector:
    """An encoder of words and its head as one ``UtteranceScorer``."""

    def __init__(self, encoder: TextEncoder, head: TextHead) -> None:
        self._encoder = encoder
        self._head = head
        self.last_inference_s = 0.0

    def logit(self, text: str) -> float | None:
        """Return the log-odds, None for words it does not know. Raises ModelError."""
        state = self._encoder.state(text)
        self.last_inference_s = self._encoder.last_inference_s
        return None if state is None else self._head.logit(state)

    def state(self, text: str) -> State | None:
        """Return the encoder's state, which it remembers for the latest text. Raises ModelError."""
        return self._encoder.state(text)
