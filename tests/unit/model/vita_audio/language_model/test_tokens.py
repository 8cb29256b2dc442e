from __future__ import annotations

import pytest

pytest.importorskip("transformers", reason="the speech-lm extra is not installed")


from model.errors import ModelError
from model.training.vocabulary import write_byte_vocabulary
from model.vita_audio.language_model.text_tokenizer import TextTokenizer
from model.vita_audio.language_model.tokens import TokenKind, TokenTable

N_BASE = 151_643  # entries of Qwen2.5 before <|endoftext|>
SHARED = {
    "endoftext": 151_643,
    "im_start": 151_644,
    "im_end": 151_645,
    "file_sep": 151_664,
    "begin_of_image": 151_665,
    "end_of_image": 151_666,
    "context_of_image": 151_667,
    "begin_of_video": 151_668,
    "end_of_video": 151_669,
    "context_of_video": 151_670,
    "begin_of_patch": 151_671,
    "end_of_patch": 151_672,
    "context_of_patch": 151_673,
    "begin_of_audio": 151_674,
    "end_of_audio": 151_675,
}
PLAIN = SHARED | {
    "context_of_audio": None,
    "begin_of_quad": 151_676,
    "end_of_quad": 151_677,
    "begin_of_ref": 151_678,
    "end_of_ref": 151_679,
    "begin_of_box": 151_680,
    "end_of_box": 151_681,
    "image": 151_682,
    "video": 151_683,
    "audio": 151_684,
    "audio_0": 151_685,
    "audio_16383": 168_068,
    "audio_16384": None,
}
PLUS = SHARED | {
    "context_of_audio": 151_676,
    "begin_of_quad": 151_677,
    "end_of_quad": 151_678,
    "begin_of_ref": 151_679,
    "end_of_ref": 151_680,
    "begin_of_box": 151_681,
    "end_of_box": 151_682,
    "image": 151_683,
    "video": 151_684,
    "audio": 151_685,
    "audio_0": 151_686,
    "audio_16383": 168_069,
    "audio_16384": None,
}


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, TextTokenizer]:
    made: dict[bool, TextTokenizer] = {}
    for plus in (False, True):
        directory = tmp_path_factory.mktemp("vocabulary")
        write_byte_vocabulary(directory, plus=plus, n_base=N_BASE)
        made[plus] = TextTokenizer.from_directory(directory)
    return made


@pytest.mark.parametrize(("plus", "ids"), [(False, PLAIN), (True, PLUS)])
def test_every_id_of_the_published_vocabularies(full_size, plus, ids):
    found = {name: full_size[plus].convert_tokens_to_ids(f"<|{name}|>") for name in ids}
    assert found == ids


def test_the_table_of_the_discrete_variants(full_size):
    assert full_size[False].table == TokenTable(
        im_start=151_644,
        im_end=151_645,
        audio=151_684,
        begin_of_audio=151_674,
        end_of_audio=151_675,
        context_of_audio=None,
        first_code=151_685,
        n_codes=16_384,
        end_ids=frozenset({151_643, 151_645}),
        n_used=168_069,
    )


def test_the_table_of_the_plus_variants(full_size):
    assert full_size[True].table == TokenTable(
        im_start=151_644,
        im_end=151_645,
        audio=151_685,
        begin_of_audio=151_674,
        end_of_audio=151_675,
        context_of_audio=151_676,
        first_code=151_686,
        n_codes=16_384,
        end_ids=frozenset({151_643, 151_645}),
        n_used=168_070,
    )


@pytest.mark.parametrize("plus", [False, True])
def test_codes_are_a_closed_range_and_padding_rows_are_none(full_size, plus):
    table = full_size[plus].table
    last = table.first_code + table.n_codes - 1
    assert not table.is_code(table.first_code - 1)
    assert table.is_code(table.first_code)
    assert table.is_code(last)
    assert not table.is_code(last + 1)
    assert [table.kind_of(id_) for id_ in range(last + 1, 168_072)] == [TokenKind.PADDING] * (
        168_072 - last - 1
    )


def test_codes_and_ids_are_each_others_inverse(full_size):
    table = full_size[True].table
    for code in (0, 1, 9_999, 16_383):
        assert table.code_of(table.id_of(code)) == code
        name = f"<|audio_{code}|>"
        assert full_size[True].convert_tokens_to_ids(name) == table.id_of(code)


def test_kinds_of_tokens(full_size):
    kind_of = full_size[False].table.kind_of
    assert kind_of(0) is TokenKind.TEXT
    assert kind_of(151_643) is TokenKind.END
    assert kind_of(151_645) is TokenKind.END
    assert kind_of(151_674) is TokenKind.BEGIN_AUDIO
    assert kind_of(151_675) is TokenKind.END_AUDIO
    assert kind_of(151_685) is TokenKind.CODE


def table_of(names: list[str]) -> TokenTable:
    """The table of a vocabulary that is a list of names and has three codes."""
    ids = {name: id_ for id_, name in enumerate(names)}
    return TokenTable.from_names(ids.get, len(ids), n_codes=3)


SMALL = [
    *(
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|begin_of_audio|>",
        "<|end_of_audio|>",
        "<|audio|>",
    ),
    *("<|audio_0|>", "<|audio_1|>", "<|audio_2|>"),
]


@pytest.mark.parametrize("missing", SMALL)
def test_a_missing_token_is_named(missing):
    names = [name for name in SMALL if name != missing]
    expected = "gaps" if missing == "<|audio_1|>" else missing.replace("|", r"\|")
    with pytest.raises(ModelError, match=expected):
        table_of(names)


def test_a_vocabulary_without_the_placeholder_has_no_continuous_audio():
    assert table_of(SMALL).context_of_audio is None
