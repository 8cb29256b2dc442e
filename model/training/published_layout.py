"""Writes language model folders the way the published checkpoints are laid out.

config.json, generation_config.json and sharded safetensors with their index; the tokenizer's files
are the caller's. Who needs all or nothing writes into a folder that is renamed afterwards.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.vita_audio.checkpoint.directory import CONFIG, GENERATION_CONFIG
from model.vita_audio.checkpoint.weight_files import INDEX_NAME
from model.vita_audio.language_model.model_config import VitaAudioConfig, VitaAudioPlusConfig
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

SHARD_BYTES = 5 << 30
_FORMAT = {"format": "pt"}  # readers of safetensors look for it


def write_configuration(
    directory: Path, config: VitaAudioConfig, vocabulary: TextTokenizer, pattern: Sequence[int]
) -> None:
    """Write config.json and generation_config.json.

    Args:
        pattern: emission pattern that the model is to be decoded by.
    """
    _write_json(directory / CONFIG, _published_fields(config))
    pad = vocabulary.convert_tokens_to_ids("<|endoftext|>")
    generation = {
        "bos_token_id": pad,
        "do_sample": True,
        "eos_token_id": [vocabulary.convert_tokens_to_ids("<|im_end|>"), pad],
        "mtp_inference_mode": list(pattern),
        "pad_token_id": pad,
        "repetition_penalty": 1.05,
        "temperature": 0.7,
        "top_k": 20,
        "top_p": 0.8,
    }
    _write_json(directory / GENERATION_CONFIG, generation)


def write_shards(
    directory: Path,
    tensors: Mapping[str, Tensor],
    shards: Sequence[Sequence[str]] | None = None,
) -> None:
    """Write ``tensors`` in bfloat16, one shard after the other, and their index.

    Args:
        shards: names of the tensors of each shard; None: as many as fit into 5 GiB.
    """
    shards = shards or _divided(tensors, SHARD_BYTES)
    weight_map: dict[str, str] = {}
    for number, keys in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        part = {key: tensors[key].detach().to("cpu", torch.bfloat16).contiguous() for key in keys}
        save_file(part, directory / name, _FORMAT)
        weight_map.update(dict.fromkeys(keys, name))
    n_bytes = sum(map(_n_bytes, tensors.values()))
    index = {"metadata": {"total_size": n_bytes}, "weight_map": weight_map}
    _write_json(directory / INDEX_NAME, index)


def _divided(tensors: Mapping[str, Tensor], shard_bytes: int) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    n_held = 0
    for key, tensor in tensors.items():
        if shards[-1] and n_held + _n_bytes(tensor) > shard_bytes:
            shards.append([])
            n_held = 0
        shards[-1].append(key)
        n_held += _n_bytes(tensor)
    return shards


def _n_bytes(tensor: Tensor) -> int:
    return tensor.numel() * torch.bfloat16.itemsize


def _published_fields(config: VitaAudioConfig) -> dict[str, Any]:
    """As transformers 4.48 wrote them: rotation as one number, no list of layer types."""
    fields = config.to_dict()
    rotation = fields.pop("rope_parameters")
    fields.pop("layer_types")
    fields.pop("dtype", None)
    is_plus = isinstance(config, VitaAudioPlusConfig)
    name = "Qwen2MTPSenseVoiceForCausalLM" if is_plus else "Qwen2MTPForCausalLM"
    return fields | {
        "architectures": [name],
        "auto_map": {"AutoModelForCausalLM": f"modeling_qwen2.{name}"},
        "rope_scaling": None,
        "rope_theta": rotation["rope_theta"],
        "torch_dtype": "bfloat16",
        "transformers_version": "4.48.3",
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
