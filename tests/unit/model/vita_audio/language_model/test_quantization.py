"""The backbone is stored with fewer bits; MCTP blocks, embeddings and head are left alone."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")
pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")

from model.errors import ModelError  # noqa: E402
from model.vita_audio.checkpoint.precision import Quantization  # noqa: E402
from model.vita_audio.language_model import quantization  # noqa: E402
from model.vita_audio.language_model.model_config import BACKBONE_TINY, make_config  # noqa: E402
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM  # noqa: E402
from model.vita_audio.language_model.quantization import Int8Linear, quantize_layer, quantize_linear  # noqa: E402

# bitsandbytes logs which of its optional kernels are not there.
pytestmark = pytest.mark.allow_warnings

BITS = [Quantization.INT8, Quantization.INT4]
ALLOWED_ERROR = {Quantization.INT8: 0.02, Quantization.INT4: 0.2}


def tiny_model() -> VitaAudioForCausalLM:
    torch.manual_seed(1)
    config = make_config(BACKBONE_TINY, k=2, vocabulary_rows=512)
    return VitaAudioForCausalLM(config).to(torch.bfloat16).eval()


def pack_backbone(model: VitaAudioForCausalLM, bits: Quantization) -> int:
    return sum(quantize_layer(b, bits) for b in model.model.layers[: model.num_backbone_layers])


def is_packed(module: torch.nn.Module) -> bool:
    return not module.weight.dtype.is_floating_point


def linears(module: torch.nn.Module) -> list[torch.nn.Module]:
    return [m for m in module.modules() if isinstance(m, (torch.nn.Linear, Int8Linear))]


@pytest.mark.parametrize("bits", BITS)
def test_only_the_backbone_is_packed(bits: Quantization) -> None:
    model = tiny_model()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    n_replaced = pack_backbone(model, bits)
    n = model.num_backbone_layers
    assert n_replaced == 7 * n
    packed = [m for layer in model.model.layers[:n] for m in linears(layer)]
    assert len(packed) == n_replaced
    assert all(is_packed(m) for m in packed)
    kept = [m for layer in model.model.layers[n:] for m in linears(layer)]
    assert not any(is_packed(m) for m in [*kept, model.lm_head, *model.mtp_projs])
    for name, parameter in model.named_parameters():
        if not any(f"layers.{index}." in name for index in range(n)):
            assert torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("bits", BITS)
def test_a_packed_layer_is_called_like_the_one_it_replaces(bits: Quantization) -> None:
    torch.manual_seed(2)
    linear = torch.nn.Linear(64, 96).to(torch.bfloat16)
    x = torch.randn(2, 3, 64, dtype=torch.bfloat16)
    expected = linear(x).float()
    got = quantize_linear(linear, bits)(x)
    assert got.dtype is torch.bfloat16
    assert (got.float() - expected).abs().mean() < ALLOWED_ERROR[bits] * expected.abs().mean()


@pytest.mark.parametrize("bits", BITS)
def test_fused_and_separate_layers_are_stored_alike(bits: Quantization) -> None:
    torch.manual_seed(3)
    first, second = (torch.nn.Linear(64, 32).to(torch.bfloat16) for _ in range(2))
    fused = torch.nn.Linear(64, 64).to(torch.bfloat16)
    with torch.no_grad():
        fused.weight.copy_(torch.cat([first.weight, second.weight]))
        fused.bias.copy_(torch.cat([first.bias, second.bias]))
    x = torch.randn(1, 5, 64, dtype=torch.bfloat16)
    apart = torch.cat([quantize_linear(part, bits)(x) for part in (first, second)], dim=-1)
    assert torch.allclose(quantize_linear(fused, bits)(x), apart, atol=1e-2)


def test_the_weight_takes_fewer_bytes() -> None:
    linear = torch.nn.Linear(256, 256, bias=False).to(torch.bfloat16)
    eight = quantize_linear(linear, Quantization.INT8).weight
    four = quantize_linear(linear, Quantization.INT4).weight
    assert eight.numel() * eight.element_size() == 256 * 256
    assert four.numel() * four.element_size() == 256 * 256 // 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_few_rows_and_many_rows_give_the_same(dtype: torch.dtype) -> None:
    torch.manual_seed(4)
    packed = Int8Linear(torch.nn.Linear(64, 48).to(dtype))
    x = torch.randn(100, 64, dtype=dtype)
    many = packed(x)
    few = torch.cat([packed(x[i : i + 10]) for i in range(0, 100, 10)])
    assert torch.allclose(few, many, atol=0.05 if dtype is torch.bfloat16 else 1e-6)


def test_a_rare_large_value_does_not_blur_the_others() -> None:
    torch.manual_seed(5)
    linear = torch.nn.Linear(64, 32, bias=False).to(torch.bfloat16)
    x = torch.randn(1, 64, dtype=torch.bfloat16)
    x[0, 3] = 3000.0
    expected = linear.weight.float() @ x.float()[0]
    got = Int8Linear(linear)(x)[0].float()
    assert (got - expected).abs().max() < 0.02 * expected.abs().max()


def test_a_row_of_zeros_stays_zero() -> None:
    linear = torch.nn.Linear(8, 4)
    torch.nn.init.zeros_(linear.weight)
    assert torch.equal(Int8Linear(linear)(torch.ones(2, 8)), linear.bias.expand(2, 4))


def test_nothing_asked_is_nothing_done() -> None:
    model = tiny_model()
    assert pack_backbone(model, Quantization.NONE) > 0
    assert not any(is_packed(m) for m in linears(model))


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(quantization.importlib, "import_module", absent)
    linear = torch.nn.Linear(8, 8)
    with pytest.raises(ModelError, match="bitsandbytes: run"):
        quantize_linear(linear, Quantization.INT4)
