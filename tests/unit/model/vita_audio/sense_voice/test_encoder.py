from __future__ import annotations

import math
import re

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from transformers.models.fun_asr_nano.configuration_fun_asr_nano import FunAsrNanoEncoderConfig  # noqa: E402
from transformers.models.fun_asr_nano.modeling_fun_asr_nano import FunAsrNanoEncoder  # noqa: E402

from model.vita_audio.sense_voice.encoder import SenseVoice, SenseVoiceConfig, position_table  # noqa: E402

SMALL = SenseVoiceConfig(
    n_bands=4, width=16, n_heads=2, n_inner=24, n_layers=4, n_tp_layers=2, n_tokens=9
)
CPU = torch.device("cpu")


def make_encoder(dtype=torch.float64) -> SenseVoice:
    torch.manual_seed(0)
    encoder = SenseVoice(SMALL).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # norms and biases matter as well
    return encoder.to(dtype)


def frames(n: int, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, SMALL.n_inputs, generator=generator, dtype=dtype)


def twin_of(encoder: SenseVoice) -> FunAsrNanoEncoder:
    """The encoder of transformers with the same weights."""
    config = FunAsrNanoEncoderConfig(
        num_mel_bins=SMALL.n_bands,
        hidden_size=SMALL.width,
        num_attention_heads=SMALL.n_heads,
        intermediate_size=SMALL.n_inner,
        num_hidden_layers=SMALL.n_layers + SMALL.n_tp_layers,
        num_timestamp_prediction_layers=SMALL.n_tp_layers,
        max_position_embeddings=64,
    )
    names = {
        "self_attn.linear_out": "self_attn.o_proj",
        "self_attn.fsmn_block": "self_attn.fsmn.conv",
        "feed_forward.w_1": "mlp.fc1",
        "feed_forward.w_2": "mlp.fc2",
        "norm1": "input_layernorm",
        "norm2": "post_attention_layernorm",
    }
    first = {"encoders0": 0, "encoders": 1, "tp_encoders": SMALL.n_layers}
    norms = {"after_norm": SMALL.n_layers - 1, "tp_norm": SMALL.n_layers + SMALL.n_tp_layers - 1}
    converted = {}
    for key, value in encoder.encoder.state_dict().items():
        group, _, rest = key.partition(".")
        if group in norms:
            converted[f"layers.{norms[group]}.final_layernorm.{rest}"] = value
            continue
        index, _, name = rest.partition(".")
        layer = f"layers.{first[group] + int(index)}"
        part, _, kind = name.rpartition(".")
        if part == "self_attn.linear_q_k_v":
            for letter, third in zip("qkv", value.chunk(3), strict=True):
                converted[f"{layer}.self_attn.{letter}_proj.{kind}"] = third
        else:
            converted[f"{layer}.{names[part]}.{kind}"] = value
    twin = FunAsrNanoEncoder(config).eval()
    twin.load_state_dict(converted)
    return twin.to(torch.float64)


@torch.no_grad()
def test_it_computes_what_the_encoder_of_transformers_computes():
    encoder = make_encoder()
    features = frames(21)
    states = torch.cat((encoder.embed(torch.tensor((0, 1, 2, 15))), features))[None]
    expected = twin_of(encoder)(states, torch.ones(states.shape[:2], dtype=torch.long))
    torch.testing.assert_close(encoder(features), expected.last_hidden_state[0], rtol=0, atol=1e-5)


@torch.no_grad()
def test_it_gives_four_states_more_than_frames_in_the_type_of_its_weights():
    encoder = make_encoder(dtype=torch.bfloat16)
    states = encoder(frames(7, torch.float32))
    assert states.shape == (11, SMALL.width)
    assert states.dtype == torch.bfloat16
    assert states.isfinite().all()


@torch.no_grad()
def test_scores_are_log_probabilities_over_all_tokens():
    encoder = make_encoder(dtype=torch.float32)
    scores = encoder.token_scores(encoder(frames(3, torch.float32)))
    assert scores.shape == (7, SMALL.n_tokens)
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(7))


@pytest.mark.parametrize(("n_frames", "mean_difference"), [(50, 0.005), (200, 0.02), (500, 0.05)])
def test_positions_in_bf16_differ_as_in_training(n_frames, mean_difference):
    rounded = position_table(n_frames, 560, torch.bfloat16, CPU).float()
    exact = position_table(n_frames, 560, torch.float32, CPU)
    assert (rounded - exact).abs().mean() == pytest.approx(mean_difference, rel=0.5)


def test_positions_are_counted_from_one():
    table = position_table(30, 8, torch.float64, CPU)
    waves = [10_000.0 ** (-wave / 3) for wave in range(4)]
    expected = [f(7 * wave) for f in (math.sin, math.cos) for wave in waves]
    assert table[6].tolist() == pytest.approx(expected)


def test_names_and_shapes_are_those_of_the_publication():
    with torch.device("meta"):
        encoder = SenseVoice(SenseVoiceConfig())
    shapes = {key: tuple(value.shape) for key, value in encoder.state_dict().items()}
    assert sum(map(math.prod, shapes.values())) == 233_999_167
    layer = {
        "self_attn.linear_q_k_v.weight": (1536, 512),
        "self_attn.linear_q_k_v.bias": (1536,),
        "self_attn.linear_out.weight": (512, 512),
        "self_attn.linear_out.bias": (512,),
        "self_attn.fsmn_block.weight": (512, 1, 11),
        "feed_forward.w_1.weight": (2048, 512),
        "feed_forward.w_1.bias": (2048,),
        "feed_forward.w_2.weight": (512, 2048),
        "feed_forward.w_2.bias": (512,),
        **{f"norm{n}.{kind}": (512,) for n in (1, 2) for kind in ("weight", "bias")},
    }
    widening = layer | {
        "self_attn.linear_q_k_v.weight": (1536, 560),
        "norm1.weight": (560,),
        "norm1.bias": (560,),
    }
    expected = {f"encoder.encoders0.0.{key}": shape for key, shape in widening.items()}
    for group, n_layers in (("encoders", 49), ("tp_encoders", 20)):
        for index in range(n_layers):
            expected |= {f"encoder.{group}.{index}.{key}": shape for key, shape in layer.items()}
    expected |= {
        f"encoder.{norm}.{kind}": (512,)
        for norm in ("after_norm", "tp_norm")
        for kind in ("weight", "bias")
    }
    expected |= {"ctc.ctc_lo.weight": (25_055, 512), "ctc.ctc_lo.bias": (25_055,)}
    expected |= {"embed.weight": (16, 560)}
    assert shapes == expected
    assert not [key for key in shapes if re.search("position", key)]
