"""Which tokens of a reply come from the backbone and which from the MCTP modules.

Any order is valid for the modules: they always read finished states.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from model.errors import ModelError

_WHOLE_NUMBER = re.compile(r"\d+")
_SEPARATORS = re.compile(r"[\s,]+")


class Policy(StrEnum):
    """What decides that a module may speak.

    Attributes:
        PATTERN: the number of tokens made so far (VITA-Audio, compatible).
        GATED: an audio segment is open; text always comes from the backbone. A deviation.
        VERIFIED: every module's token is a draft that the backbone confirms or replaces.
    """

    PATTERN = "pattern"
    GATED = "gated"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Schedule:
    """An emission pattern n1, m1, n2, m2, …: n tokens of the backbone, then m of the modules.

    The last n and the last m repeat for ever (VITA-Audio, ``mtp_inference_mode``).

    Raises:
        ModelError: the pattern has an odd length, a negative number, or never runs the backbone.
    """

    pattern: tuple[int, ...]
    policy: Policy = Policy.PATTERN

    def __post_init__(self) -> None:
        if not self.pattern or len(self.pattern) % 2:
            raise _unfit(self.pattern, "needs pairs of a backbone count and a module count")
        if min(self.pattern) < 0:
            raise _unfit(self.pattern, "counts cannot be negative")
        if min(self.pattern[::2]) < 1:
            raise _unfit(self.pattern, "each pair begins with at least one backbone token")

    @classmethod
    def parse(cls, text: str, policy: Policy = Policy.PATTERN) -> Schedule:
        """Read "1 10 4 10", "1,10,4,10" or "[1, 10, 4, 10]".

        Raises:
            ModelError: it is no such list.
        """
        words = [word for word in _SEPARATORS.split(text.strip().strip("[]").strip()) if word]
        for word in words:
            if not _WHOLE_NUMBER.fullmatch(word):
                raise ModelError(
                    f"the emission pattern {text!r} holds {word!r}; write whole numbers in pairs, "
                    "such as 1 10 4 10"
                )
        return cls(tuple(int(word) for word in words), policy)

    def n_modules(self, k: int) -> int:
        """Return how many of the ``k`` modules that the model has can ever run."""
        return min(max(self.pattern[1::2]), k)

    def is_module_slot(self, n_made: int) -> bool:
        """Return whether the token after ``n_made`` ones belongs to a module."""
        rest = n_made
        for n, m in zip(self.pattern[::2], self.pattern[1::2], strict=True):
            if rest < n + m:
                return rest >= n
            rest -= n + m
        n, m = self.pattern[-2:]
        return rest % (n + m) >= n

    def with_policy(self, policy: Policy) -> Schedule:
        """Return the same pattern under another policy."""
        return Schedule(self.pattern, policy)


def _unfit(pattern: Sequence[int], reason: str) -> ModelError:
    shown = " ".join(map(str, pattern)) or "(empty)"
    return ModelError(f"the emission pattern {shown} cannot be used: {reason}")


VANILLA = Schedule((8192, 0))
BOOST = Schedule((1, 10, 4, 10))
BALANCE = Schedule((1, 4, 3, 8, 4, 10))
TURBO = Schedule((1, 10))

NAMED: dict[str, Schedule] = {
    "vanilla": VANILLA,
    "boost": BOOST,
    "balance": BALANCE,
    "turbo": TURBO,
}
