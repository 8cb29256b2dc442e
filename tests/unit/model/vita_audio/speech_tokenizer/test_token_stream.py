from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

BLOCK, SEGMENT = 2560, 8960  # samples, of the small tokenizer: blocks of 8, 8, 8 and 4 frames
CODE = 1280


def complete(n_samples):
    """Samples that lie in complete blocks."""
    whole, rest = divmod(n_samples, SEGMENT)
    return whole * SEGMENT + rest // BLOCK * BLOCK


def heard_in_pieces(stream, samples, ends):
    """Yields (samples so far, codes so far) after each piece."""
    codes = []
    for start, end in itertools.pairwise([0, *sorted(ends), len(samples)]):
        codes += stream.hear(samples[start:end])
        yield end, codes


@settings(max_examples=12)
@given(
    st.integers(0, 23_000),
    st.lists(st.integers(0, 23_000), max_size=4),
    st.integers(0, 100),
)
def test_a_stream_in_any_pieces_is_one_pass_with_the_running_maximum(
    small_tokenizer, one_pass, voice, n_samples, ends, seed
):
    samples = voice(n_samples, seed)
    stream = small_tokenizer.open_stream()

    for end, codes in heard_in_pieces(stream, samples, [min(end, n_samples) for end in ends]):
        assert len(codes) == complete(end) // CODE
        assert codes + stream.finish() == one_pass(samples[:end], running=True)


def test_pausing_changes_nothing_of_what_follows(small_tokenizer, voice):
    samples = voice(20_000)
    straight, pausing = small_tokenizer.open_stream(), small_tokenizer.open_stream()
    expected = straight.hear(samples)

    codes = []
    for piece in np.split(samples, range(700, 20_000, 700)):
        codes += pausing.hear(piece)
        assert pausing.finish() == pausing.finish()

    assert codes == expected
    assert pausing.finish() == straight.finish()


def test_earlier_sound_does_not_fill_the_end_of_an_open_block(small_tokenizer, one_pass, voice):
    samples = voice(BLOCK + 1340, 4)
    samples[:BLOCK] = 0.5 * np.sign(samples[:BLOCK])
    stream = small_tokenizer.open_stream()

    heard = stream.hear(samples[:BLOCK])
    for start, n_open in itertools.pairwise((0, 100, 650, 1340)):
        stream.hear(samples[BLOCK:][start:n_open])
        assert heard + stream.finish() == one_pass(samples[: BLOCK + n_open], running=True)


def test_codes_of_a_block_come_with_its_last_sample(small_tokenizer, voice):
    samples = voice(SEGMENT + BLOCK)
    stream = small_tokenizer.open_stream()
    ends = [BLOCK, 2 * BLOCK, 3 * BLOCK, SEGMENT, SEGMENT + BLOCK]

    for start, end in itertools.pairwise([0, *ends]):
        assert stream.hear(samples[start : end - 1]) == []
        assert len(stream.hear(samples[end - 1 : end])) == (end - start) // CODE
        assert stream.finish() == []


def test_final_codes_do_not_depend_on_later_sound(small_tokenizer, voice):
    first = voice(2 * BLOCK, 1)
    found = []
    for later in (np.zeros(BLOCK, np.float32), 0.9 * np.sign(voice(BLOCK, 2))):
        stream = small_tokenizer.open_stream()
        found.append(stream.hear(np.concatenate((first, later)))[: 2 * BLOCK // CODE])

    assert found[0] == found[1]


def test_open_codes_do_change_with_later_sound(small_tokenizer, voice):
    samples = voice(BLOCK)
    stream = small_tokenizer.open_stream()
    stream.hear(samples[: BLOCK // 2])
    early = stream.finish()

    final = stream.hear(samples[BLOCK // 2 :])

    assert len(early) == 1
    assert final[0] != early[0]


def test_a_stream_hears_as_offline_where_the_loudest_sound_comes_first(small_tokenizer, voice):
    samples = voice(3 * SEGMENT + 2000)
    for start in range(0, len(samples), SEGMENT):
        samples[start : start + 400] = 0.9
    stream = small_tokenizer.open_stream()

    assert stream.hear(samples) + stream.finish() == small_tokenizer.encode(samples)


def test_offline_hears_a_late_loud_sound_in_early_codes_and_a_stream_does_not(
    small_tokenizer, voice
):
    quiet, loud = 1e-4 * voice(BLOCK, 3), np.full(BLOCK, 0.9, np.float32)
    samples = np.concatenate((quiet, loud))
    stream = small_tokenizer.open_stream()
    n_early = BLOCK // CODE

    assert stream.hear(samples)[:n_early] == small_tokenizer.encode(quiet)
    assert small_tokenizer.encode(samples)[:n_early] != small_tokenizer.encode(quiet)


def test_segments_do_not_hear_each_other(small_tokenizer, voice):
    first, second = voice(SEGMENT, 1), voice(SEGMENT, 2)
    both, alone = small_tokenizer.open_stream(), small_tokenizer.open_stream()

    assert both.hear(np.concatenate((first, second)))[SEGMENT // CODE :] == alone.hear(second)


def test_streams_of_one_tokenizer_do_not_touch_each_other(small_tokenizer, voice):
    recordings = [voice(12_000, seed) for seed in range(2)]
    streams = [small_tokenizer.open_stream() for _ in recordings]
    mixed = [[], []]
    for start in range(0, 12_000, 1000):
        for k, stream in enumerate(streams):
            mixed[k] += stream.hear(recordings[k][start : start + 1000])

    for codes, samples in zip(mixed, recordings, strict=True):
        assert codes == small_tokenizer.open_stream().hear(samples)


def test_every_frame_is_encoded_once(small_tokenizer, small_network, voice):
    encoded = []
    hook = small_network.layers[0].register_forward_pre_hook(
        lambda _, arguments: encoded.append(arguments[0].shape[1])
    )
    try:
        stream = small_tokenizer.open_stream()
        for piece in np.split(voice(2 * SEGMENT), range(300, 2 * SEGMENT, 300)):
            stream.hear(piece)
    finally:
        hook.remove()

    assert encoded == [8, 8, 8, 4] * 2
