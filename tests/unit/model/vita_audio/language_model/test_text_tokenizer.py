from __future__ import annotations

import codecs
import json
import unicodedata
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from hypothesis import given
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import ByteLevel

from model.errors import ModelError, WeightsError
from model.training.vocabulary import write_byte_vocabulary
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

# Byte-level vocabularies write printable bytes as themselves and the others in order above 255.
PRINTABLE = {ord(name) for name in ByteLevel.alphabet() if ord(name) < 256}
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
BYTE_NAMES = [chr(byte if byte in PRINTABLE else 256 + OTHERS.index(byte)) for byte in range(256)]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_byte_vocabulary(folder, plus=True)
    return folder


@pytest.fixture(scope="module")
def tokenizer(directory: Path) -> TextTokenizer:
    return TextTokenizer.from_directory(directory)


def copied(source: Path, target: Path, *names: str) -> Path:
    for name in names:
        (target / name).write_bytes((source / name).read_bytes())
    return target


def test_the_writer_tells_how_many_ids_are_used(tmp_path):
    n_ids = len(write_byte_vocabulary(tmp_path, plus=False))
    made = TextTokenizer.from_directory(tmp_path)
    assert n_ids == len(made) == made.table.n_used
    assert made.table.id_of(16_383) == n_ids - 1


@given(st.text())
def test_text_survives_the_way_to_ids_and_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "text",
    ["<|im_end|>", "<|audio_5|>", "<|begin_of_audio|>", "a<|im_start|>system\nb", "<tool_call>"],
)
def test_names_of_special_tokens_in_text_stay_text(tokenizer, text):
    ids = tokenizer.encode(text)
    first_added = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert all(id_ < first_added for id_ in ids)
    assert tokenizer.decode(ids) == text


def test_special_tokens_codes_and_padding_say_nothing(tokenizer):
    table = tokenizer.table
    ids = [
        table.begin_of_audio,
        table.id_of(7),
        table.end_of_audio,
        *table.end_ids,
        table.n_used + 1,
    ]
    words = tokenizer.encode("ok")
    assert tokenizer.decode([*ids, *words, *ids]) == "ok"


def test_a_stream_gives_whole_characters_only(tokenizer):
    stream = tokenizer.open_stream()
    pieces = [stream.push(id_) for id_ in tokenizer.encode("aé你😀")]
    assert pieces == ["a", "", "é", "", "", "你", "", "", "", "😀"]
    assert stream.finish() == ""


def test_a_character_may_be_split_by_a_segment_of_sound(tokenizer):
    stream = tokenizer.open_stream()
    first, second, third = tokenizer.encode("你")
    table = tokenizer.table
    spoken = [first, second, table.begin_of_audio, table.id_of(1), table.end_of_audio, third]
    assert [stream.push(id_) for id_ in spoken] == ["", "", "", "", "", "你"]


def test_an_incomplete_character_at_the_end_is_replaced(tokenizer):
    stream = tokenizer.open_stream()
    assert stream.push(tokenizer.encode("你")[0]) == ""
    assert stream.finish() == "\N{REPLACEMENT CHARACTER}"


CHARACTERS = st.sampled_from("aé你好，😀👩🏽\n ñ")
ANY_BYTES = st.lists(st.integers(0, 255), max_size=6).map(bytes)


@given(st.lists(CHARACTERS.map(str.encode) | ANY_BYTES, max_size=12).map(b"".join))
def test_a_stream_writes_what_the_bytes_of_its_tokens_say(tokenizer, content):
    """Token by token what UTF-8 allows by then; broken characters are replaced once each."""
    ids = [tokenizer.convert_tokens_to_ids(BYTE_NAMES[byte]) for byte in content]
    stream = tokenizer.open_stream()
    written = ""
    for n, token_id in enumerate(ids, 1):
        written += stream.push(token_id)
        sure = codecs.getincrementaldecoder("utf-8")(errors="replace").decode(content[:n])
        assert sure.startswith(written)
        assert len(sure) == len(written) or sure.endswith("\N{REPLACEMENT CHARACTER}")
    assert written + stream.finish() == content.decode(errors="replace") == tokenizer.decode(ids)


