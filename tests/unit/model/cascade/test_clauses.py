from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.cascade.clauses import Clause, ClauseSplitter


def clauses(text: str) -> list[str]:
    return [clause.text for clause in split(text, [len(text)])]


def split(text: str, cuts: list[int]) -> list[Clause]:
    splitter = ClauseSplitter()
    found: list[Clause] = []
    at = 0
    for cut in [*sorted(cut % (len(text) + 1) for cut in cuts), len(text)]:
        found += splitter.push(text[at:cut])
        at = max(at, cut)
    return found + splitter.finish()


SAMPLES = (
    "Hello Dr. Smith, the 3.5 km e.g. and which... is 1,250 A. B. \n - yes! no? (well) ok. "
    "你好。 吗？"
)
WORDS = st.sampled_from(SAMPLES.split(" "))


@given(st.lists(WORDS, max_size=40), st.lists(st.integers(0, 400), max_size=30))
def test_token_by_token_is_the_same_as_all_at_once(words: list[str], cuts: list[int]) -> None:
    text = " ".join(words)
    assert split(text, cuts) == split(text, [])


@given(st.lists(WORDS, max_size=40))
def test_nothing_that_can_be_spoken_is_lost(words: list[str]) -> None:
    text = " ".join(words)
    found = split(text, [])
    kept = "".join("".join(text[c.start : c.end].split()) for c in found)
    left = "".join(text.split())
    for char in kept:
        left = left.replace(char, "", 1)
    assert not any(char.isalnum() for char in left)
    assert all(text[c.start : c.end] == c.text for c in found)


def test_the_first_clause_is_short() -> None:
    text = "The capital of France is a city that everybody knows and many people love."
    assert len(clauses(text)[0].split()) <= 6


def test_the_first_clause_ends_at_the_first_punctuation() -> None:
    assert clauses("Sure, I can tell you. What is it?")[0] != "Sure,"
    assert clauses("I am well, thanks for asking me.")[0] == "I am well,"


def test_sentences_are_clauses() -> None:
    assert clauses("Yes. It is far away. Is that so? Wow!") == [
        "Yes.",
        "It is far away.",
        "Is that so?",
        "Wow!",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Ask Dr. Smith.",
        "About 3.5 km.",
        "Fruit, e.g. apples.",
        "By J. K. Rowling.",
        "It costs $1,250.50 today.",
    ],
)
def test_numbers_and_abbreviations_are_not_cut(text: str) -> None:
    assert clauses(text) in ([text], [text.partition(", ")[0] + ",", text.partition(", ")[2]])


def test_a_long_sentence_is_cut_somewhere() -> None:
    assert max(len(c.split()) for c in clauses(" ".join(["word"] * 200))) <= 28


@pytest.mark.parametrize(
    ("text", "next_token", "first"),
    [
        ("It is true.", " A", "It is true."),
        ("The green of leaves fades slowly", " w", "The green of leaves fades slowly"),
        ("I am well", ",", "I am well,"),
        ("To make a cup", " of ", "To make a cup"),
    ],
)
def test_the_first_clause_is_given_as_soon_as_its_end_is_known(
    text: str, next_token: str, first: str
) -> None:
    splitter = ClauseSplitter()
    assert splitter.push(text) == []
    assert [c.text for c in splitter.push(next_token)] == [first]


def test_a_word_that_may_still_become_a_joining_one_is_waited_for() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("To make a cup o") == []
    assert splitter.push("ften") == []
    joined = ClauseSplitter()
    assert joined.push("To make a cup wh") == []
    assert [c.text for c in joined.push("en ")] == ["To make a cup"]


def test_mandarin_is_cut_at_its_own_punctuation() -> None:
    assert (
        clauses("你好。我是一个人工智能助手，可以帮助你。")
        == [
            "你好。",
            "我是一个人工智能助手，",
            "可以帮助你。",
        ]
        or clauses("你好。我是一个人工智能助手，可以帮助你。")[0] == "你好。"
    )
