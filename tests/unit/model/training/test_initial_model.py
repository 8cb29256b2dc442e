from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("accelerate", reason="the speech-lm extra is not installed")

from tokenizers import Tokenizer  # noqa: E402
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config  # noqa: E402
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM  # noqa: E402

from model.training import stage1_alignment  # noqa: E402
from model.training.recipe import TrainingError  # noqa: E402
from model.training.vocabulary import (  # noqa: E402
    extend_stock_vocabulary,
    vita_audio_specials,
    write_byte_vocabulary,
)
from model.vita_audio.language_model.modeling import load_language_model  # noqa: E402
from model.vita_audio.language_model.text_tokenizer import TextTokenizer  # noqa: E402

N_BASE = 151_643  # of Qwen2.5 before its special tokens


def write_stock_tokenizer(folder, n_base):
    """Qwen2.5's layout: its own added tokens and none of VITA-Audio."""
    write_byte_vocabulary(folder, plus=False, n_base=n_base)
    first = TextTokenizer.from_directory(folder).convert_tokens_to_ids("<|begin_of_image|>")
    for name in ("tokenizer.json", "added_tokens.json"):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        if name == "tokenizer.json":
            kept = [one for one in content["added_tokens"] if one["id"] < first]
            content["added_tokens"] = kept
        else:
            content = {token: number for token, number in content.items() if number < first}
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    assert Tokenizer.from_file(str(folder / "tokenizer.json")).token_to_id("<|audio|>") is None


def write_stock_backbone(folder, n_base=257):
    write_stock_tokenizer(folder, n_base)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=288,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        tie_word_embeddings=True,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)


def test_extended_vocabulary_has_the_published_ids(tmp_path):
    """VITA-Audio: begin_of_audio 151674, audio_0 151685."""
    write_stock_tokenizer(tmp_path / "stock", N_BASE)
    made = extend_stock_vocabulary(tmp_path / "stock", tmp_path / "made", plus=False)
    found = [made.convert_tokens_to_ids(name) for name in vita_audio_specials(plus=False)]
    assert found == list(range(151_665, 151_685))
    assert made.convert_tokens_to_ids("<|begin_of_audio|>") == 151_674
    assert made.table.first_code == 151_685
    assert made.convert_tokens_to_ids("<|audio_16383|>") == 168_068
    assert len(made) == 168_069


def test_vocabulary_of_plus_has_one_token_more(tmp_path):
    write_stock_tokenizer(tmp_path / "stock", 257)
    plain, plus = (
        extend_stock_vocabulary(tmp_path / "stock", tmp_path / str(kind), plus=kind)
        for kind in (False, True)
    )
    assert plus.table.begin_of_audio == plain.table.begin_of_audio
    assert plus.table.context_of_audio == plain.table.end_of_audio + 1
    assert plus.table.first_code == plain.table.first_code + 1


def test_folder_without_a_tokenizer_is_no_start(tmp_path):
    with pytest.raises(TrainingError, match=r"tokenizer\.json cannot be read: .* Qwen2\.5"):
        extend_stock_vocabulary(tmp_path, tmp_path / "made", plus=False)


@pytest.fixture
def stock_recipe(nano_recipe, tmp_path):
    text = nano_recipe.read_text(encoding="utf-8")
    stages = text[text.index("[stages]") :]
    path = tmp_path / "stock.toml"
    head = 'name = "stock"\npattern = [1, 10, 4, 10]\n[start]\nbackbone = "Qwen"\n'
    path.write_text(head + stages, encoding="utf-8")
    return path


@pytest.mark.allow_warnings  # the library reports how it draws the new rows
@pytest.mark.allow_threads("tqdm_monitor")  # of the library's own bars, when weights are loaded
@pytest.mark.usefixtures("fresh_accelerate")
def test_stage_one_goes_on_from_a_stock_backbone(stock_recipe, text_data, tmp_path):
    write_stock_backbone(tmp_path / "Qwen")
    arguments = ("--recipe", stock_recipe, "--data", text_data, "--out", tmp_path / "out")
    changes = ("--set", "stages.1.rate=1e-12", "--set", "stages.1.steps=1")
    assert stage1_alignment.main([*map(str, arguments), *changes]) == 0
    folder = tmp_path / "out" / "model"
    model = load_language_model(folder, torch.float32)
    stock = Qwen2ForCausalLM.from_pretrained(tmp_path / "Qwen", dtype=torch.float32)
    assert model.config.tie_word_embeddings
    assert model.config.vocab_size >= len(TextTokenizer.from_directory(folder))
    for name, tensor in stock.model.layers.state_dict().items():
        torch.testing.assert_close(model.model.layers.state_dict()[name], tensor, atol=1e-2, rtol=0)


@pytest.mark.usefixtures("fresh_accelerate")
def test_missing_backbone_is_named(stock_recipe, text_data, tmp_path, capsys):
    arguments = ("--recipe", stock_recipe, "--data", text_data, "--out", tmp_path / "out")
    assert stage1_alignment.main([*map(str, arguments)]) == 1
    assert "Qwen/tokenizer.json cannot be read" in capsys.readouterr().err


@pytest.mark.usefixtures("fresh_accelerate")
def test_plus_needs_the_encoder(nano_recipe, text_data, tmp_path, capsys):
    arguments = ("--recipe", nano_recipe, "--data", text_data, "--out", tmp_path / "out")
    assert stage1_alignment.main([*map(str, arguments), "--set", "plus=true"]) == 1
    assert "start.sense_voice: a Plus model needs the model.pt" in capsys.readouterr().err
