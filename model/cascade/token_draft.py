"""A draft of what a decoder is about to write, kept in step with what it does write.

Whoever heard the beginning of a sentence, or heard it less well, wrote nearly the same tokens. A
decoder checks many of them at once in hardly more time than it needs to write one. What is wrong
in a draft costs time only, never a word. Knows nothing of sound or of any decoder.
"""

from __future__ import annotations

from collections.abc import Sequence

_SEARCH = 6  # tokens of the draft in which the writer's own one is looked for: two words or so
_IN_DOUBT = 4  # tokens offered while the writer goes its own way: each has its price


class SharedDraft:
    """The latest tokens of writers who hear the same speaker."""

    def __init__(self) -> None:
        self.tokens: tuple[int, ...] = ()


class TokenDraft:
    """Follows one pass through a draft."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tuple(tokens)
        self._at = 0  # where the draft and the writer last agreed
        self._n_own = 0  # tokens the writer put in the draft's place since then

    def ahead(self) -> tuple[int, ...]:
        """What may come next; in place of each own token one of the draft is left out."""
        follows = self._at + self._n_own
        return self._tokens[follows : follows + _IN_DOUBT if self._n_own else None]

    def written(self, token: int) -> None:
        """The writer's next token; it may be the one that was to come."""
        follows = self._at + self._n_own
        if follows < len(self._tokens) and self._tokens[follows] == token:
            self._at, self._n_own = follows + 1, 0
            return
        around = self._tokens[self._at : follows + _SEARCH]
        if token in around:
            self._at, self._n_own = self._at + around.index(token) + 1, 0
        else:
            self._n_own += 1
