"""A reply that is begun on a guess of the user's words, and used where the guess comes true.

The final words take the larger recogniser a quarter of a second in which the language model would
have nothing to do. Knows nothing of sound, turns or prompts' contents.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from model.cascade.language_model import Completion

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class _Bet:
    before: str
    words: tuple[str, ...]
    completion: Completion


class ReplyAhead:
    """At most one reply is ahead.

    Args:
        complete: begins a generation for a prompt.
    """

    def __init__(self, complete: Callable[[str], Completion]) -> None:
        self._complete = complete
        self._bet: _Bet | None = None

    def begin(self, before: str, user_text: str, prompt: str) -> None:
        """``before``: the prompt up to the user's words; ``prompt``: the whole of it."""
        self.drop()
        self._bet = _Bet(before, spoken_words(user_text), self._complete(prompt))

    def take(self, before: str, user_text: str) -> Completion | None:
        """The reply to these very words; None where there is none, and one to others is ended.

        Spelling and punctuation may differ: nobody hears them.
        """
        bet = self._bet
        if bet is None or bet.before != before or bet.words != spoken_words(user_text):
            self.drop()
            return None
        self._bet = None
        return bet.completion

    def drop(self) -> None:
        """The user goes on, or wants no answer."""
        if self._bet is not None:
            self._bet.completion.cancel()
            self._bet = None


def spoken_words(text: str) -> tuple[str, ...]:
    """Words in small letters; "double-shot" gives two."""
    return tuple(_WORD.findall(text.casefold().replace("\u2019", "'")))
