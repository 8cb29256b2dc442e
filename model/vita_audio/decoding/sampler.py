"""How one token is drawn from logits: greedy, or temperature, top-k and top-p, seeded.

The rules are the same for the backbone and for every MCTP module. Knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model.errors import ModelError


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
        return self.temperature == 0.0


class Sampler:
    """Draws tokens; holds its own random numbers, so that two conversations never share any."""

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
        """Lowers, in place, the ``logits`` (n,) at places ``seen`` (m,), which may repeat."""
        penalty = self.settings.repetition_penalty
        if penalty == 1.0 or seen.numel() == 0:
            return logits
        values = logits[seen]
        logits[seen] = torch.where(values < 0.0, values * penalty, values / penalty)
        return logits

    def pick(self, logits: Tensor) -> int:
        """Place of the token drawn from penalised ``logits`` (n,)."""
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
