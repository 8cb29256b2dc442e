"""What the language model expects to come next, out of its state: marks, its end, common words.

A state says this only through the whole vocabulary, which a small network cannot learn from a few
thousand turns. Knows no runtime and no labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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
    """Reads expectations off states with the model's own table of tokens."""

    def __init__(self, table: Array, token_ids: Sequence[int]) -> None:
        """``table``: (N_COMMON_TOKENS, state size); ``token_ids``: those of ``EXPECTED``."""
        self._table = table
        self._ids = list(token_ids)

    def of(self, states: Array) -> Array:
        """Log-probabilities of ``EXPECTED``, entropy in nats, the highest log-probability.

        Args:
            states: float32 (n, state size). Returns float32 (n, N_EXPECTATIONS).
        """
        # vecdot stays on this thread; a matrix product wakes the others and waits for them
        logits = np.vecdot(states[:, None, :], self._table)
        highest = logits.max(axis=1)
        norm = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
        log_p = logits - norm[:, None]
        entropy = -(np.exp(log_p) * log_p).sum(axis=1)
        columns = (log_p[:, self._ids], entropy[:, None], (highest - norm)[:, None])
        return np.concatenate(columns, axis=1).astype(np.float32)
