from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.vita_audio.benchmark.speech_speed import (  # noqa: E402
    decoder_rows,
    random_decoder,
    random_tokenizer,
    speech_rows,
    tokenizer_rows,
)
from model.vita_audio.speech_decoder.decoder_config import TINY_DECODER  # noqa: E402
from model.vita_audio.speech_tokenizer.tokenizer_config import TINY_TOKENIZER  # noqa: E402


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_kind_of_encoding_is_timed(dtype):
    tokenizer = random_tokenizer(TINY_TOKENIZER, dtype=dtype)
    rows = tokenizer_rows(tokenizer, offline_s=5.0, n_runs=2)
    lengths_s = {
        "speech encoder, offline (5 s)": 5.0,
        "speech encoder, block (4 s)": 4.0,
        "speech encoder, end of speech (2 s)": 2.0,
    }
    assert [row["mode"] for row in rows] == list(lengths_s)
    for row in rows:
        assert 0 < row["step_mean_ms"] <= 2 * row["step_p95_ms"]
        spent_s = row["step_mean_ms"] / 1e3
        assert row["realtime_factor"] == pytest.approx(spent_s / lengths_s[row["mode"]])


def test_each_number_of_flow_steps_is_a_row():
    decoder = random_decoder(TINY_DECODER, "cpu", torch.float32)
    rows = decoder_rows(decoder, steps=(1, 2), n_codes=40)
    assert [row["mode"] for row in rows] == [
        "speech decoder, flow steps: 1",
        "speech decoder, flow steps: 2",
    ]
    speech_s = 275 * 256 / 22_050
    for row in rows:
        assert 0 < row["first_piece_ms"] < 1e3 * row["realtime_factor"] * speech_s


def test_random_decoders_are_equal_and_leave_the_random_numbers_of_others_alone():
    before = torch.random.get_rng_state()
    first, second = (random_decoder(TINY_DECODER, "cpu", torch.float32) for _ in range(2))
    assert torch.equal(first._flow.encoder_proj.weight, second._flow.encoder_proj.weight)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_first_sound_is_the_sum_of_encoder_language_model_and_decoder():
    empty = {"mode": None, "step_mean_ms": None, "first_codes_ms": None, "first_piece_ms": None}
    rows = speech_rows(torch.device("cpu"), {"boost": 50.0}, empty, is_tiny=True)
    by_mode = {row["mode"]: row for row in rows}
    parts_ms = by_mode["speech encoder, end of speech (2 s)"]["step_mean_ms"]
    parts_ms += by_mode["speech decoder, flow steps: 1"]["first_piece_ms"]
    total = by_mode["first sound: encoder, boost, decoder"]
    assert total["first_piece_ms"] == pytest.approx(parts_ms + 50.0)
    assert total["step_mean_ms"] is None
