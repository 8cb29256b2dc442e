from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from transformers.models.qwen2.configuration_qwen2 import Qwen2Config  # noqa: E402
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM  # noqa: E402

from model.errors import ModelError, WeightsError  # noqa: E402
from model.training.initialisation import (  # noqa: E402
    begin_from_backbone,
    extend_vocabulary,
    freeze_all_but_modules,
    freeze_hearing,
    grow_modules,
    load_sense_voice,
)
from tests.fakes import vita_reference  # noqa: E402
from tests.fakes.vita_reference import teacher_forced_logits  # noqa: E402

MODULE_PARTS = ("mtp_embed_norms", "mtp_hidden_norms", "mtp_projs")


@pytest.fixture
def small_language_model() -> Any:
    return vita_reference.small_language_model


def of_block(model: Any, index: int) -> dict[str, Any]:
    return model.model.layers[index].state_dict()


def assert_same(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_fresh_weights_are_normal_biases_zero_and_norms_one(small_language_model):
    model = small_language_model(k=2, plus=True)
    seen = set()
    for name, parameter in model.named_parameters():
        if "norm" in name and name.endswith("weight"):
            assert (parameter == 1).all(), name
            seen.add("norm")
        elif name.endswith("bias"):
            assert (parameter == 0).all(), name
            seen.add("bias")
        elif parameter.numel() > 1000:
            spread = parameter.std().item()
            assert spread == pytest.approx(model.config.initializer_range, rel=0.15), name
            assert abs(parameter.mean().item()) < spread / 10, name
            seen.add("weight")
    assert seen == {"norm", "bias", "weight"}


def test_first_module_starts_from_the_last_layer_of_the_backbone(small_language_model):
    model = small_language_model(k=0)
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    grown = grow_modules(model, 1)
    assert grown.num_mctp_modules == 1
    assert_same(of_block(grown, 3), of_block(grown, 2))
    assert (grown.mtp_embed_norms[0].weight == 1).all()
    assert grown.mtp_projs[0].weight.std() > 0
    assert all(torch.equal(grown.state_dict()[name], kept[name]) for name in kept)


def test_ten_modules_are_all_copies_of_the_trained_first_one(small_language_model):
    model = small_language_model(k=1)
    with torch.no_grad():
        for parameter in model.mtp_embed_norms.parameters():
            parameter.uniform_()
    trained = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    grown = grow_modules(model, 10)
    assert (grown.num_backbone_layers, grown.num_mctp_modules) == (3, 10)
    assert all(torch.equal(grown.state_dict()[name], trained[name]) for name in trained)
    for k in range(1, 10):
        assert_same(of_block(grown, 3 + k), of_block(grown, 3))
        for part in MODULE_PARTS:
            parts = getattr(grown, part)
            assert_same(parts[k].state_dict(), parts[0].state_dict())
    # Copies: a module that learns must not change the others.
    with torch.no_grad():
        grown.mtp_projs[3].weight.zero_()
    assert grown.mtp_projs[0].weight.any()


def test_grown_model_predicts_with_its_old_levels_as_before(small_language_model):
    model = small_language_model(k=1)
    ids = torch.arange(9)
    with torch.no_grad():
        before = teacher_forced_logits(model, ids)
        after = teacher_forced_logits(grow_modules(model, 3), ids)
    for old, new in zip(before, after[:2], strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=1e-10)


def test_modules_are_never_taken_away(small_language_model):
    with pytest.raises(ModelError, match="has 3 MCTP modules; it cannot start one with 1"):
        grow_modules(small_language_model(k=3), 1)


@pytest.mark.parametrize("plus", [False, True])
def test_stages_two_and_three_train_the_modules_alone(small_language_model, plus):
    model = small_language_model(k=2, plus=plus)
    freeze_all_but_modules(model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    own = ("mtp_", "model.layers.3.", "model.layers.4.")
    assert trained == {name for name, _ in model.named_parameters() if name.startswith(own)}
    row = torch.arange(9)[None]
    losses = model.losses(row, row, row)
    losses.loss.backward()
    assert losses.main_loss == 0
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_encoder_of_plus_never_learns(small_language_model):
    model = small_language_model(k=1, plus=True)
    freeze_hearing(model)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {n for n, _ in model.named_parameters() if n.startswith("model.audio_model.")}


@pytest.mark.allow_warnings  # the library reports how it draws the new rows
@pytest.mark.parametrize("tied", [False, True])
def test_vocabulary_grows_to_a_padded_size_and_keeps_its_rows(small_language_model, tied):
    model = small_language_model(k=1, tie_word_embeddings=tied)
    old_rows = model.model.embed_tokens.weight.clone()
    old_head = model.lm_head.weight.clone()
    extend_vocabulary(model, 101)
    assert model.config.vocab_size == 104
    assert model.model.embed_tokens.weight.shape == model.lm_head.weight.shape == (104, 32)
    assert torch.equal(model.model.embed_tokens.weight[:64], old_rows)
    assert torch.equal(model.lm_head.weight[:64], old_head)
    new = model.model.embed_tokens.weight[64:]
    assert (new - old_rows.mean(0)).abs().max() < old_rows.std()
    assert (model.lm_head.weight is model.model.embed_tokens.weight) == tied


def test_rows_that_padded_the_table_are_reused(small_language_model):
    model = small_language_model()
    rows = model.model.embed_tokens.weight
    extend_vocabulary(model, 60)
    assert model.model.embed_tokens.weight is rows
    assert model.config.vocab_size == 64


def stock_backbone(tied: bool = False) -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0},
        rms_norm_eps=1e-5,
        initializer_range=0.3,
        tie_word_embeddings=tied,
    )
    return Qwen2ForCausalLM(config).to(torch.float64).eval()


