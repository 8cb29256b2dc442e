import pytest

from model.vita_audio.speech_decoder.decode_stream import BlockPlan
from model.vita_audio.speech_decoder.decoder_config import DecoderConfig


@pytest.mark.parametrize(
    ("n_codes", "n_frames"),
    [(0, 0), (2, 13), (6, 41), (8, 55), (16, 110), (25, 172), (50, 344), (750, 5167)],
)
def test_codes_give_the_published_number_of_frames(n_codes, n_frames):
    assert DecoderConfig().n_frames(n_codes) == n_frames


def test_frame_counts_equal_the_published_float_formula():
    config = DecoderConfig()

    for n_codes in range(3000):
        assert config.n_frames(n_codes) == int(n_codes / 12.5 * 22_050 / 256)


def test_blocks_grow_and_the_last_size_repeats():
    plan = BlockPlan()

    sizes = [plan.size(i) for i in range(8)]

    assert sizes == [8, 25, 50, 100, 150, 200, 200, 200]


def test_window_starts_at_an_encoder_block_and_holds_the_prompt():
    plan = BlockPlan(prompt_codes=50)

    assert plan.window_start(33, encoder_block=10) == 0
    assert plan.window_start(183, encoder_block=10) == 130
    assert plan.window_start(187, encoder_block=10) == 130
