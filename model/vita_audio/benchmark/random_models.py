"""Models to be measured: random weights of a published shape, if the machine can hold them."""

import psutil
import torch
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM

from model.errors import ModelError
from model.vita_audio.language_model.model_config import (
    BACKBONE_05B,
    BACKBONE_7B,
    BACKBONE_TINY,
    BackboneSize,
    make_config,
)
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

SIZES: dict[str, BackboneSize] = {
    "tiny": BACKBONE_TINY,
    "0.5b": BACKBONE_05B,
    "7b": BACKBONE_7B,
}
N_MODULES = 10
BYTES_PER_GB = 1e9

_SPARE = 1.2  # of the weights' size: caches, the head's copy and workspaces


def random_model(
    size: BackboneSize, dtype: torch.dtype, device: torch.device
) -> VitaAudioForCausalLM:
    """Return a model with ten modules and the published vocabulary; the seed is fixed."""
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    try:
        with device:
            return VitaAudioForCausalLM(make_config(size, k=N_MODULES)).eval()
    finally:
        torch.set_default_dtype(before)


def library_model(model: VitaAudioForCausalLM) -> Qwen2ForCausalLM:
    """Return the same backbone as the library runs it, on the same memory."""
    fields = model.config.to_dict()
    for name in ("model_type", "architectures", "layer_types", "dtype"):
        fields.pop(name, None)
    fields["num_hidden_layers"] = model.num_backbone_layers
    with torch.device("meta"):
        library = Qwen2ForCausalLM(Qwen2Config(**fields))
    ours = model.state_dict()
    library.load_state_dict({name: ours[name] for name in library.state_dict()}, assign=True)
    # Its rotary table is no parameter and was made on the meta device.
    library.model.rotary_emb = model.model.rotary_emb
    return library.eval()


def device_named(name: str) -> torch.device:
    """Return the device ``name``; "" chooses. Raises ModelError if it cannot be used."""
    try:
        place = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the device {name!r} cannot be used: {reason}") from None
    return place


def require_memory(size: str, device: torch.device, dtype: torch.dtype) -> None:
    """Raise ModelError if a model of ``size`` does not fit into the memory that is free."""
    with torch.device("meta"):
        model = VitaAudioForCausalLM(make_config(SIZES[size], k=N_MODULES))
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    needed = _SPARE * n_weights * torch.empty(0, dtype=dtype).element_size()
    free = (
        torch.cuda.mem_get_info(device)[0]
        if device.type == "cuda"
        else psutil.virtual_memory().available
    )
    if free < needed:
        raise ModelError(
            f"size {size} needs {needed / BYTES_PER_GB:.1f} GB on {device} and "
            f"{free / BYTES_PER_GB:.1f} GB are free; choose a smaller --size"
        )
