"""Low-rank adapters on the backbone's layers, so that one GPU can train a large one.

The adapters are those of peft. What is published has them added to the weights: nobody who loads
the result needs to know.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models".
"""

import re
from collections.abc import Mapping

from torch import Tensor

from model.training.recipe import Lora, TrainingError
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

_ADAPTER = "default"  # peft's name of the only one
_BASE, _DOWN, _UP = ".base_layer.", f".lora_A.{_ADAPTER}.", f".lora_B.{_ADAPTER}."
_VOCABULARY = ("model.embed_tokens.", "lm_head.")


def add_adapters(model: VitaAudioForCausalLM, lora: Lora) -> None:
    """Put adapters into the backbone's layers and freeze what they stand for.

    The MCTP modules, the projection of heard audio, and with ``learns_vocabulary`` embeddings and
    head learn as before. Where nothing of the backbone learns, nothing is done.

    Raises:
        TrainingError: peft is not installed, or a target does not exist.
    """
    n_layers = model.num_backbone_layers
    layers = "|".join(map(str, range(n_layers)))
    targets = rf"model\.layers\.({layers})\..*\.({'|'.join(map(re.escape, lora.targets))})"
    learnt = {name for name, one in model.named_parameters() if one.requires_grad}
    if not any(name.startswith("model.layers.0.") for name in learnt):
        return
    try:
        from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415  optional
    except ImportError as error:
        raise TrainingError(f"lora needs peft ({error}); install the extra speech-lm") from error
    settings = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=targets)
    try:
        inject_adapter_in_model(settings, model)
    except ValueError as error:
        raise TrainingError(f"lora: targets: {' '.join(str(error).split())}") from error
    backbone = re.compile(rf"model\.(layers\.({layers})|norm)\.")
    for name, parameter in model.named_parameters():
        if not backbone.match(name):
            is_vocabulary = name.startswith(_VOCABULARY)
            parameter.requires_grad = name in learnt and (
                lora.learns_vocabulary or not is_vocabulary
            )


def merged(tensors: Mapping[str, Tensor], lora: Lora) -> dict[str, Tensor]:
    """Return a state with adapters as the state of a model without."""
    whole: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if _DOWN in name or _UP in name:
            continue
        stem, is_based, leaf = name.rpartition(_BASE)
        down = tensors.get(f"{stem}{_DOWN}{leaf}") if is_based else None
        if down is not None:
            up = tensors[f"{stem}{_UP}{leaf}"]
            change = up.float() @ down.float() * (lora.alpha / lora.rank)
            tensor = (tensor.float() + change).to(tensor.dtype)  # noqa: PLW2901
        whole[name.replace(_BASE, ".")] = tensor
    return whole
