from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

import soundfile  # noqa: E402

from model.training.journal import Journal  # noqa: E402
from model.training.sample_replies import SENTENCES, SampleReplies, greedy_reply  # noqa: E402
from model.vita_audio.conversation.prompts import synthesis  # noqa: E402
from model.vita_audio.decoding.generator import DecodeOptions, decode  # noqa: E402
from model.vita_audio.decoding.output_head import SamplingSettings  # noqa: E402
from model.vita_audio.decoding.schedule import BALANCE, BOOST, VANILLA  # noqa: E402
from model.vita_audio.decoding.state import DecodingState  # noqa: E402
from model.vita_audio.decoding.step_runner import StepRunner  # noqa: E402
from model.vita_audio.language_model.modeling import load_language_model  # noqa: E402
from model.vita_audio.language_model.text_tokenizer import TextTokenizer  # noqa: E402
from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model  # noqa: E402

N_TOKENS = 40


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    torch.set_num_threads(1)
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("schedule", [VANILLA, BOOST, BALANCE], ids=["vanilla", "boost", "balance"])
def test_reply_is_that_of_decoding_with_caches(tiny, schedule):
    model = load_language_model(tiny, torch.float32)
    tokenizer = TextTokenizer.from_directory(tiny)
    prompt = synthesis(tokenizer, "Good morning.").ids
    made = list(greedy_reply(model, prompt, schedule, tokenizer.table.end_ids, N_TOKENS))
    state = DecodingState(StepRunner(model))
    state.extend(prompt)
    options = DecodeOptions(
        schedule, SamplingSettings(temperature=0.0, repetition_penalty=1.0), max_new_tokens=N_TOKENS
    )
    assert made == [token.id for token in decode(state, tokenizer.table, options)]
    assert len(made) > 5


def test_each_sentence_leaves_its_text_and_its_sound(tiny, tmp_path):
    model = load_language_model(tiny, torch.float32)
    model.train()
    tokenizer = TextTokenizer.from_directory(tiny)
    samples = SampleReplies(
        tmp_path / "samples", tokenizer, BOOST.pattern, tiny.parent, model.device
    )
    with Journal(tmp_path, 0) as journal:
        samples.make(model, 7, journal)
    assert model.training
    for number, sentence in enumerate(SENTENCES):
        stem = tmp_path / "samples" / f"step-000007-{number}"
        assert stem.with_suffix(".txt").read_text(encoding="utf-8").startswith(sentence)
        sound, rate_hz = soundfile.read(stem.with_suffix(".wav"))
        assert rate_hz == 22_050
        assert len(sound) > rate_hz // 4
