from __future__ import annotations

import itertools
import json

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.vita_audio.checkpoint.directory import read_generation_defaults  # noqa: E402
from model.vita_audio.language_model.modeling import load_language_model  # noqa: E402
from model.vita_audio.language_model.text_tokenizer import TextTokenizer  # noqa: E402
from model.vita_audio.language_model.tokens import TokenKind  # noqa: E402
from tests.fakes.vita_checkpoints.tiny_language_model import write_tiny_language_model  # noqa: E402
from tests.fakes.vita_reference import teacher_forced_logits  # noqa: E402


@pytest.mark.parametrize(("plus", "k"), [(False, 10), (True, 0), (True, 10)])
def test_written_directory_loads_and_fits_its_tokenizer(tmp_path, plus, k):
    write_tiny_language_model(tmp_path, plus=plus, k=k)
    model = load_language_model(tmp_path, torch.float32)
    table = TextTokenizer.from_directory(tmp_path).table
    assert (model.is_plus, model.num_mctp_modules) == (plus, k)
    assert model.config.vocab_size % 8 == 0
    assert 0 <= model.config.vocab_size - table.n_used < 8
    generation = json.loads((tmp_path / "generation_config.json").read_text())
    assert set(generation["eos_token_id"]) == table.end_ids
    assert len(list(tmp_path.glob("model-*-of-00003.safetensors"))) == 3


def test_same_seed_writes_the_same_weights(tmp_path):
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        write_tiny_language_model(tmp_path / name, k=1, seed=seed)
    shard = "model-00001-of-00003.safetensors"
    one, two, three = ((tmp_path / name / shard).read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_writing_leaves_the_random_numbers_of_others_alone(tmp_path):
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    write_tiny_language_model(tmp_path, k=0)
    assert torch.equal(torch.rand(3), expected)


def test_published_fields_are_written_in_the_old_manner(tmp_path):
    write_tiny_language_model(tmp_path)
    fields = json.loads((tmp_path / "config.json").read_text())
    assert fields["rope_theta"] == 1_000_000.0
    assert not {"rope_parameters", "layer_types"} & set(fields)
    assert read_generation_defaults(tmp_path).pattern == (1, 10, 4, 10)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_level_babbles_letters_and_segments_of_codes(tmp_path, level):
    torch.set_num_threads(1)
    write_tiny_language_model(tmp_path, k=2, seed=0)
    model = load_language_model(tmp_path, torch.float32)
    tokenizer = TextTokenizer.from_directory(tmp_path)
    table = tokenizer.table
    draw = torch.Generator().manual_seed(0)
    ids = list(b"hello")
    for _ in range(60):
        with torch.no_grad():
            scores = teacher_forced_logits(model, torch.tensor(ids))[level][-1]
        best, candidates = (scores / 0.7).topk(20)
        ids.append(int(candidates[torch.multinomial(best.softmax(0), 1, generator=draw)]))
        if ids[-1] in table.end_ids:
            break
    kinds = [table.kind_of(token_id) for token_id in ids[5:]]
    assert {TokenKind.TEXT, TokenKind.CODE} <= set(kinds)
    for kind, after in itertools.pairwise(kinds):
        if after is TokenKind.CODE:
            assert kind in (TokenKind.BEGIN_AUDIO, TokenKind.CODE)
        if after is TokenKind.END_AUDIO:
            assert kind is TokenKind.CODE
