from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from safetensors.torch import load_file, save_file  # noqa: E402

from model.errors import ModelError, WeightsError  # noqa: E402
from model.vita_audio.checkpoint.weight_files import WeightFiles  # noqa: E402
from model.vita_audio.language_model.model_config import (  # noqa: E402
    BACKBONE_05B,
    BACKBONE_7B,
    make_config,
    read_config,
)
from model.vita_audio.language_model.modeling import (  # noqa: E402
    VitaAudioForCausalLM,
    load_language_model,
)
from tests.fakes.vita_reference import teacher_forced_logits  # noqa: E402

EMBEDDINGS = "model.embed_tokens.weight"


def on_meta(config: Any) -> VitaAudioForCausalLM:
    with torch.device("meta"):
        return VitaAudioForCausalLM(config)


@pytest.mark.parametrize(
    ("plus", "k", "published"),
    [(False, 10, 10_317_912_576), (True, 0, 7_979_042_111)],
)
def test_full_models_have_the_published_number_of_parameters(plus, k, published):
    model = on_meta(make_config(BACKBONE_7B, k=k, plus=plus))
    assert sum(parameter.numel() for parameter in model.parameters()) == published


def test_half_billion_shape_shares_embeddings_and_head():
    config = make_config(BACKBONE_05B, k=10)
    assert (config.num_backbone_layers, config.vocab_size) == (24, 168_072)
    assert config.tie_word_embeddings


def layer_shapes(prefix: str, hidden: int, mlp: int, kv: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{prefix}.self_attn.q_proj.weight": (hidden, hidden),
        f"{prefix}.self_attn.q_proj.bias": (hidden,),
        f"{prefix}.self_attn.k_proj.weight": (kv, hidden),
        f"{prefix}.self_attn.k_proj.bias": (kv,),
        f"{prefix}.self_attn.v_proj.weight": (kv, hidden),
        f"{prefix}.self_attn.v_proj.bias": (kv,),
        f"{prefix}.self_attn.o_proj.weight": (hidden, hidden),
        f"{prefix}.mlp.gate_proj.weight": (mlp, hidden),
        f"{prefix}.mlp.up_proj.weight": (mlp, hidden),
        f"{prefix}.mlp.down_proj.weight": (hidden, mlp),
        f"{prefix}.input_layernorm.weight": (hidden,),
        f"{prefix}.post_attention_layernorm.weight": (hidden,),
    }


def encoder_layer_shapes(prefix: str, n_in: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{prefix}.self_attn.linear_q_k_v.weight": (1536, n_in),
        f"{prefix}.self_attn.linear_q_k_v.bias": (1536,),
        f"{prefix}.self_attn.linear_out.weight": (512, 512),
        f"{prefix}.self_attn.linear_out.bias": (512,),
        f"{prefix}.self_attn.fsmn_block.weight": (512, 1, 11),
        f"{prefix}.feed_forward.w_1.weight": (2048, 512),
        f"{prefix}.feed_forward.w_1.bias": (2048,),
        f"{prefix}.feed_forward.w_2.weight": (512, 2048),
        f"{prefix}.feed_forward.w_2.bias": (512,),
        f"{prefix}.norm1.weight": (n_in,),
        f"{prefix}.norm1.bias": (n_in,),
        f"{prefix}.norm2.weight": (512,),
        f"{prefix}.norm2.bias": (512,),
    }


