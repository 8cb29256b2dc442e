"""The speed table's own rules; the speeds are what ``parley bench vita-audio`` prints."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.errors import ModelError  # noqa: E402
from model.vita_audio.benchmark import decoding_speed  # noqa: E402
from model.vita_audio.benchmark.random_models import SIZES, library_model, random_model  # noqa: E402
from model.vita_audio.decoding.schedule import BALANCE, BOOST, TURBO, VANILLA  # noqa: E402
from model.vita_audio.language_model.model_config import BackboneSize  # noqa: E402

SMALL = BackboneSize(hidden=32, mlp=48, layers=2, heads=2, kv_heads=1, max_positions=256)


def test_the_forced_rhythm_is_that_of_the_training_data():
    table = decoding_speed._TABLE
    letters = "".join(
        {"text": "t", "begin_audio": "<", "code": "c", "end_audio": ">"}[table.kind_of(token_id)]
        for token_id in decoding_speed.rhythm(39)
    )
    segment = "<cccccccc>"
    assert letters == "t" + segment + 2 * ("tttt" + segment)


def test_every_mode_has_a_vanilla_of_its_own_head():
    settings = decoding_speed._settings(("full", "shortlist", "strict"))
    for head in ("full", "shortlist", "strict"):
        schedules = [setting.schedule for setting in settings if setting.head == head]
        assert {VANILLA, BOOST, BALANCE, TURBO} <= set(schedules)
    assert [s.mode for s in settings][:4] == ["vanilla", "boost", "balance", "turbo"]
    assert settings[0].head == "full", "as upstream runs it"
    assert len({setting.mode for setting in settings}) == len(settings)


def test_a_size_that_is_not_there_is_refused_by_name():
    with pytest.raises(ModelError, match="no size '3b'"):
        decoding_speed.measure("3b", "cpu", lambda _: None)


def test_a_device_that_is_not_there_is_refused_by_name():
    with pytest.raises(ModelError, match="'nowhere' cannot be used"):
        decoding_speed.measure("tiny", "nowhere", lambda _: None)


def test_a_model_larger_than_the_memory_is_refused_before_it_is_made(monkeypatch):
    # A petabyte at 16 bits.
    vast = BackboneSize(hidden=2**20, mlp=2**22, layers=20, heads=16, kv_heads=16)
    monkeypatch.setitem(SIZES, "7b", vast)
    with pytest.raises(ModelError, match="choose a smaller --size"):
        decoding_speed.measure("7b", "cpu", lambda _: None)


def test_the_librarys_model_shares_our_weights_and_chooses_the_same_tokens():
    model = random_model(SMALL, torch.float32, torch.device("cpu"))
    library = library_model(model)
    assert library.lm_head.weight.data_ptr() == model.lm_head.weight.data_ptr()
    from model.vita_audio.decoding.generator import DecodeOptions, decode  # noqa: PLC0415
    from model.vita_audio.decoding.state import DecodingState  # noqa: PLC0415
    from model.vita_audio.decoding.step_runner import StepRunner  # noqa: PLC0415

    prompt = decoding_speed.rhythm(12)
    with torch.inference_mode():
        theirs = library.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones((1, 12), dtype=torch.int64),
            max_new_tokens=8,
            do_sample=False,
            repetition_penalty=1.05,
            eos_token_id=None,
            pad_token_id=0,
        )[0, 12:].tolist()
    state = DecodingState(StepRunner(model), 0)
    state.extend(prompt)
    ours = [t.id for t in decode(state, decoding_speed._TABLE, DecodeOptions(max_new_tokens=8))]
    assert ours == theirs
