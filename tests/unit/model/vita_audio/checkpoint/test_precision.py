"""The form of a model follows from the memory that is free."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import ModelError
from model.vita_audio.checkpoint.precision import (
    LEAST_CONTEXT,
    ModelSize,
    NotEnoughMemory,
    Quantization,
    choose_precision,
    memory_span,
)

GB = 1_000_000_000
CONFIG: dict[str, object] = {
    "model_type": "qwen2_mtp",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "num_hidden_layers": 38,
    "num_nextn_predict_layers": 10,
    "vocab_size": 168072,
    "max_position_embeddings": 32768,
}
PLUS = {
    **CONFIG,
    "model_type": "qwen2_mtp_sensevoice",
    "num_hidden_layers": 28,
    "num_nextn_predict_layers": 0,
}
BOOST = ModelSize.from_config(CONFIG)
NONE, INT8, INT4 = Quantization.NONE, Quantization.INT8, Quantization.INT4


def test_parameter_counts_are_the_published_ones() -> None:
    assert BOOST.n_parameters == 10_317_912_576
    assert ModelSize.from_config(PLUS).n_parameters == 7_979_042_111


@pytest.mark.parametrize(
    ("free_gb", "quantization", "uses_mctp"),
    [
        (139, NONE, True),
        (40, NONE, True),
        (26, NONE, True),
        (23.5, INT8, True),  # a card of 24 GB
        (19, INT8, True),
        (15.7, INT4, True),
        (11.7, INT4, False),  # a card of 12 GB
    ],
)
def test_cards_get_the_form_of_the_published_tiers(
    free_gb: float, quantization: Quantization, uses_mctp: bool
) -> None:
    choice = choose_precision(int(free_gb * GB), BOOST, "cuda")
    assert (choice.dtype, choice.quantization) == ("bfloat16", quantization)
    assert choice.uses_mctp is uses_mctp
    assert choice.context_tokens >= LEAST_CONTEXT


def test_the_reason_names_what_is_free_and_what_the_better_form_would_need() -> None:
    reason = choose_precision(int(23.5 * GB), BOOST, "cuda").reason
    assert "8-bit backbone" in reason
    assert "23.5 GB are free on the GPU" in reason
    assert "16-bit would need" in reason


def test_too_little_memory_is_one_line_with_the_need() -> None:
    with pytest.raises(NotEnoughMemory, match=r"6\.0 GB are free on the GPU.* at least"):
        choose_precision(6 * GB, BOOST, "cuda")


def test_a_small_model_on_the_cpu_keeps_full_precision() -> None:
    small = replace(BOOST, backbone=10**6, vocabulary=10**6, mctp=10**5, speech=10**6)
    assert choose_precision(4 * GB, small, "cpu").dtype == "float32"


def test_a_large_model_on_the_cpu_takes_half_precision_before_eight_bits() -> None:
    assert choose_precision(30 * GB, BOOST, "cpu").dtype == "bfloat16"
    assert choose_precision(20 * GB, BOOST, "cpu").quantization is INT8


def test_a_wish_is_obeyed_or_refused() -> None:
    assert choose_precision(139 * GB, BOOST, "cuda", "int4").quantization is INT4
    with pytest.raises(NotEnoughMemory):
        choose_precision(12 * GB, BOOST, "cuda", "bf16")
    with pytest.raises(ModelError, match="4-bit backbone is not available on the CPU"):
        choose_precision(139 * GB, BOOST, "cpu", "int4")
    with pytest.raises(ModelError, match="8-bit backbone is not available on the GPU"):
        choose_precision(139 * GB, BOOST, "mps", "int8")


def test_the_context_is_no_longer_than_the_model_knows() -> None:
    assert choose_precision(139 * GB, BOOST, "cuda", context_tokens=10**6).context_tokens == 32768


def test_an_unknown_device_or_a_broken_config_is_one_line() -> None:
    with pytest.raises(ModelError, match="'tpu' is unknown"):
        choose_precision(139 * GB, BOOST, "tpu")
    with pytest.raises(ModelError, match=r"config\.json: hidden_size"):
        ModelSize.from_config({**CONFIG, "hidden_size": "wide"})


def test_the_span_is_what_the_catalog_says() -> None:
    least, full = memory_span(BOOST)
    assert 8 * GB < least < 12 * GB
    assert 22 * GB < full < 26 * GB


@given(
    free=st.integers(0, 200 * GB),
    device=st.sampled_from(["cuda", "mps", "cpu"]),
    k=st.sampled_from([0, 1, 10]),
)
def test_a_choice_never_needs_more_than_is_free(free: int, device: str, k: int) -> None:
    size = replace(BOOST, n_mctp=k)
    try:
        choice = choose_precision(free, size, device)
    except NotEnoughMemory:
        assert free < memory_span(size, device)[0]
        return
    assert choice.needed_bytes <= free
    assert choice.uses_mctp <= (k > 0)


@given(free=st.integers(12 * GB, 60 * GB), more=st.integers(0, 60 * GB))
def test_more_memory_never_gives_fewer_bits(free: int, more: int) -> None:
    bits = {NONE: 16, INT8: 8, INT4: 4}
    less_bits = bits[choose_precision(free, BOOST, "cuda").quantization]
    assert bits[choose_precision(free + more, BOOST, "cuda").quantization] >= less_bits
