"""The backbone's states of the newest tokens, kept for whoever judges what was heard.

Knows no network; rewriting a place forgets what stood there and behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor

LONGEST = 2048  # tokens: two minutes of audio codes and the words around them


class StateTrace:
    """States h_0 by the place of their token."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._parts: list[tuple[int, Tensor]] = []  # neighbours, oldest first

    def put(self, start: int, states: Tensor) -> None:
        """``states`` (1, n, width) of the tokens from ``start`` on; they are copied."""
        self.crop(start)
        if self._end != start:
            self._parts.clear()
        self._parts.append((start, states[0].clone()))
        first = self._end - self._longest
        self._parts = [part for part in self._parts if part[0] + len(part[1]) > first]

    def crop(self, n_tokens: int) -> None:
        """Forgets every place from ``n_tokens`` on."""
        kept = [(start, states[: n_tokens - start]) for start, states in self._parts]
        self._parts = [
            (start, states) for start, states in kept if start < n_tokens and len(states)
        ]

    def window(self, start: int, end: int) -> Tensor | None:
        """(end - start, width); None: not all of it was computed, or it was too long ago."""
        if start >= end or not self._parts or self._parts[0][0] > start or self._end < end:
            return None
        first = self._parts[0][0]
        return torch.cat([states for _, states in self._parts])[start - first : end - first]

    @property
    def _end(self) -> int:
        return self._parts[-1][0] + len(self._parts[-1][1]) if self._parts else -1
