"""Small random speech tokenizers in the published layout, for tests and demonstrations.

What they return is noise; how long it is and when it is final is real.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.vita_audio.checkpoint.directory import CONFIG
from model.vita_audio.checkpoint.weight_files import SINGLE_NAME
from model.vita_audio.speech_tokenizer.block_encoder import BlockCausalEncoder
from model.vita_audio.speech_tokenizer.tokenizer_config import (
    FEATURES_NAME,
    HOP,
    RATE_HZ,
    TINY_TOKENIZER,
    WINDOW,
    SpeechTokenizerConfig,
)


def random_network(
    config: SpeechTokenizerConfig, seed: int, dtype: torch.dtype = torch.float32
) -> BlockCausalEncoder:
    """An encoder whose codes depend on what it hears."""
    network = BlockCausalEncoder(config)
    random = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=random)
        if name.endswith("bias"):
            tensor.copy_(0.1 * noise)
        elif "norm" in name:
            tensor.copy_(1.0 + 0.1 * noise)
        elif name.startswith("embed"):
            tensor.copy_(noise)
        elif name.startswith("codebook"):
            tensor.copy_(0.5 * noise)  # as far out as the hidden frames
        else:
            # The sound must weigh as much as the positions, or every recording has the same codes.
            gain = 2.0 if name.startswith("conv") else 1.0
            tensor.copy_(gain * noise / tensor[0].numel() ** 0.5)
    return network.to(dtype)


def write_tiny_speech_tokenizer(
    directory: Path, seed: int, config: SpeechTokenizerConfig = TINY_TOKENIZER
) -> None:
    """Writes every file and every tensor that upstream's directory has, unused ones included."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / CONFIG, published_fields(config))
    features = {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": config.n_bands,
        "sampling_rate": RATE_HZ,
        "hop_length": HOP,
        "n_fft": WINDOW,
        "chunk_length": config.segment_samples // RATE_HZ,
    }
    _write_json(directory / FEATURES_NAME, features)
    weights: dict[str, Tensor] = dict(random_network(config, seed).state_dict())
    codebook = weights["codebook.weight"]
    weights["embed_positions2.weight"] = torch.zeros(
        config.n_positions // config.n_pooled, config.width
    )
    weights["ema_count"] = torch.ones(config.n_codes)
    weights["ema_weight"] = codebook.clone()
    save_file(weights, directory / SINGLE_NAME, metadata={"format": "pt"})


def published_fields(config: SpeechTokenizerConfig) -> dict[str, object]:
    """``config`` as config.json holds it."""
    return {
        "architectures": ["WhisperVQEncoder"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "d_model": config.width,
        "encoder_attention_heads": config.n_heads,
        "encoder_causal_attention": False,
        "encoder_causal_convolution": True,
        "encoder_ffn_dim": config.n_inner,
        "encoder_layers": 2 * config.n_layers,
        "max_source_positions": config.n_positions,
        "num_mel_bins": config.n_bands,
        "pooling_kernel_size": config.n_pooled,
        "pooling_position": config.n_layers,
        "pooling_type": "avg",
        "quantize_causal_block_size": config.n_block,
        "quantize_causal_encoder": False,
        "quantize_encoder_only": True,
        "quantize_position": config.n_layers,
        "quantize_vocab_size": config.n_codes,
        "scale_embedding": False,
    }


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
