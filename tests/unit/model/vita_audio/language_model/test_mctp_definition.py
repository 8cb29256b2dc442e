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

from tests.fakes.vita_reference import teacher_forced_logits  # noqa: E402

TOLERANCE = 1e-10
# The library makes its rotations and norms in float32, whatever the type of the model.
FLOAT32_TOLERANCE = 1e-4


def random_ids(n: int) -> Tensor:
    return torch.randint(0, 64, (n,), generator=torch.Generator().manual_seed(1))


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
        hidden = theirs = model.run_backbone(embeddings, positions)
        for k in range(3):
            n = 14 - k - 1
            hidden = model.run_module(
                k, embeddings[:, k + 1 :], hidden[:, :n], positions[:, k + 1 :]
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


def test_levels_that_no_token_reaches_have_no_rows(small_language_model):
    with torch.no_grad():
        logits = teacher_forced_logits(small_language_model(k=3), random_ids(2))
    assert [tuple(level.shape) for level in logits] == [(2, 64), (1, 64), (0, 64), (0, 64)]
