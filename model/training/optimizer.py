"""AdamW with a rate of its own for the MCTP modules.

Knows no schedule: each group keeps its highest rate beside the current one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from model.training.recipe import Adam, Stage, TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator

HIGHEST = "highest_rate"  # of a group; its "lr" is what the schedule makes of it


def make_optimizer(
    model: nn.Module, n_backbone_layers: int, stage: Stage, adam: Adam
) -> torch.optim.AdamW:
    """Of all parameters that learn.

    Norms and biases do not decay, as the Trainer of transformers has it.

    Raises:
        TrainingError: nothing learns.
    """
    groups: list[dict[str, Any]] = list(_groups(model, n_backbone_layers, stage))
    if not groups:
        raise TrainingError("nothing of the model learns in this stage; are its modules missing?")
    is_on_gpu = all(p.is_cuda for group in groups for p in group["params"])
    return torch.optim.AdamW(groups, betas=adam.betas, eps=adam.epsilon, fused=is_on_gpu or None)


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Sets every group to ``factor`` of its highest rate; returns the first group's."""
    for group in optimizer.param_groups:
        group["lr"] = group[HIGHEST] * factor
    return float(optimizer.param_groups[0]["lr"])


def is_of_module(name: str, n_backbone_layers: int) -> bool:
    """Whether the parameter ``name`` belongs to an MCTP module."""
    words = name.split(".")
    if any(word.startswith("mtp_") for word in words):
        return True
    if "layers" not in words:
        return False
    return int(words[words.index("layers") + 1]) >= n_backbone_layers


def _groups(model: nn.Module, n_backbone_layers: int, stage: Stage) -> Iterator[dict[str, Any]]:
    for of_module, rate in ((False, stage.rate), (True, stage.rate * stage.module_rate_factor)):
        for decays in (True, False):
            found = [
                parameter
                for name, parameter in model.named_parameters()
                if parameter.requires_grad
                and is_of_module(name, n_backbone_layers) == of_module
                and _decays(name) == decays
            ]
            if found:
                decay = stage.weight_decay if decays else 0.0
                yield {"params": found, "lr": rate, HIGHEST: rate, "weight_decay": decay}


def _decays(name: str) -> bool:
    return not name.endswith("bias") and "norm" not in name
