import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.errors import ModelError  # noqa: E402
from model.vita_audio.speech_decoder.decode_stream import (  # noqa: E402
    BlockPlan,
    fade,
)

PLAN = BlockPlan(growth=(12, 20), prompt_codes=20)


def codes(n, seed=0):
    return [int(code) for code in np.random.default_rng(seed).integers(0, 16_384, n)]


def samples_of(pieces):
    heard = [piece for piece in pieces if piece is not None]
    return np.concatenate([np.zeros(0, np.float32), *heard])


def speak(decoder, all_codes, sizes=(), seed=1, plan=PLAN, steps=2):
    """Samples of a whole reply, pushed in the given sizes, the rest at once."""
    stream = decoder.open_stream(seed, first_steps=1, steps=steps, plan=plan)
    rest = iter(all_codes)
    pieces = []
    for size in sizes:
        pieces += list(stream.push(list(itertools.islice(rest, size))))
    pieces += list(stream.push(list(rest)))
    return samples_of([*pieces, *stream.finish()])


@pytest.mark.parametrize("n_codes", [1, 2, 6, 8, 9, 16, 20, 25, 40, 50, 77])
def test_a_reply_has_exactly_the_samples_of_its_codes(decoder, n_codes):
    samples = speak(decoder, codes(n_codes))

    assert len(samples) == int(n_codes / 12.5 * 22_050 / 256) * 256
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert samples.std() > 1e-3


@pytest.mark.parametrize("n_codes", [8, 20, 40])
def test_the_tail_is_flushed_where_a_block_ends_exactly(decoder, n_codes):
    stream = decoder.open_stream(1, first_steps=1, steps=1, plan=PLAN)
    before = samples_of(stream.push(codes(n_codes)))

    tail = samples_of(stream.finish())

    assert len(tail) > 0
    assert len(before) + len(tail) == decoder.config.n_frames(n_codes) * 256


def test_nothing_said_is_nothing_heard(decoder):
    stream = decoder.open_stream(1)

    assert list(stream.push([])) == []
    assert list(stream.finish()) == []


def test_what_was_emitted_is_the_same_whatever_follows(decoder):
    shared = codes(45)
    streams = [decoder.open_stream(1, first_steps=1, steps=2, plan=PLAN) for _ in range(3)]
    emitted = [samples_of(stream.push(shared)) for stream in streams]
    continuations = [[], codes(3, seed=8), codes(40, seed=9)]

    wholes = []
    for stream, head, more in zip(streams, emitted, continuations, strict=True):
        wholes.append(np.concatenate((head, samples_of(stream.push(more)))))
        wholes[-1] = np.concatenate((wholes[-1], samples_of(stream.finish())))

    n_shared = len(emitted[0])
    assert n_shared > 0
    for whole in wholes:
        assert np.array_equal(whole[:n_shared], emitted[0])
    assert not np.array_equal(wholes[1][: n_shared + 9_000], wholes[2][: n_shared + 9_000])


@pytest.mark.parametrize("sizes", [[1] * 60, [8, 8, 8, 8, 8], [7, 1, 50], [60]])
def test_audio_does_not_depend_on_how_codes_arrive(decoder, sizes):
    assert np.array_equal(speak(decoder, codes(60), sizes), speak(decoder, codes(60)))


def test_a_seed_gives_the_same_audio_and_another_seed_another(decoder):
    first = speak(decoder, codes(30), seed=5)

    assert np.array_equal(speak(decoder, codes(30), seed=5), first)
    assert not np.allclose(speak(decoder, codes(30), seed=6), first, atol=1e-3)


def test_the_global_generator_is_neither_used_nor_touched(decoder):
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = speak(decoder, codes(20))
    assert torch.equal(torch.random.get_rng_state(), state)

    torch.manual_seed(2)

    assert np.array_equal(speak(decoder, codes(20)), first)


def test_two_streams_in_turns_do_not_touch_each_other(decoder):
    replies = [codes(40, seed=1), codes(40, seed=2)]
    alone = [speak(decoder, reply) for reply in replies]
    streams = [decoder.open_stream(1, first_steps=1, steps=2, plan=PLAN) for _ in replies]
    pieces = [[], []]
    for start in range(0, 40, 10):
        runs = [
            stream.push(reply[start : start + 10])
            for stream, reply in zip(streams, replies, strict=True)
        ]
        for pair in itertools.zip_longest(*runs):
            for heard, piece in zip(pieces, pair, strict=True):
                heard.append(piece)

    for heard, stream, whole in zip(pieces, streams, alone, strict=True):
        assert np.array_equal(samples_of([*heard, *stream.finish()]), whole)