@pytest.mark.parametrize("tied", [False, True])
def test_stage_one_starts_as_the_stock_backbone(tied):
    backbone = stock_backbone(tied)
    ids = torch.arange(9)
    with torch.no_grad():
        expected = backbone(ids[None]).logits[0]
        model = begin_from_backbone(backbone, 50)
        torch.testing.assert_close(
            teacher_forced_logits(model, ids)[0], expected, rtol=0, atol=1e-10
        )
    assert model.dtype == torch.float64
    assert (model.lm_head.weight is model.model.embed_tokens.weight) == tied


def test_layers_are_run_in_series_by_the_backbone_only(small_language_model):
    """A stock model that is told of the backbone's layers alone is the vanilla mode."""
    model = small_language_model(k=2)
    fields = {
        name: value
        for name, value in model.config.to_dict().items()
        if name in Qwen2Config.__dataclass_fields__ and name != "layer_types"
    }
    stock = Qwen2ForCausalLM(Qwen2Config(**fields | {"num_hidden_layers": 3})).to(torch.float64)
    stock.load_state_dict({name: model.state_dict()[name] for name in stock.state_dict()})
    ids = torch.arange(9)
    with torch.no_grad():
        theirs = stock(ids[None]).logits[0]
        ours = teacher_forced_logits(model, ids)[0]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("is_nested", [False, True])
def test_encoder_is_filled_from_its_own_checkpoint(small_language_model, tmp_path, is_nested):
    source = small_language_model(plus=True, seed=1).model.audio_model.model.state_dict()
    torch.save({"state_dict": source} if is_nested else source, tmp_path / "model.pt")
    model = small_language_model(plus=True, seed=2)
    load_sense_voice(model, tmp_path / "model.pt")
    assert_same(model.model.audio_model.model.state_dict(), source)


def test_other_encoder_checkpoints_are_refused_by_file_name(small_language_model, tmp_path):
    model = small_language_model(plus=True)
    path = tmp_path / "model.pt"
    with pytest.raises(WeightsError, match=r"model\.pt"):
        load_sense_voice(model, path)
    path.write_bytes(b"noise")
    with pytest.raises(WeightsError, match=r"model\.pt"):
        load_sense_voice(model, path)
    tensors = model.model.audio_model.model.state_dict()
    torch.save({name: tensors[name] for name in list(tensors)[1:]} | {"more": torch.ones(1)}, path)
    with pytest.raises(WeightsError, match=r"lacks .*embed.weight.* holds .*more"):
        load_sense_voice(model, path)
    with pytest.raises(ModelError, match="has no SenseVoice encoder"):
        load_sense_voice(small_language_model(), path)
