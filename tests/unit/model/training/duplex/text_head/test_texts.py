from __future__ import annotations

import random
import re

from model.duplex.text_turn_detector import spoken_words
from model.training.duplex.text_head.corpus import expanded, made_utterances
from model.training.duplex.text_head.texts import FAMILIES, PARTS, filled


def test_the_same_seed_makes_the_same_turns() -> None:
    assert made_utterances(300, 4) == made_utterances(300, 4)
    assert made_utterances(300, 4) != made_utterances(300, 5)


def test_turns_are_distinct_and_of_every_family() -> None:
    made = made_utterances(2000, 7)
    assert len({utterance.text.lower() for utterance in made}) == len(made) == 2000
    assert {utterance.family.partition("/")[0] for utterance in made} == set(FAMILIES)


def test_every_gap_can_be_filled() -> None:
    named = {gap for lines in (*FAMILIES.values(), *PARTS.values()) for line in lines
             for gap in re.findall(r"\{(\w+)\}", line)}  # fmt: skip
    assert named <= set(PARTS)
    rng = random.Random(1)
    for lines in FAMILIES.values():
        for line in lines:
            assert "{" not in expanded(line, rng)
            assert spoken_words(expanded(line, rng))


def test_slots_of_requests_are_filled_by_their_kind() -> None:
    text = filled("a #HOTEL-INFORM-PRICE# hotel on #HOTEL-INFORM-DAY#", random.Random(3))
    assert "#" not in text
    assert text == filled("a #HOTEL-INFORM-PRICE# hotel on #HOTEL-INFORM-DAY#", random.Random(3))


def test_a_slot_of_an_unknown_name_is_still_filled() -> None:
    assert "#" not in filled("it is #TAXI-INFORM-COLOUR#", random.Random(3))