def test_each_flow_step_gives_the_caller_a_look_at_its_cancel_token(decoder):
    stream = decoder.open_stream(1, first_steps=3, steps=5, plan=PLAN)

    first = list(stream.push(codes(8)))
    second = list(stream.push(codes(12)))

    assert [piece is None for piece in first] == [True] * 3 + [False]
    assert sum(piece is None for piece in second) == 5


@pytest.mark.parametrize("n_results", range(9))
def test_a_call_that_is_left_early_loses_nothing(decoder, n_results):
    plan = BlockPlan(growth=(12, 20), prompt_codes=20, slice_frames=40)
    whole = speak(decoder, codes(45), plan=plan)
    stream = decoder.open_stream(1, first_steps=1, steps=2, plan=plan)

    run = stream.push(codes(45))
    heard = list(itertools.islice(run, n_results))
    run.close()

    assert np.array_equal(samples_of([*heard, *stream.finish()]), whole)


def test_first_piece_comes_from_eight_codes(decoder):
    stream = decoder.open_stream(1, first_steps=1)

    assert not samples_of(stream.push(codes(7))).size
    first = samples_of(stream.push(codes(1)))

    assert len(first) == (55 - 19) * 256


def test_cost_of_a_block_is_bounded_in_a_long_reply(decoder):
    stream = decoder.open_stream(1, first_steps=1, steps=1, plan=PLAN)
    for start in range(0, 300, 20):
        for _ in stream.push(codes(20, seed=start)):
            pass

    longest = decoder.config.n_frames(20 + 10 + 1) + PLAN.keep_back_frames
    assert stream._mel.shape[-1] <= longest
    assert len(stream._noise._slabs) <= 5


def test_loudness_does_not_jump_at_block_joints(decoder):
    """Frames around the joints of the mel against frames elsewhere."""
    samples = speak(decoder, codes(200, seed=4), steps=4)
    level_db = 20 * np.log10(samples.reshape(-1, 256).std(axis=1) + 1e-9)
    jumps = np.abs(np.diff(np.convolve(level_db, np.ones(8) / 8, "valid")))
    stops = np.cumsum([8, 12, *[20] * 9])
    joints = [decoder.config.n_frames(int(stop)) - PLAN.keep_back_frames for stop in stops]
    near = np.concatenate([jumps[max(0, joint - 9) : joint + 2] for joint in joints])

    assert near.max() <= jumps.max()
    assert near.mean() <= 1.5 * jumps.mean()


def test_fading_two_equal_drafts_changes_nothing():
    mel = torch.randn(1, 8, 50, generator=torch.Generator().manual_seed(0))

    assert torch.allclose(fade(mel[..., :34], mel), mel, atol=1e-6)


def test_fading_goes_from_the_draft_to_the_new_frames_without_overshoot():
    faded = fade(torch.full((1, 1, 34), -6.0), torch.full((1, 1, 50), -2.0))[0, 0]

    assert float(faded[0]) == pytest.approx(-6.0 + 4 * 0.074, abs=0.02)
    assert bool((faded.diff() >= 0).all())
    assert float(faded[33]) == pytest.approx(-2.0 - 4 * 0.074, abs=0.02)
    assert torch.equal(faded[34:], torch.full((16,), -2.0))


def test_a_code_of_another_vocabulary_is_refused(decoder):
    stream = decoder.open_stream(1)

    with pytest.raises(ModelError, match=r"audio code 16384 is outside 0…16383"):
        stream.push([1, 16_384])


def test_codes_after_the_end_are_refused(decoder):
    stream = decoder.open_stream(1)
    stream.finish()

    with pytest.raises(ModelError, match="after the end"):
        stream.push([1])


def test_zero_steps_are_refused(decoder):
    with pytest.raises(ModelError, match="1 or more, not 0 and 10"):
        decoder.open_stream(1, first_steps=0, steps=10)
