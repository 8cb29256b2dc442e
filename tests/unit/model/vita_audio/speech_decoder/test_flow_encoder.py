import math

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_decoder.decoder_config import EncoderConfig  # noqa: E402
from model.vita_audio.speech_decoder.flow_encoder import (  # noqa: E402
    FlowEncoder,
    RelativeAttention,
    block_causal_mask,
    relative_positions,
)

CONFIG = EncoderConfig(width=16, n_heads=2, n_layers=2, feed_forward_width=32)


def filled(module, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return module.double().requires_grad_(requires_grad=False)


def sinusoid(distance, width):
    values = []
    for channel in range(0, width, 2):
        angle = distance / 10_000 ** (channel / width)
        values += [math.sin(angle), math.cos(angle)]
    return torch.tensor(values, dtype=torch.float64)


def test_attention_scores_are_those_of_content_and_distance():
    attention = filled(RelativeAttention(CONFIG))
    n, d = 13, 8
    x = torch.randn(1, n, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    allowed = block_causal_mask(n, 10, x.device)
    queries = attention.linear_q(x)[0].view(n, 2, d)
    keys = attention.linear_k(x)[0].view(n, 2, d)
    values = attention.linear_v(x)[0].view(n, 2, d)
    expected = torch.zeros(n, 2, d, dtype=torch.float64)
    for head in range(2):
        scores = torch.full((n, n), -math.inf, dtype=torch.float64)
        for i in range(n):
            for j in range(n):
                if i // 10 >= j // 10:
                    position = attention.linear_pos(sinusoid(i - j, 16)).view(2, d)[head]
                    content = (queries[i, head] + attention.pos_bias_u[head]) @ keys[j, head]
                    place = (queries[i, head] + attention.pos_bias_v[head]) @ position
                    scores[i, j] = (content + place) / math.sqrt(d)
        expected[:, head] = scores.softmax(-1) @ values[:, head]

    # the table itself is made in float32
    actual = attention(x, relative_positions(n, 16, x), allowed)

    assert torch.allclose(actual[0], attention.linear_out(expected.flatten(1)), atol=1e-6)


def test_a_code_sees_its_own_block_and_all_before():
    allowed = block_causal_mask(25, 10, torch.device("cpu"))

    assert allowed[3].nonzero().flatten().tolist() == list(range(10))
    assert allowed[10].nonzero().flatten().tolist() == list(range(20))
    assert bool(allowed[24].all())


def test_codes_of_full_blocks_are_not_changed_by_later_codes():
    encoder = filled(FlowEncoder(16, CONFIG))
    x = torch.randn(1, 37, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    whole = encoder(x)

    assert torch.allclose(encoder(x[:, :20]), whole[:, :20], atol=1e-10)
    assert not torch.allclose(encoder(x[:, :15])[:, 10:], whole[:, 10:15], atol=1e-3)
