from __future__ import annotations

import random
import re

from model.duplex.text_turn_detector import spoken_words
from model.training.duplex.text_head.corpus import FAMILIES, PARTS, expanded, made_turns
from model.training.duplex.text_head.published_texts import with_slots_filled


def test_the_same_seed_makes_the_same_turns() -> None:
    assert made_turns(300, 4) == made_turns(300, 4)
    assert made_turns(300, 4) != made_turns(300, 5)


def test_turns_are_distinct_and_of_every_family() -> None:
    made = made_turns(2000, 7)
    assert len({turn.text.lower() for turn in made}) == len(made) == 2000
    assert {turn.family.partition("/")[0] for turn in made} == set(FAMILIES)


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
    text = with_slots_filled("a #HOTEL-INFORM-PRICE# hotel on #HOTEL-INFORM-DAY#", random.Random(3))
    assert "#" not in text
    assert text == with_slots_filled(
        "a #HOTEL-INFORM-PRICE# hotel on #HOTEL-INFORM-DAY#", random.Random(3)
    )


def test_a_slot_of_an_unknown_name_is_still_filled() -> None:
    assert "#" not in with_slots_filled("it is #TAXI-INFORM-COLOUR#", random.Random(3))
