from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402
from transformers.modeling_layers import MtpModel  # noqa: E402
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM  # noqa: E402

from model.errors import ModelError  # noqa: E402
from model.vita_audio.mctp import (  # noqa: E402
    IGNORED,
    packed_losses,
    run_backbone,
    run_module,
    teacher_forced_logits,
)

TOLERANCE = 1e-10
# The library makes its rotations and norms in float32, whatever the type of the model.
FLOAT32_TOLERANCE = 1e-4
SAMPLE_LENGTHS = (7, 1, 12, 2, 5)


def random_ids(n: int, seed: int = 1) -> Tensor:
    return torch.randint(0, 64, (n,), generator=torch.Generator().manual_seed(seed))


def packed(lengths: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    ids = random_ids(sum(lengths))[None]
    positions = torch.cat([torch.arange(n) for n in lengths])[None]
    labels = ids.clone()
    labels[:, 3:5] = IGNORED
    return ids, positions, labels


class LiteralModel:
    """The definition of the modules, token by token, head by head, from the named tensors."""

    def __init__(self, model: Any) -> None:
        self.tensors = model.state_dict()
        self.config = model.config
        self.head_size = self.config.hidden_size // self.config.num_attention_heads

    def norm(self, name: str, x: Tensor) -> Tensor:
        return x / (x.pow(2).mean() + self.config.rms_norm_eps).sqrt() * self.tensors[name]

    def linear(self, name: str, x: Tensor) -> Tensor:
        bias = self.tensors.get(f"{name}.bias")
        y = self.tensors[f"{name}.weight"] @ x
        return y if bias is None else y + bias

    def rotate(self, x: Tensor, position: int) -> Tensor:
        half = self.head_size // 2
        y = x.clone()
        for i in range(half):
            theta = self.config.rope_parameters["rope_theta"]
            angle = position * theta ** (-2 * i / self.head_size)
            cos, sin = math.cos(angle), math.sin(angle)
            y[i] = x[i] * cos - x[i + half] * sin
            y[i + half] = x[i + half] * cos + x[i] * sin
        return y

    def layer(self, index: int, inputs: list[Tensor], first_position: int) -> list[Tensor]:
        prefix = f"model.layers.{index}"
        keys: list[list[Tensor]] = []
        values: list[list[Tensor]] = []
        outputs: list[Tensor] = []
        group = self.config.num_attention_heads // self.config.num_key_value_heads
        for i, entering in enumerate(inputs):
            position = first_position + i
            normed = self.norm(f"{prefix}.input_layernorm.weight", entering)
            split = {
                name: self.linear(f"{prefix}.self_attn.{name}_proj", normed).split(self.head_size)
                for name in "qkv"
            }
            keys.append([self.rotate(key, position) for key in split["k"]])
            values.append(list(split["v"]))
            heads = []
            for h, raw in enumerate(split["q"]):
                query = self.rotate(raw, position)
                scores = torch.stack([query @ past[h // group] for past in keys])
                weights = (scores / math.sqrt(self.head_size)).softmax(0)
                heads.append(
                    sum(w * past[h // group] for w, past in zip(weights, values, strict=True))
                )
            x = entering + self.linear(f"{prefix}.self_attn.o_proj", torch.cat(heads))
            normed = self.norm(f"{prefix}.post_attention_layernorm.weight", x)
            gate = functional.silu(self.linear(f"{prefix}.mlp.gate_proj", normed))
            up = self.linear(f"{prefix}.mlp.up_proj", normed)
            outputs.append(x + self.linear(f"{prefix}.mlp.down_proj", gate * up))
        return outputs

    def logits(self, ids: list[int]) -> list[list[Tensor]]:
        embeddings = [self.tensors["model.embed_tokens.weight"][i] for i in ids]
        hidden = embeddings
        for index in range(self.config.num_backbone_layers):
            hidden = self.layer(index, hidden, 0)
        hidden = [self.norm("model.norm.weight", x) for x in hidden]
        levels = [hidden]
        for k in range(self.config.num_nextn_predict_layers):
            fused = [
                self.linear(
                    f"mtp_projs.{k}",
                    torch.cat(
                        (
                            self.norm(f"mtp_embed_norms.{k}.weight", embeddings[p + k + 1]),
                            self.norm(f"mtp_hidden_norms.{k}.weight", levels[k][p]),
                        )
                    ),
                )
                for p in range(len(ids) - k - 1)
            ]
            block = self.layer(self.config.num_backbone_layers + k, fused, k + 1)
            levels.append([self.norm("model.norm.weight", x) for x in block])
        return [[self.tensors["lm_head.weight"] @ x for x in level] for level in levels]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_levels_follow_the_definition_token_by_token(small_language_model):
    model = small_language_model(k=3)
    ids = random_ids(11)
    with torch.no_grad():
        ours = teacher_forced_logits(model, ids)
        literal = LiteralModel(model).logits(ids.tolist())
    assert [level.shape[0] for level in ours] == [11, 10, 9, 8]
    for level, expected in zip(ours, literal, strict=True):
        torch.testing.assert_close(level, torch.stack(expected), rtol=0, atol=FLOAT32_TOLERANCE)


def test_levels_equal_the_library_module_with_renamed_tensors(small_language_model):
    model = small_language_model(k=3)
    library = as_library_module(model)
    ids = random_ids(14)
    positions = torch.arange(14)[None]
    with torch.no_grad():
        embeddings = model.model.embed_tokens(ids[None])
        hidden = theirs = run_backbone(model, embeddings, positions)
        for k in range(3):
            n = 14 - k - 1
            hidden = run_module(
                model, k, embeddings[:, k + 1 :], hidden[:, :n], positions[:, k + 1 :]
            )
            theirs = library.forward_layer(
                k, theirs[:, :n], positions[:, k + 1 :], None, input_ids=ids[None, k + 1 :]
            )
            torch.testing.assert_close(hidden, theirs, rtol=0, atol=TOLERANCE)


def as_library_module(model: Any) -> MtpModel:
    n_layers = model.num_backbone_layers
    config = model.config.__class__.__mro__[1](
        **{
            name: getattr(model.config, name)
            for name in (
                "vocab_size",
                "hidden_size",
                "intermediate_size",
                "num_attention_heads",
                "num_key_value_heads",
                "rope_parameters",
            )
        },
        num_hidden_layers=n_layers,
    )
    config.num_mtp_layers = model.num_mctp_modules
    config.mtp_layer_types = ["full_attention"] * model.num_mctp_modules
    main = Qwen2ForCausalLM(config).to(torch.float64)
    library = MtpModel(main, model.num_mctp_modules).to(torch.float64)
    ours = model.state_dict()
    main.load_state_dict({key: ours[key] for key in main.state_dict()})
    renamed: dict[str, Tensor] = {}
    for k in range(model.num_mctp_modules):
        renamed[f"layers.{k}.enorm.weight"] = ours[f"mtp_embed_norms.{k}.weight"]
        renamed[f"layers.{k}.hnorm.weight"] = ours[f"mtp_hidden_norms.{k}.weight"]
        renamed[f"layers.{k}.eh_proj.weight"] = ours[f"mtp_projs.{k}.weight"]
        renamed[f"layers.{k}.post_norm.weight"] = ours["model.norm.weight"]
        block = f"model.layers.{n_layers + k}."
        for key, tensor in ours.items():
            if key.startswith(block):
                renamed[f"layers.{k}.mtp_block.{key.removeprefix(block)}"] = tensor
    missing, unexpected = library.load_state_dict(renamed, strict=False)
    assert not unexpected
    assert all(key.startswith(("embed_tokens", "shared_head")) for key in missing)
    return library


def reference_losses(
    model: Any, ids: Tensor, positions: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Main loss and level losses of the samples, each one run alone."""
    sums = torch.zeros(model.num_mctp_modules + 1, dtype=torch.float64)
    counts = torch.zeros_like(sums)
    begins = [i for i, position in enumerate(positions[0].tolist()) if position == 0]
    for begin, end in zip(begins, [*begins[1:], ids.shape[1]], strict=True):
        alone, wanted = ids[0, begin:end], labels[0, begin:end]
        for level, logits in enumerate(teacher_forced_logits(model, alone)):
            targets = wanted[level + 1 :]
            n = targets.shape[0]
            if n > 0:
                sums[level] += functional.cross_entropy(logits[:n], targets, reduction="sum")
                counts[level] += (targets != IGNORED).sum()
    means = sums / counts.clamp(min=1)
    return means[0], means[1:]


@pytest.mark.parametrize(
    ("attention", "tolerance"), [("sdpa", TOLERANCE), ("eager", FLOAT32_TOLERANCE)]
)
@pytest.mark.parametrize("k", [0, 1, 4])
def test_packed_samples_lose_what_they_lose_alone(small_language_model, k, attention, tolerance):
    model = small_language_model(k=k)
    model.set_attn_implementation(attention)
    ids, positions, labels = packed(SAMPLE_LENGTHS)
    with torch.no_grad():
        losses = packed_losses(model, ids, positions, labels)
        main, levels = reference_losses(model, ids, positions, labels)
    torch.testing.assert_close(losses.main_loss, main, rtol=0, atol=tolerance)
    torch.testing.assert_close(losses.level_losses, levels, rtol=0, atol=tolerance)
    weighted = main + (levels.mean() if k else 0.0)
    torch.testing.assert_close(losses.loss, weighted, rtol=0, atol=tolerance)


def test_mean_of_the_levels_is_weighted_by_the_configuration(small_language_model):
    model = small_language_model(k=2, mtp_loss_weight=0.25)
    with torch.no_grad():
        losses = packed_losses(model, *packed(SAMPLE_LENGTHS))
    expected = losses.main_loss + 0.25 * losses.level_losses.mean()
    torch.testing.assert_close(losses.loss, expected)


def test_rows_of_a_batch_count_as_one_long_row(small_language_model):
    model = small_language_model(k=3)
    ids, positions, labels = packed((6, 4, 9, 1))
    as_rows = [tensor.reshape(2, 10) for tensor in (ids, positions, labels)]
    with torch.no_grad():
        one = packed_losses(model, ids, positions, labels)
        two = packed_losses(model, *as_rows)
    torch.testing.assert_close(two.loss, one.loss, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("position", "learning"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2])])
def test_no_level_is_trained_to_predict_where_a_sample_begins(
    small_language_model, position, learning
):
    model = small_language_model(k=2)
    ids, positions, labels = packed((6, 6))
    changed = labels.clone()
    changed[0, 6 + position] = (changed[0, 6 + position] + 1) % 64
    with torch.no_grad():
        before = packed_losses(model, ids, positions, labels)
        after = packed_losses(model, ids, positions, changed)
    differs = [before.main_loss != after.main_loss, *(before.level_losses != after.level_losses)]
    assert [level for level, does in enumerate(differs) if does] == learning


def test_other_samples_of_the_row_change_nothing(small_language_model):
    model = small_language_model(k=3)
    ids, positions, labels = packed((8, 8))
    labels[0, :8] = IGNORED
    other = ids.clone()
    other[0, :8] = random_ids(8, seed=5)
    with torch.no_grad():
        one = packed_losses(model, ids, positions, labels)
        two = packed_losses(model, other, positions, labels)
    torch.testing.assert_close(two.loss, one.loss, rtol=0, atol=TOLERANCE)


def test_frozen_head_replaces_the_main_loss_by_nothing(small_language_model):
    model = small_language_model(k=2)
    model.lm_head.weight.requires_grad_(False)
    losses = packed_losses(model, *packed(SAMPLE_LENGTHS))
    assert losses.main_loss == 0
    torch.testing.assert_close(losses.loss, losses.level_losses.mean())


def trained_parts(model: Any, loss: Tensor) -> set[str]:
    loss.backward()
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }


def test_plain_backbone_learns_from_the_modules(small_language_model):
    model = small_language_model(k=2)
    losses = packed_losses(model, *packed(SAMPLE_LENGTHS))
    parts = trained_parts(model, losses.level_losses.sum())
    assert parts == {name for name, _ in model.named_parameters()}


def test_plus_backbone_learns_from_the_main_loss_only(small_language_model):
    model = small_language_model(k=2, plus=True)
    losses = packed_losses(model, *packed(SAMPLE_LENGTHS))
    parts = trained_parts(model, losses.level_losses.sum())
    own = ("mtp_", "model.layers.3.", "model.layers.4.", "model.norm.", "lm_head.")
    assert parts == {name for name, _ in model.named_parameters() if name.startswith(own)}


def test_each_module_learns_from_the_levels_behind_it(small_language_model):
    model = small_language_model(k=3, plus=True)
    losses = packed_losses(model, *packed(SAMPLE_LENGTHS))
    assert "mtp_projs.0.weight" in trained_parts(model, losses.level_losses[2])


def test_row_without_labels_loses_nothing_and_has_gradients_of_nothing(small_language_model):
    model = small_language_model(k=2)
    ids, positions, labels = packed((2, 2))
    losses = packed_losses(model, ids, positions, torch.full_like(labels, IGNORED))
    assert losses.loss == 0
    losses.loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_accumulated_batches_divide_the_main_loss_by_all_their_labels(small_language_model):
    model = small_language_model(k=1)
    ids, positions, labels = packed((9,))
    n_targets = int((labels[0, 1:] != IGNORED).sum())
    with torch.no_grad():
        one = packed_losses(model, ids, positions, labels)
        two = packed_losses(model, ids, positions, labels, num_items_in_batch=2 * n_targets)
    torch.testing.assert_close(two.main_loss, one.main_loss / 2)
    torch.testing.assert_close(two.level_losses, one.level_losses)


def test_long_rows_lose_the_same_part_by_part(small_language_model, monkeypatch):
    model = small_language_model(k=2)
    row = packed(SAMPLE_LENGTHS)
    whole = packed_losses(model, *row)
    whole.loss.backward()
    gradient = model.lm_head.weight.grad.clone()
    model.zero_grad()
    monkeypatch.setattr("model.vita_audio.mctp._TOKENS_PER_HEAD_CALL", 4)
    parts = packed_losses(model, *row)
    parts.loss.backward()
    torch.testing.assert_close(parts.loss, whole.loss, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(model.lm_head.weight.grad, gradient, rtol=0, atol=TOLERANCE)


def test_recomputed_activations_give_the_same_gradients(small_language_model):
    model = small_language_model(k=2).train()
    row = packed(SAMPLE_LENGTHS)
    packed_losses(model, *row).loss.backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    model.activation_checkpointing_enable()
    packed_losses(model, *row).loss.backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("positions", [[1, 2, 3, 4], [0, 1, 3, 4], [0, 1, 1, 2]])
def test_positions_that_belong_to_no_sample_are_refused(small_language_model, positions):
    ids = random_ids(4)[None]
    with pytest.raises(ModelError, match="restart at 0"):
        packed_losses(small_language_model(), ids, torch.tensor([positions]), ids)


def test_levels_that_no_token_reaches_have_no_rows(small_language_model):
    with torch.no_grad():
        logits = teacher_forced_logits(small_language_model(k=3), random_ids(2))
    assert [tuple(level.shape) for level in logits] == [(2, 64), (1, 64), (0, 64), (0, 64)]
