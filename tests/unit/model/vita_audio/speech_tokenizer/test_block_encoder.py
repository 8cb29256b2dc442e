from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_tokenizer.block_encoder import BlockCausalEncoder, Codes, SegmentState  # noqa: E402
from model.vita_audio.speech_tokenizer.tokenizer_config import SpeechTokenizerConfig  # noqa: E402


def blocks_of(features, n_block):
    """The first block has one mel frame less, each later one starts with the odd frame before."""
    first = 2 * n_block - 1
    return [features[:first], *features[first:].split(2 * n_block)]


def encoded(network, blocks):
    state = SegmentState(network.config, torch.device("cpu"), torch.float64)
    with torch.no_grad():
        return [network(block, network.config.n_block, state, keep=True) for block in blocks]


def test_the_published_size_has_the_published_parameters():
    with torch.device("meta"):
        network = BlockCausalEncoder(SpeechTokenizerConfig())

    held = sum(tensor.numel() for tensor in network.parameters())
    after_the_codebook = 1500 // 4 * 1280  # embed_positions2, which no code depends on

    assert held + after_the_codebook == 343_599_360


def test_parameters_have_the_published_names():
    with torch.device("meta"):
        names = set(BlockCausalEncoder(SpeechTokenizerConfig()).state_dict())

    whole = {f"{part}.{kind}" for part in ("conv1", "conv2") for kind in ("weight", "bias")}
    whole |= {"embed_positions.weight", "codebook.weight"}
    parts = ["self_attn.k_proj.weight"]
    for part in (
        *(f"self_attn.{name}_proj" for name in ("q", "v", "out")),
        "self_attn_layer_norm",
        "fc1",
        "fc2",
        "final_layer_norm",
    ):
        parts += [f"{part}.weight", f"{part}.bias"]
    assert names == whole | {f"layers.{k}.{part}" for k in range(16) for part in parts}


def test_a_block_sees_itself_whole_and_nothing_later(small_network):
    n_block, n_bands = small_network.config.n_block, small_network.config.n_bands
    features = torch.randn(6 * n_block - 1, n_bands, dtype=torch.float64)
    before = encoded(small_network, blocks_of(features, n_block))
    last_of_second = 4 * n_block - 2
    features[last_of_second] += 1.0
    after = encoded(small_network, blocks_of(features, n_block))

    assert torch.equal(before[0], after[0])
    assert not torch.isclose(before[1], after[1]).all(1).any(), "every frame of its own block"
    assert not torch.isclose(before[2], after[2]).all(1).any(), "and of the next one"


def test_an_incomplete_block_leaves_no_trace(small_network):
    config = small_network.config
    n_block = config.n_block
    features = torch.randn(4 * n_block - 1, config.n_bands, dtype=torch.float64)
    first, second = blocks_of(features, n_block)
    state = SegmentState(config, torch.device("cpu"), torch.float64)
    with torch.no_grad():
        small_network(first, n_block, state, keep=True)
        small_network(second[: n_block + 4], 5, state, keep=False)
        after = small_network(second, n_block, state, keep=True)

    assert torch.equal(after, encoded(small_network, [first, second])[1])


def test_frames_of_padding_are_not_seen(small_network):
    config = small_network.config
    features = torch.randn(2 * config.n_block - 1, config.n_bands, dtype=torch.float64)
    state = SegmentState(config, torch.device("cpu"), torch.float64)
    with torch.no_grad():
        before = small_network(features, 5, state, keep=False)
        features[2 * 5 - 1 :] += 1.0
        after = small_network(features, 5, state, keep=False)

    torch.testing.assert_close(before[:5], after[:5], atol=1e-12, rtol=0)
    assert not torch.isclose(before[5:], after[5:]).all()


def test_the_nearest_code_is_found_by_distance():
    codebook, hidden = torch.randn(300, 12), torch.randn(40, 12)

    found = Codes(codebook, n_pooled=4).nearest(hidden)

    groups = hidden.view(10, 4, 12).mean(1)
    squares = (groups[:, None] - codebook[None]).square().sum(2)
    assert found.tolist() == squares.argmin(1).tolist()


def test_of_equally_near_codes_the_first_is_taken():
    codebook = torch.tensor([[9.0, 9.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    found = Codes(codebook, n_pooled=1).nearest(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))

    assert found.tolist() == [1, 1]


def test_half_precision_frames_are_compared_in_single_precision():
    far = torch.full((1, 64), 16.0)
    codebook = torch.cat((far + 0.06, far + 0.04))

    found = Codes(codebook, n_pooled=1).nearest(far.to(torch.bfloat16))

    assert found.tolist() == [1]
