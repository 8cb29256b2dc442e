import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_decoder.source import NoiseTape  # noqa: E402


def test_a_frame_has_the_same_noise_however_it_is_asked_for():
    whole = NoiseTape(seed=7, width=5).cut(0, 700)
    piecewise = NoiseTape(seed=7, width=5)

    pieces = [piecewise.cut(start, start + 35) for start in range(0, 700, 35)]

    assert torch.equal(torch.cat(pieces), whole)
    assert torch.equal(piecewise.cut(301, 460), whole[301:460])
    assert not torch.equal(NoiseTape(seed=8, width=5).cut(0, 700), whole)


def test_forgetting_keeps_the_rest_and_the_memory_small():
    tape, whole = NoiseTape(seed=7, width=5), NoiseTape(seed=7, width=5).cut(0, 4000)

    for start in range(0, 4000, 100):
        assert torch.equal(tape.cut(start, start + 100), whole[start : start + 100])
        tape.forget_before(start)

    assert len(tape._slabs) <= 3


def test_an_empty_stretch_is_empty():
    assert NoiseTape(seed=1, width=5).cut(0, 0).shape == (0, 5)


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()

    NoiseTape(seed=7, width=5).cut(0, 300)

    assert torch.equal(before, torch.random.get_rng_state())
