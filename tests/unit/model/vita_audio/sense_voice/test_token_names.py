from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import WeightsError
from model.vita_audio.sense_voice.token_names import encode_token_names, read_token_names

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


@given(names=st.lists(st.text(st.characters(codec="utf-8"), max_size=200), min_size=1))
def test_names_survive_writing_and_reading(tmp_path_factory, names):
    path = tmp_path_factory.getbasetemp() / "names"
    path.write_bytes(encode_token_names(names))
    assert read_token_names(path) == tuple(names)


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
