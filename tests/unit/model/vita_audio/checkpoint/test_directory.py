"""A folder says which parts it holds, and every file or key that is missing or does not belong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from model.errors import WeightsError
from model.vita_audio.checkpoint.directory import problems_of, resolve
from tests.fakes.vita_layout import write_json, write_layout, write_tensors


def only(folder: Path) -> str:
    (problem,) = problems_of(folder)
    return problem


def test_siblings_are_found_and_the_variant_is_read(tmp_path: Path) -> None:
    folder = write_layout(tmp_path, k=3)
    found = resolve(folder)
    assert found.language_model == folder
    assert found.speech_tokenizer == tmp_path / "glm-4-voice-tokenizer"
    assert found.speech_decoder == tmp_path / "glm-4-voice-decoder"
    assert (found.is_plus, found.n_mctp, found.statistics) == (False, 3, None)
    assert problems_of(folder) == ()


def test_the_folder_around_all_parts_may_be_named(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    assert resolve(tmp_path) == resolve(folder)
    assert problems_of(tmp_path) == ()


def test_parts_inside_the_model_are_found(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    for name in ("glm-4-voice-tokenizer", "glm-4-voice-decoder"):
        shutil.move(tmp_path / name, folder / name)
    assert resolve(folder).speech_decoder == folder / "glm-4-voice-decoder"
    assert problems_of(folder) == ()


def test_a_plus_model_needs_its_statistics_and_no_tokenizer(tmp_path: Path) -> None:
    folder = write_layout(tmp_path, plus=True, k=0)
    found = resolve(folder)
    assert found.speech_tokenizer is None
    assert found.statistics == folder / "am.mvn"
    assert problems_of(folder) == ()
    (tmp_path / "SenseVoiceSmall").mkdir()
    shutil.move(folder / "am.mvn", tmp_path / "SenseVoiceSmall" / "am.mvn")
    assert resolve(folder).statistics == tmp_path / "SenseVoiceSmall" / "am.mvn"
    (tmp_path / "SenseVoiceSmall" / "am.mvn").unlink()
    assert "am.mvn is missing" in only(folder)


@pytest.mark.parametrize(
    "name",
    [
        "model-00001-of-00002.safetensors",
        "generation_config.json",
        "tokenizer.json",
        "../glm-4-voice-decoder/flow.pt",
        "../glm-4-voice-decoder/config.yaml",
        "../glm-4-voice-tokenizer/model.safetensors",
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_layout(tmp_path)
    (folder / name).unlink()
    problem = only(folder)
    assert Path(name).name in problem
    assert "missing" in problem


def test_a_missing_part_is_named_with_its_place(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    shutil.rmtree(tmp_path / "glm-4-voice-decoder")
    with pytest.raises(WeightsError, match=r"glm-4-voice-decoder is missing.*beside"):
        resolve(folder)
    assert "glm-4-voice-decoder is missing" in only(folder)


def test_a_converted_decoder_needs_its_pt_files_no_more(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    decoder = tmp_path / "glm-4-voice-decoder"
    (decoder / "flow.pt").rename(decoder / "flow.safetensors")
    assert problems_of(folder) == ()


@pytest.mark.parametrize("name", ["modeling_qwen2.py", "pytorch_model.bin", "song.mp3"])
def test_a_file_without_use_is_named(tmp_path: Path, name: str) -> None:
    folder = write_layout(tmp_path)
    (folder / name).write_bytes(b"?")
    assert only(folder).startswith(f"{folder / name} is not used")


def test_a_shard_outside_the_index_is_named(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    write_tensors(folder / "model-00003-of-00003.safetensors", ["spare"])
    assert "does not list it" in only(folder)


def test_missing_and_unexpected_keys_are_named(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    for path in folder.glob("model*"):
        path.unlink()
    write_tensors(folder / "model.safetensors", ["lm_head.weight", "vision.weight"])
    missing, unexpected = problems_of(folder)
    assert "model.embed_tokens.weight" in missing
    assert "more" in missing
    assert unexpected.endswith("does not ask for: vision.weight")


def test_a_cut_shard_is_named(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    shard = folder / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert "is damaged or incomplete" in only(folder)
    shard.write_bytes(b"\0" * 4)
    assert f"{shard} is damaged or incomplete" in only(folder)


def test_an_index_that_lies_is_named(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    shards = sorted(set(content["weight_map"].values()))
    place = content["weight_map"]["lm_head.weight"]
    content["weight_map"]["lm_head.weight"] = shards[1 - shards.index(place)]
    write_json(index, content)
    assert f"{place} lacks" not in only(folder)
    assert "lacks lm_head.weight, which model.safetensors.index.json lists" in only(folder)
    index.write_text("{")
    assert any("cannot be read" in problem for problem in problems_of(folder))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "llama"}, "model_type: must be one of qwen2_mtp, .*, got 'llama'"),
        (
            {"model_type": "qwen2_mtp", "num_nextn_predict_layers": "ten"},
            "must be a whole number of at least 0",
        ),
    ],
)
def test_another_model_is_refused(tmp_path: Path, config: dict[str, object], said: str) -> None:
    folder = write_layout(tmp_path)
    write_json(folder / "config.json", config)
    with pytest.raises(WeightsError, match=said):
        resolve(folder)


def test_no_folder_an_empty_one_and_one_with_several_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is no folder"):
        resolve(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match="is this a VITA-Audio model"):
        resolve(tmp_path)
    write_layout(tmp_path / "a")
    shutil.move(tmp_path / "a" / "VITA-Audio-Boost", tmp_path / "first")
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    with pytest.raises(WeightsError, match="several models"):
        resolve(tmp_path)
