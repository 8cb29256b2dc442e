"""The page of turn-taking and its figure are in step with the rules."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from draw_policy import COMMAND, FIGURE, PAGE, figure, numbers, page

from model.duplex import policy


def test_the_figure_shows_the_rules_as_they_are() -> None:
    assert FIGURE.read_text(encoding="utf-8") == figure(), f"run: {COMMAND}"
    ET.fromstring(figure())


def test_the_page_lists_the_numbers_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), f"run: {COMMAND}"
    assert FIGURE.name in text


def test_every_number_has_its_reason() -> None:
    constants = {
        name
        for name, value in vars(policy).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, int | float | tuple)
    }
    assert len(constants) > 60
    listed = numbers()
    assert [name for name in sorted(constants) if f"| `{name}` |" not in listed] == []
