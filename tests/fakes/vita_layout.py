"""A VITA-Audio folder in the published layout whose tensors are one byte each: names are real."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from model.vita_audio.checkpoint import directory

N_LAYERS = 2


def write_layout(
    root: Path, *, plus: bool = False, k: int = 1, name: str = "VITA-Audio-Boost"
) -> Path:
    """Writes the language model and what belongs beside it; returns the language model's folder."""
    folder = root / name
    folder.mkdir(parents=True)
    config = {
        "model_type": "qwen2_mtp_sensevoice" if plus else "qwen2_mtp",
        "num_hidden_layers": N_LAYERS + k,
        "num_nextn_predict_layers": k,
    }
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", {})
    write_json(folder / "tokenizer.json", {})
    keys = sorted(layout_keys(plus=plus, k=k))
    shards = {
        "model-00001-of-00002.safetensors": keys[::2],
        "model-00002-of-00002.safetensors": keys[1::2],
    }
    for shard, names in shards.items():
        write_tensors(folder / shard, names)
    weight_map = {key: shard for shard, names in shards.items() for key in names}
    write_json(folder / "model.safetensors.index.json", {"weight_map": weight_map})
    decoder = root / directory.SPEECH_DECODER
    decoder.mkdir()
    for file in directory.DECODER_FILES:
        (decoder / file).write_bytes(b"x")
    if plus:
        (folder / "am.mvn").write_text("<Nnet>")
    else:
        tokenizer = root / directory.SPEECH_TOKENIZER
        tokenizer.mkdir()
        write_json(tokenizer / "config.json", {})
        write_tensors(tokenizer / "model.safetensors", ["codebook.weight"])
    return folder


def layout_keys(*, plus: bool, k: int) -> set[str]:
    keys = {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"}
    parts = [f"self_attn.{p}_proj.{kind}" for p in "qkv" for kind in ("weight", "bias")]
    parts += [f"mlp.{p}_proj.weight" for p in ("gate", "up", "down")]
    parts += [
        "self_attn.o_proj.weight",
        "input_layernorm.weight",
        "post_attention_layernorm.weight",
    ]
    keys |= {f"model.layers.{i}.{part}" for i in range(N_LAYERS + k) for part in parts}
    keys |= {
        f"{n}.{i}.weight"
        for n in ("mtp_embed_norms", "mtp_hidden_norms", "mtp_projs")
        for i in range(k)
    }
    if plus:
        keys |= {f"model.audio_projection.pre_proj_layernorm.{kind}" for kind in ("weight", "bias")}
        keys |= {f"model.audio_projection.mlp.{i}.weight" for i in (0, 2)}
        keys.add("model.audio_model.model.embed.weight")
    return keys


def write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def write_tensors(path: Path, names: Iterable[str]) -> None:
    """A safetensors file with one byte a tensor."""
    listed = list(names)
    header = {
        name: {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]}
        for i, name in enumerate(listed)
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(len(listed)))