def published_shapes(k: int, plus: bool) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a 7B checkpoint, as the upstream source defines them."""
    hidden, rows = 3584, 168_072
    shapes: dict[str, tuple[int, ...]] = {
        EMBEDDINGS: (rows, hidden),
        "lm_head.weight": (rows, hidden),
        "model.norm.weight": (hidden,),
    }
    for index in range(28 + k):
        shapes |= layer_shapes(f"model.layers.{index}", hidden, 18_944, 512)
    for module in range(k):
        shapes[f"mtp_embed_norms.{module}.weight"] = (hidden,)
        shapes[f"mtp_hidden_norms.{module}.weight"] = (hidden,)
        shapes[f"mtp_projs.{module}.weight"] = (hidden, 2 * hidden)
    return shapes | (plus_shapes(hidden) if plus else {})


def plus_shapes(hidden: int) -> dict[str, tuple[int, ...]]:
    encoder = "model.audio_model.model"
    shapes: dict[str, tuple[int, ...]] = {
        "model.audio_projection.pre_proj_layernorm.weight": (512,),
        "model.audio_projection.pre_proj_layernorm.bias": (512,),
        "model.audio_projection.mlp.0.weight": (hidden, 512),
        "model.audio_projection.mlp.2.weight": (hidden, hidden),
        f"{encoder}.embed.weight": (16, 560),
        f"{encoder}.ctc.ctc_lo.weight": (25_055, 512),
        f"{encoder}.ctc.ctc_lo.bias": (25_055,),
    }
    for norm in ("after_norm", "tp_norm"):
        shapes[f"{encoder}.encoder.{norm}.weight"] = (512,)
        shapes[f"{encoder}.encoder.{norm}.bias"] = (512,)
    shapes |= encoder_layer_shapes(f"{encoder}.encoder.encoders0.0", 560)
    for index in range(49):
        shapes |= encoder_layer_shapes(f"{encoder}.encoder.encoders.{index}", 512)
    for index in range(20):
        shapes |= encoder_layer_shapes(f"{encoder}.encoder.tp_encoders.{index}", 512)
    return shapes


@pytest.mark.parametrize(
    ("plus", "k"), [(False, 0), (False, 1), (False, 10), (True, 0), (True, 10)]
)
def test_names_and_shapes_are_those_of_the_checkpoints(plus, k):
    model = on_meta(make_config(BACKBONE_7B, k=k, plus=plus))
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert ours == published_shapes(k, plus)


def write_checkpoint(directory: Path, model: VitaAudioForCausalLM, n_shards: int = 3) -> Path:
    """Sharded as published: an index, and files that split layers where it happens."""
    directory.mkdir(exist_ok=True)
    model.config.save_pretrained(directory)
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        del tensors["lm_head.weight"]
    names = sorted(tensors)
    weight_map = {}
    for shard in range(n_shards):
        file_name = f"model-{shard + 1:05d}-of-{n_shards:05d}.safetensors"
        part = names[shard::n_shards]
        save_file({name: tensors[name] for name in part}, directory / file_name)
        weight_map |= dict.fromkeys(part, file_name)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    return directory


# The library shows a progress bar, whose monitor stays for the next one.
@pytest.mark.allow_threads("tqdm_monitor")
@pytest.mark.parametrize(("plus", "k"), [(False, 0), (False, 3), (True, 0), (True, 3)])
def test_sharded_directory_loads_without_conversion(small_language_model, tmp_path, plus, k):
    model = small_language_model(k=k, plus=plus)
    directory = write_checkpoint(tmp_path, model)
    ours = load_language_model(directory, torch.float64)
    theirs = VitaAudioForCausalLM.from_pretrained(directory, dtype=torch.float64)
    ids = torch.arange(9)
    with torch.no_grad():
        expected = teacher_forced_logits(model, ids)
        for loaded in (ours, theirs):
            assert loaded.state_dict().keys() == model.state_dict().keys()
            for mine, wanted in zip(teacher_forced_logits(loaded, ids), expected, strict=True):
                # Sums differ by where a tensor begins in memory.
                torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-10)


def test_loaded_model_is_ready_for_inference(small_language_model, tmp_path):
    directory = write_checkpoint(tmp_path, small_language_model(k=1, plus=True))
    model = load_language_model(directory, torch.bfloat16)
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32
    assert not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))


def test_single_file_and_shared_head_load(small_language_model, tmp_path):
    model = small_language_model(k=1, tie_word_embeddings=True)
    directory = write_checkpoint(tmp_path, model, n_shards=1)
    (directory / "model-00001-of-00001.safetensors").rename(directory / "model.safetensors")
    (directory / "model.safetensors.index.json").unlink()
    loaded = load_language_model(directory, torch.float64)
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    assert torch.equal(loaded.lm_head.weight, model.lm_head.weight)


def test_each_part_is_finished_before_the_next_is_read(small_language_model, tmp_path):
    directory = write_checkpoint(tmp_path, small_language_model(k=2, plus=True))
    finished: list[str] = []
    progress: list[float] = []

    def finish(name: str, block: Any) -> None:
        assert not any(parameter.is_meta for parameter in block.parameters())
        finished.append(name)

    load_language_model(directory, torch.float32, finish_block=finish, on_progress=progress.append)
    layers = [f"model.layers.{index}" for index in range(5)]
    assert [name for name in finished if "layers" in name] == layers
    assert {"model.embed_tokens", "model.norm", "lm_head", "mtp_projs.1"} <= set(finished)
    assert len(finished) == len(set(finished)) == len(progress)
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


@pytest.mark.parametrize("n_modules", [0, 1])
def test_modules_that_are_not_used_are_not_loaded(small_language_model, tmp_path, n_modules):
    whole = small_language_model(k=3, plus=True)
    directory = write_checkpoint(tmp_path, whole)
    model = load_language_model(directory, torch.float64, n_modules=n_modules)
    assert (model.num_mctp_modules, model.num_backbone_layers) == (n_modules, 3)
    assert len(model.model.layers) == len(model.config.layer_types) == 3 + n_modules
    ids = torch.arange(9)
    with torch.no_grad():
        expected = teacher_forced_logits(whole, ids)[: n_modules + 1]
        for mine, wanted in zip(teacher_forced_logits(model, ids), expected, strict=True):
            torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-10)


def test_more_modules_than_there_are_cannot_be_used(checkpoint):
    with pytest.raises(ModelError, match="has 2 MCTP modules; it cannot be used with 4"):
        load_language_model(checkpoint, n_modules=4)


@pytest.fixture
def checkpoint(small_language_model, tmp_path) -> Path:
    return write_checkpoint(tmp_path / "model", small_language_model(k=2))


def shard_of(directory: Path, name: str) -> Path:
    return Path(WeightFiles.from_directory(directory).file_of[name])


def rewrite(directory: Path, name: str, tensor: Any, new_name: str | None = None) -> None:
    """Changes one tensor, its file and the index."""
    path = shard_of(directory, name)
    tensors = load_file(path)
    del tensors[name]
    index_path = directory / "model.safetensors.index.json"
    index = json.loads(index_path.read_text())
    del index["weight_map"][name]
    if tensor is not None:
        tensors[new_name or name] = tensor
        index["weight_map"][new_name or name] = path.name
    save_file(tensors, path)
    index_path.write_text(json.dumps(index))


def refusal(directory: Path) -> str:
    with pytest.raises(ModelError) as raised:
        load_language_model(directory)
    return str(raised.value)


def test_missing_file_is_named(checkpoint):
    (checkpoint / "model-00002-of-00003.safetensors").unlink()
    assert "lacks model-00002-of-00003.safetensors; download" in refusal(checkpoint)


def test_directory_without_weights_is_named(checkpoint):
    for path in checkpoint.glob("*.safetensors*"):
        path.unlink()
    assert "lacks model.safetensors; download" in refusal(checkpoint)


def test_half_downloaded_file_is_named(checkpoint):
    path = checkpoint / "model-00003-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    said = refusal(checkpoint)
    assert f"{path} is damaged or incomplete" in said
    assert "\n" not in said


def test_tensor_that_the_index_lists_in_vain_is_named(checkpoint):
    path = shard_of(checkpoint, "mtp_projs.1.weight")
    tensors = load_file(path)
    del tensors["mtp_projs.1.weight"]
    save_file(tensors, path)
    assert f"{path} lacks mtp_projs.1.weight, which" in refusal(checkpoint)


def test_missing_tensor_is_named(checkpoint):
    rewrite(checkpoint, "mtp_hidden_norms.0.weight", None)
    assert "lacks weights that its configuration asks for: mtp_hidden_norms.0.weight" in refusal(
        checkpoint
    )


def test_unexpected_and_misshapen_tensors_get_a_line_each(checkpoint):
    rewrite(checkpoint, "model.norm.weight", torch.ones(31))
    rewrite(checkpoint, "mtp_projs.0.weight", torch.ones(32, 64), "mtp_projs.7.weight")
    lines = refusal(checkpoint).splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("asks for: mtp_projs.0.weight")
    assert lines[1].endswith("does not ask for: mtp_projs.7.weight")
    assert lines[2].endswith("model.norm.weight is 31 and should be 32")


def test_weights_of_another_vocabulary_are_told_apart(checkpoint):
    rewrite(checkpoint, EMBEDDINGS, torch.ones(72, 32))
    said = refusal(checkpoint)
    assert "embeddings of 72 tokens and config.json names 64" in said
    assert "another vocabulary" in said


def test_directory_of_another_number_of_modules_names_the_modules(checkpoint):
    path = checkpoint / "config.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"num_nextn_predict_layers": 1, "num_hidden_layers": 4}))
    assert "does not ask for: model.layers.4." in refusal(checkpoint)


@pytest.mark.parametrize(
    "index", ["", "{}", '{"weight_map": [1]}', '{"weight_map": {"a": "../other.safetensors"}}']
)
def test_damaged_index_is_named(checkpoint, index):
    (checkpoint / "model.safetensors.index.json").write_text(index)
    with pytest.raises(WeightsError, match=r"index\.json.*download it again"):
        load_language_model(checkpoint)


def test_plain_variant_refuses_features(small_language_model):
    with pytest.raises(ModelError, match="audio codes, not features"):
        small_language_model().hear(torch.zeros(5, 560))


def plus_row(model: Any) -> tuple[Any, ...]:
    """One row: 10 tokens of which 2 … 7 stand for two frames and the four queries."""
    ids = torch.arange(10)[None]
    index = torch.stack((torch.zeros(6, dtype=torch.long), torch.arange(2, 8)))[:, None]
    features = torch.randn(2, 560, generator=torch.Generator().manual_seed(3))
    return ids, ids.clone(), ids.clone(), [features.to(model.dtype)], [index]


def test_heard_frames_stand_in_place_of_their_placeholders(small_language_model):
    model = small_language_model(k=1, plus=True)
    ids, _, _, audios, indices = plus_row(model)
    with torch.no_grad():
        embeddings = model.embed(ids, audios, indices)
        heard = model.hear(audios[0])
    assert heard.shape == (6, 32)
    assert torch.equal(embeddings[0, 2:8], heard)
    spoken = model.model.embed_tokens(ids)
    assert torch.equal(embeddings[0, :2], spoken[0, :2])
    assert torch.equal(embeddings[0, 8:], spoken[0, 8:])


def test_modules_read_the_placeholders_not_the_sound(small_language_model):
    model = small_language_model(k=1, plus=True)
    ids, positions, labels, audios, indices = plus_row(model)
    with torch.no_grad():
        ours = model(ids, positions, labels, audios, indices)
        expected = model.losses(
            ids, positions, labels, embeddings=model.embed(ids, audios, indices)
        )
    assert torch.equal(ours.loss, expected.loss)


def test_projection_learns_and_the_encoder_does_not(small_language_model):
    model = small_language_model(k=1, plus=True)
    model(*plus_row(model)).loss.backward()
    assert model.model.audio_projection.mlp[0].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in model.model.audio_model.parameters())


def test_row_without_sound_keeps_the_projection_in_the_graph(small_language_model):
    model = small_language_model(k=1, plus=True).train()
    ids, positions, labels, _, _ = plus_row(model)
    model(ids, positions, labels).loss.backward()
    assert all(p.grad is not None for p in model.model.audio_projection.parameters())


def test_tied_and_full_configurations_are_read_back(tmp_path):
    make_config(BACKBONE_05B, k=0).save_pretrained(tmp_path)
    assert read_config(tmp_path).tie_word_embeddings
