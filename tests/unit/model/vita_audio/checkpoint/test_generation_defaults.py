from __future__ import annotations

import json

import pytest

from model.errors import ModelError
from model.vita_audio.checkpoint.directory import (
    GenerationDefaults,
    read_generation_defaults,
)


def test_published_fields_are_read(tmp_path):
    fields = {
        "do_sample": False,
        "eos_token_id": [151645, 151643],
        "mtp_inference_mode": [1, 10, 4, 10],
        "pad_token_id": 151643,
        "repetition_penalty": 1.1,
        "temperature": 1,
        "top_k": 0,
        "top_p": 0.95,
    }
    (tmp_path / "generation_config.json").write_text(json.dumps(fields))
    assert read_generation_defaults(tmp_path) == GenerationDefaults(
        repetition_penalty=1.1,
        pattern=(1, 10, 4, 10),
    )


def test_missing_file_gives_the_template(tmp_path):
    assert read_generation_defaults(tmp_path) == GenerationDefaults()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"mtp_inference_mode": [1, 10, 4]}',
        '{"mtp_inference_mode": []}',
        '{"mtp_inference_mode": [1, -1]}',
        '{"mtp_inference_mode": 3}',
        '{"repetition_penalty": "strong"}',
        '{"repetition_penalty": 0}',
    ],
)
def test_values_that_do_not_fit_are_refused_by_file_name(tmp_path, content):
    (tmp_path / "generation_config.json").write_text(content)
    with pytest.raises(ModelError, match=r"generation_config\.json"):
        read_generation_defaults(tmp_path)
