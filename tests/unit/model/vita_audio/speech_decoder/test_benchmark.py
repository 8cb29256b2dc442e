import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_decoder.benchmark import measure, random_decoder  # noqa: E402
from model.vita_audio.speech_decoder.tiny import TINY  # noqa: E402


def test_each_number_of_steps_is_a_row_that_adds_up():
    decoder = random_decoder("cpu", torch.float32, TINY)

    rows = measure(decoder, steps=(1, 2), n_codes=40)

    assert [row.steps for row in rows] == [1, 2]
    for row in rows:
        assert row.speech_s == pytest.approx(275 * 256 / 22_050)
        assert row.realtime_factor == pytest.approx(row.flow_factor + row.vocoder_factor)
        assert 0 < row.first_piece_ms < 1e3 * row.realtime_factor * row.speech_s
        assert row.first_piece_s == pytest.approx(36 * 256 / 22_050)


def test_random_decoders_of_a_seed_are_equal():
    first, second = (random_decoder("cpu", torch.float32, TINY, seed=3) for _ in range(2))

    assert torch.equal(first._flow.encoder_proj.weight, second._flow.encoder_proj.weight)