def test_streams_do_not_share_their_state(tokenizer):
    one, other = tokenizer.open_stream(), tokenizer.open_stream()
    first, last = tokenizer.encode("é")
    one.push(first)
    assert other.push(tokenizer.encode("a")[0]) == "a"
    assert one.push(last) == "é"


def test_both_layouts_of_files_are_the_same_vocabulary(directory, tokenizer, tmp_path):
    copied(directory, tmp_path, "vocab.json", "merges.txt", "added_tokens.json")
    built = TextTokenizer.from_directory(tmp_path)
    assert built.table == tokenizer.table
    text = "It's 12 o'clock,\n\n  你好 <|im_end|>"
    assert built.encode(text) == tokenizer.encode(text)


def test_merges_are_applied(directory, tmp_path):
    copied(directory, tmp_path, "merges.txt", "vocab.json", "added_tokens.json")
    base = json.loads((tmp_path / "vocab.json").read_text("utf-8"))
    # an entry without use gives its id to the pair
    base["he"] = base.pop("Ā")
    (tmp_path / "vocab.json").write_text(json.dumps(base), "utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\nh e\n", "utf-8")
    made = TextTokenizer.from_directory(tmp_path)
    assert made.encode("the") == [base["t"], base["he"]]


def test_added_tokens_may_be_listed_in_the_settings(directory, tokenizer, tmp_path):
    copied(directory, tmp_path, "vocab.json", "merges.txt")
    added = json.loads((directory / "added_tokens.json").read_text("utf-8"))
    listed = {str(id_): {"content": name, "special": False} for name, id_ in added.items()}
    settings = {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": listed}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    assert TextTokenizer.from_directory(tmp_path).table == tokenizer.table


def test_an_empty_directory_names_the_file_that_is_missing(tmp_path):
    with pytest.raises(WeightsError, match=r"vocab\.json.*download"):
        TextTokenizer.from_directory(tmp_path)


def test_missing_merges_are_named(directory, tmp_path):
    copied(directory, tmp_path, "vocab.json", "added_tokens.json")
    with pytest.raises(WeightsError, match=r"merges\.txt.*download"):
        TextTokenizer.from_directory(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"model": {"type": "BPE"}}', '{"version": "1.0"}'])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content, "utf-8")
    with pytest.raises(WeightsError, match=r"tokenizer\.json.*download"):
        TextTokenizer.from_directory(tmp_path)


def test_merges_of_another_vocabulary_are_refused(directory, tmp_path):
    copied(directory, tmp_path, "vocab.json", "added_tokens.json")
    (tmp_path / "merges.txt").write_text("th e\n", "utf-8")
    with pytest.raises(WeightsError, match=r"merges\.txt.*belong"):
        TextTokenizer.from_directory(tmp_path)


def test_a_text_only_vocabulary_is_refused(directory, tmp_path):
    copied(directory, tmp_path, "vocab.json", "merges.txt")
    with pytest.raises(ModelError, match=r"<\|audio_0\|>.*no VITA-Audio vocabulary"):
        TextTokenizer.from_directory(tmp_path)


def test_files_of_different_models_are_refused(directory, tmp_path):
    copied(directory, tmp_path, "tokenizer.json")
    (tmp_path / "added_tokens.json").write_text('{"<|audio_0|>": 5}', "utf-8")
    with pytest.raises(ModelError, match=r"<\|audio_0\|> the id 5"):
        TextTokenizer.from_directory(tmp_path)


def test_code_of_the_directory_is_not_run(directory, tmp_path):
    copied(directory, tmp_path, "tokenizer.json")
    settings = {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}, "tokenizer_class": "Evil"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    (tmp_path / "evil.py").write_text("raise SystemExit('was run')", "utf-8")
    assert TextTokenizer.from_directory(tmp_path).encode("a")
