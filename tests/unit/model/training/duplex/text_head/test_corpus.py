from __future__ import annotations

import numpy as np
import pytest

from model.duplex.lexicon import Lexicon
from model.training.duplex.text_head.corpus import UNUSED, balanced, examples
from model.training.duplex.text_head.published_texts import WrittenTurn

LEXICON = Lexicon(
    "en",
    articles=frozenset({"the"}),
    conjunctions=frozenset({"and"}),
    prepositions=frozenset({"in"}),
)


def turns(n: int = 1) -> list[WrittenTurn]:
    return [
        WrittenTurn("made", f"family {i}", f"Thanks. Turn the lamp number{i} on, and go in there.")
        for i in range(n)
    ]


def test_only_the_last_word_of_a_turn_is_its_end() -> None:
    (example,) = examples(turns(), LEXICON, 1, is_augmented=False)
    assert example.words[0] == "thanks"
    assert example.labels.tolist() == [0] * (len(example.words) - 1) + [1]


def test_places_where_people_pause_weigh_more() -> None:
    (example,) = examples(turns(), LEXICON, 1, is_augmented=False)
    weight = dict(zip(example.words, example.weights.tolist(), strict=True))
    assert weight["thanks"] > weight["on"] > weight["go"] > weight["turn"]
    assert weight["the"] > weight["turn"]


def test_the_same_words_are_learned_once() -> None:
    twice = [*turns(), WrittenTurn("talk", "other", turns()[0].text.upper())]
    assert len(examples(twice, LEXICON, 1, is_augmented=False)) == 1


def test_turns_without_words_are_left_out() -> None:
    assert examples([WrittenTurn("talk", "a", "...")], LEXICON, 1, is_augmented=False) == []


def test_copies_are_misheard_or_cut_off_inside_a_word() -> None:
    plain = examples(turns(200), LEXICON, 1, is_augmented=False)
    augmented = examples(turns(200), LEXICON, 1, is_augmented=True)
    texts = {example.words for example in plain}
    copies = [example for example in augmented if example.words not in texts]
    cut_off = [example for example in copies if example.labels[-1] == 0]
    misheard = [example for example in copies if example.labels[-1] == 1]
    assert cut_off
    assert misheard
    for example in cut_off:
        assert example.labels.tolist() == [UNUSED] * (len(example.words) - 1) + [0]
    for example in misheard:
        assert len(example.words) == len(example.labels) == len(example.weights)
        assert example.words[-1] == "there"
        assert UNUSED not in example.labels


def test_the_same_seed_gives_the_same_copies() -> None:
    first, second = (examples(turns(50), LEXICON, 5, is_augmented=True) for _ in range(2))
    assert [example.words for example in first] == [example.words for example in second]


def test_each_source_has_its_share_and_half_of_it_on_ends() -> None:
    talk = [WrittenTurn("talk", f"t{i}", f"how are you {i} today") for i in range(3)]
    found = examples([*turns(9), *talk], LEXICON, 1, is_augmented=False)
    weights = balanced(found, {"made": 0.6, "talk": 0.4})
    for source, share in (("made", 0.6), ("talk", 0.4)):
        for label in (0, 1):
            total = sum(
                float(w[example.labels == label].sum())
                for example, w in zip(found, weights, strict=True)
                if example.source == source
            )
            assert total == pytest.approx(share / 2, rel=1e-4)
    assert all(np.all(w > 0) for w in weights)
