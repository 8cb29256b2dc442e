from __future__ import annotations

import base64

import pytest

pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.errors import WeightsError
from model.vita_audio.sense_voice.tags import read_token_names

# Trained by SentencePiece 0.2.3 on "ab ba", with scores, types, settings and a normaliser.
BY_SENTENCEPIECE = base64.b64decode(
    "Cg4KBTx1bms+FQAAAAAYAgoMCgM8cz4VAAAAABgDCg0KBDwvcz4VAAAAABgDCg8KBjx8emh8PhUAAAAAGAQKCQoCYWIV"
    "AAAAgAoJCgJiYRUAAIC/CggKAWEVAAAAwAoICgFiFQAAQMAKCgoD4paBFQAAgMASEBgCIAn6AQY8fHpofD6IAgAaDAoI"
    "aWRlbnRpdHkSAA=="
)


def test_a_file_of_sentencepiece_is_read(tmp_path):
    path = tmp_path / "names"
    path.write_bytes(BY_SENTENCEPIECE)
    expected = ("<unk>", "<s>", "</s>", "<|zh|>", "ab", "ba", "a", "b", "▁")
    assert read_token_names(path) == expected


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"names.*download"):
        read_token_names(tmp_path / "names")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>not here</html>",
        BY_SENTENCEPIECE[:-4],
        BY_SENTENCEPIECE[:7],
        b"\x0a\x00",
        b"\xff" * 20,
    ],
)
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "names"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="no SentencePiece model"):
        read_token_names(path)
