"""Every number by which it speaks and waits says where it comes from, and none comes from test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from draw_policy import ROOT, listed

from model.duplex import policy

SOURCE = re.compile(r"by design|(tune|train\+tune|train|published|earlier): \S.*")
# The default split of these commands is test.
NEEDS_SPLIT = re.compile(r"\bbench (duplex|spotter|words|busy)\b")
CARDS = sorted((ROOT / "resources" / "duplex").glob("*.json"))


def fault(source: str) -> str:
    """Return what is wrong with a source; "" for a good one."""
    if not SOURCE.fullmatch(source):
        return (
            "names no source: [by design], [tune: COMMAND], [train+tune: COMMAND], [published: WHO]"
        )
    split = re.search(r"--split[ =](\S+)", source)
    if split is None and NEEDS_SPLIT.search(source):
        return "names a command whose split is test"
    if split is not None and split[1] not in ("train", "tune", "train+tune"):
        return f"was set on {split[1]}"
    return "was set on test" if re.match(r"\S+: test\b", source) else ""


def test_every_number_of_the_policy_has_a_source() -> None:
    numbers = tuple(listed(Path(policy.__file__).read_text(encoding="utf-8")))
    assert len(numbers) > 70
    faults = {number.name: why for number in numbers if (why := fault(number.source))}
    assert faults == {}


def test_no_number_of_the_policy_escapes_the_list() -> None:
    names = {number.name for number in listed(Path(policy.__file__).read_text(encoding="utf-8"))}
    constants = {
        name
        for name, value in vars(policy).items()
        if name.lstrip("_").isupper() and isinstance(value, int | float | tuple)
    }
    assert constants - names == set()


def sources(card: Any) -> Iterator[str]:
    if isinstance(card, dict):
        if "set_by" in card:
            command = re.search(r"--split[ =](\S+)", card["set_by"])
            yield f"{command[1]}: {card['set_by']}" if command else card["set_by"]
        elif "split" in card and "command" in card:
            yield f"{card['split'].partition(',')[0]}: {card['command']}"
        for value in card.values():
            yield from sources(value)


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.name)
def test_operating_points_of_a_card_have_a_source(path: Path) -> None:
    found = list(sources(json.loads(path.read_text(encoding="utf-8"))))
    assert found, f"{path}: name the split and command that set its points: set_by"
    assert [why for source in found if (why := fault(source))] == []


@pytest.mark.parametrize(
    ("source", "is_good"),
    [
        ("by design", True),
        ("tune: parley bench duplex RECORDINGS --split tune", True),
        ("train+tune: python -m model.training.train_end_of_turn WORK", True),
        ("published: Silero VAD", True),
        ("", False),
        ("a guess", False),
        ("tune:", False),
        ("test: parley bench duplex RECORDINGS", False),
        ("tune: parley bench duplex RECORDINGS", False),
        ("tune: parley bench duplex RECORDINGS --split test", False),
        ("tune: parley bench duplex RECORDINGS --split=all", False),
    ],
)
def test_a_source_that_is_none_or_test_is_refused(source: str, is_good: bool) -> None:
    assert (fault(source) == "") is is_good


def test_a_mark_holds_down_to_the_next_empty_line() -> None:
    text = """\
# -- times ------
# [by design]
ONE = 1.0  # one
TWO = 2.0  # two  [tune: COMMAND]
THREE = 3  # three

FOUR = 4  # four
"""
    found = [(number.name, number.reason, number.source) for number in listed(text)]
    assert found == [
        ("ONE", "one", "by design"),
        ("TWO", "two", "tune: COMMAND"),
        ("THREE", "three", "by design"),
        ("FOUR", "four", ""),
    ]
    assert {number.section for number in listed(text)} == {"Times"}
