"""AdamW with a rate of its own for the MCTP modules, and how the rates rise and fall over a stage.

Source of the schedule: WarmupCosineLR of DeepSpeed with its logarithmic rise, as VITA-Audio uses
it; the two steps that it spends at a rate of 0 are left out.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from model.training.recipe import Adam, StageRecipe, TrainingError

_HIGHEST = "highest_rate"  # of a group; its "lr" is what the schedule makes of it


def make_optimizer(
    model: nn.Module, n_backbone_layers: int, stage: StageRecipe, adam: Adam
) -> torch.optim.AdamW:
    """Return an optimizer of all parameters that learn.

    Norms and biases do not decay, as the Trainer of transformers has it.

    Raises:
        TrainingError: nothing learns.
    """
    groups = list(_groups(model, n_backbone_layers, stage))
    if not groups:
        raise TrainingError("nothing of the model learns in this stage; are its modules missing?")
    is_on_gpu = all(p.is_cuda for group in groups for p in group["params"])
    return torch.optim.AdamW(groups, betas=adam.betas, eps=adam.epsilon, fused=is_on_gpu or None)


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Set every group to ``factor`` of its highest rate; return the first group's."""
    for group in optimizer.param_groups:
        group["lr"] = group[_HIGHEST] * factor
    return float(optimizer.param_groups[0]["lr"])


def rate_factor(step: int, n_steps: int, warm_up: float, floor: float) -> float:
    """Return the factor on the highest rate at ``step`` 0 … n_steps − 1.

    Args:
        warm_up: part of the steps in which it rises.
        floor: factor at the end.
    """
    n_warm_up = max(2, round(warm_up * n_steps))
    number = step + 1
    if number < n_warm_up:
        return math.log(number + 1) / math.log(n_warm_up)
    n_falling = max(1, n_steps - n_warm_up)
    progress = min(1.0, (number - n_warm_up + 1) / n_falling)
    return floor + (1.0 - floor) * (1.0 + math.cos(math.pi * progress)) / 2.0


def _groups(
    model: nn.Module, n_backbone_layers: int, stage: StageRecipe
) -> Iterator[dict[str, Any]]:
    for of_module, rate in ((False, stage.rate), (True, stage.rate * stage.module_rate_factor)):
        for decays in (True, False):
            found = [
                parameter
                for name, parameter in model.named_parameters()
                if parameter.requires_grad
                and _is_of_module(name, n_backbone_layers) == of_module
                and (not name.endswith("bias") and "norm" not in name) == decays
            ]
            if found:
                decay = stage.weight_decay if decays else 0.0
                yield {"params": found, "lr": rate, _HIGHEST: rate, "weight_decay": decay}


def _is_of_module(name: str, n_backbone_layers: int) -> bool:
    words = name.split(".")
    if any(word.startswith("mtp_") for word in words):
        return True
    return "layers" in words and int(words[words.index("layers") + 1]) >= n_backbone_layers
