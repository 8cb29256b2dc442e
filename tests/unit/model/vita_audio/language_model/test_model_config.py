from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.errors import ModelError
from model.vita_audio.language_model.model_config import (
    BACKBONE_05B,
    BACKBONE_7B,
    VitaAudioPlusConfig,
    make_config,
    read_config,
)

# The fields of the upstream template for a 7B backbone and ten modules.
PUBLISHED: dict[str, Any] = {
    "architectures": ["Qwen2MTPForCausalLM"],
    "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_qwen2.Qwen2MTPConfig"},
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "hidden_act": "silu",
    "hidden_size": 3584,
    "initializer_range": 0.02,
    "intermediate_size": 18944,
    "max_position_embeddings": 32768,
    "max_window_layers": 28,
    "model_type": "qwen2_mtp",
    "mtp_loss_weight": 1.0,
    "num_attention_heads": 28,
    "num_hidden_layers": 38,
    "num_key_value_heads": 4,
    "num_nextn_predict_layers": 10,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000.0,
    "sliding_window": 131072,
    "speech_token_offset": 151685,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.48.3",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 168072,
}


def written(directory: Path, **changes: Any) -> Path:
    fields = {name: value for name, value in (PUBLISHED | changes).items() if value != "absent"}
    (directory / "config.json").write_text(json.dumps(fields))
    return directory


def test_published_fields_are_read(tmp_path):
    config = read_config(written(tmp_path))
    assert config.num_backbone_layers == 28
    assert config.rope_parameters == {"rope_theta": 1_000_000.0, "rope_type": "default"}
    assert config.layer_types == ["full_attention"] * 38
    assert config.speech_token_offset == 151_685
    preset = make_config(BACKBONE_7B, k=10).to_dict()
    same = set(preset) - {"speech_token_offset", "architectures", "dtype", "transformers_version"}
    assert {name: config.to_dict()[name] for name in same} == {name: preset[name] for name in same}


@pytest.mark.parametrize("k", [0, 1, 10])
def test_plus_variant_is_told_by_its_model_type(tmp_path, k):
    directory = written(
        tmp_path,
        model_type="qwen2_mtp_sensevoice",
        num_nextn_predict_layers=k,
        num_hidden_layers=28 + k,
        speech_token_offset="absent",
    )
    config = read_config(directory)
    assert isinstance(config, VitaAudioPlusConfig)
    assert (config.num_nextn_predict_layers, config.num_backbone_layers) == (k, 28)


def test_rotation_is_that_of_qwen_where_no_field_says_so(tmp_path):
    config = read_config(written(tmp_path, rope_theta="absent", rope_scaling="absent"))
    assert config.rope_parameters["rope_theta"] == 1_000_000.0


def test_list_of_the_backbones_layers_is_completed_for_the_modules(tmp_path):
    config = read_config(written(tmp_path, layer_types=["full_attention"] * 28))
    assert len(config.layer_types) == 38


def test_configuration_survives_being_saved(tmp_path):
    config = make_config(BACKBONE_05B, k=1, plus=True, audio_encoder={"width": 16})
    config.save_pretrained(tmp_path)
    assert read_config(tmp_path).to_dict() == config.to_dict()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "qwen2"}, "'qwen2'; VITA-Audio needs one of qwen2_mtp"),
        ({"model_type": "absent"}, "None; VITA-Audio needs"),
        ({"num_nextn_predict_layers": 38}, "38 layers of which 38"),
        ({"num_nextn_predict_layers": -1}, "of which -1"),
        ({"hidden_size": "wide"}, "holds a value that does not fit"),
        ({"use_sliding_window": True}, "use_sliding_window"),
    ],
)
def test_configuration_of_another_model_is_refused_in_one_line(tmp_path, changes, said):
    with pytest.raises(ModelError) as raised:
        read_config(written(tmp_path, **changes))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_damaged_file_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json.*fetch it again"):
        read_config(tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json: is missing"):
        read_config(tmp_path)
