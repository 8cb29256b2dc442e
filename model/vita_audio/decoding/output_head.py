"""From a state to a token: scores of the vocabulary, or of a part that is allowed, then a draw.

The rules of drawing are the same for the backbone and for every MCTP module.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from model.errors import ModelError
from model.vita_audio.language_model.tokens import TokenTable


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """Sampling rules; the default is greedy with the penalty of the published checkpoints.

    Attributes:
        temperature: 0 is greedy.
        top_k: draw among as many of the best; 0: all.
        top_p: draw among the fewest that hold this probability; 1: all.
        repetition_penalty: divides positive and multiplies negative logits of every token that
            occurred, prompt included; 1: none.

    Raises:
        ModelError: a value is outside its range.
    """

    temperature: float = 0.0
    top_k: int = 50
    top_p: float = 1.0
    repetition_penalty: float = 1.05

    def __post_init__(self) -> None:
        if self.temperature < 0.0:
            raise ModelError(f"temperature is {self.temperature}; it must be 0 (greedy) or more")
        if self.top_k < 0:
            raise ModelError(f"top_k is {self.top_k}; it must be 0 (all tokens) or more")
        if not 0.0 < self.top_p <= 1.0:
            raise ModelError(f"top_p is {self.top_p}; it must be above 0 and at most 1")
        if self.repetition_penalty <= 0.0:
            raise ModelError(
                f"repetition_penalty is {self.repetition_penalty}; it must be above 0 (1: none)"
            )

    @property
    def is_greedy(self) -> bool:
        """Whether the best token is always taken."""
        return self.temperature == 0.0


class Sampler:
    """The rule of drawing, with random numbers of its own: conversations never share any."""

    def __init__(
        self, settings: SamplingSettings, seed: int = 0, device: torch.device | None = None
    ) -> None:
        self.settings = settings
        self._generator = torch.Generator(device or torch.device("cpu")).manual_seed(seed)

    @property
    def n_best(self) -> int | None:
        """How many of the best logits decide; None: all of them."""
        if self.settings.is_greedy:
            return 1
        return self.settings.top_k or None

    def penalised(self, logits: Tensor, seen: Tensor) -> Tensor:
        """Lower, in place, the ``logits`` (n,) at places ``seen`` (m,), which may repeat."""
        penalty = self.settings.repetition_penalty
        if penalty == 1.0 or seen.numel() == 0:
            return logits
        values = logits[seen]
        logits[seen] = torch.where(values < 0.0, values * penalty, values / penalty)
        return logits

    def pick(self, logits: Tensor) -> int:
        """Return the place of the token drawn from penalised ``logits`` (n,)."""
        if self.settings.is_greedy:
            return int(logits.argmax())
        scaled = logits / self.settings.temperature
        n_kept = min(self.settings.top_k or scaled.numel(), scaled.numel())
        best, places = scaled.topk(n_kept)
        probabilities = best.softmax(dim=-1)
        if self.settings.top_p < 1.0:
            # A token stays while those before it hold less than top_p: never fewer than one.
            before = probabilities.cumsum(dim=-1) - probabilities
            probabilities = probabilities.masked_fill(before >= self.settings.top_p, 0.0)
        drawn = torch.multinomial(probabilities, 1, generator=self._generator)
        return int(places[drawn])


@dataclass(frozen=True, slots=True)
class AllowedTokens:
    """The ids from ``first`` up to but without ``end``, without those ``excluded``."""

    first: int
    end: int
    excluded: tuple[int, ...] = ()


class OutputHead(Protocol):
    """Scores tokens for one state and lets a sampler draw."""

    def choose(
        self, state: Tensor, seen: Tensor, sampler: Sampler, allowed: AllowedTokens | None
    ) -> int:
        """Return the id of the next token.

        Args:
            state: (width,) behind the final norm.
            seen: (n,) int64 tokens that occurred, for the repetition penalty.
            allowed: None is the whole vocabulary.
        """
        ...


class FullHead:
    """A head that scores every row; ``weight`` (vocabulary, width) is not copied."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight

    @torch.inference_mode()
    def choose(
        self, state: Tensor, seen: Tensor, sampler: Sampler, allowed: AllowedTokens | None
    ) -> int:
        """See ``OutputHead``."""
        if allowed is None:
            return sampler.pick(sampler.penalised(self._scores(state, self.weight), seen))
        logits = self._scores(state, self.weight[allowed.first : allowed.end])
        logits = sampler.penalised(logits, places_in(seen, allowed))
        logits[[token_id - allowed.first for token_id in allowed.excluded]] = -torch.inf
        return allowed.first + sampler.pick(logits)

    def _scores(self, state: Tensor, weight: Tensor) -> Tensor:
        logits = functional.linear(state[None], weight)[0]
        # Like transformers' generate: penalties and sampling never run on 16 bits.
        return logits.float() if logits.itemsize < torch.float32.itemsize else logits


def places_in(seen: Tensor, allowed: AllowedTokens) -> Tensor:
    """Return ``seen`` ids counted from the first allowed one; others are left out."""
    inside = seen[(seen >= allowed.first) & (seen < allowed.end)]
    return inside - allowed.first


def inside_audio(table: TokenTable) -> AllowedTokens:
    """Return what may follow inside an open audio segment: a code, or the segment's end.

    The training data holds nothing else there; forbidding the rest is a deviation from upstream,
    which lets the model break its rhythm.
    """
    end = table.first_code + table.n_codes
    first = min(table.end_of_audio, table.first_code)
    end = max(end, table.end_of_audio + 1)
    others = tuple(
        token_id
        for token_id in range(first, end)
        if not table.is_code(token_id) and token_id != table.end_of_audio
    )
    return AllowedTokens(first, end, others)
