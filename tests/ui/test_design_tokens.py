"""The palette is legible, the style sheet is scoped, both languages are whole."""

from __future__ import annotations

import re
import string

import pytest

from app.messages.notices import NoticeKind
from app.settings.option import OptionInfo
from app.settings.settings import options
from app.ui.settings.settings_pages import OPTIONS_OF, PAGES, SHOWN_ELSEWHERE
from app.ui.status.shown_state import ShownState
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.theme.style_sheet import build_style_sheet
from app.ui.theme.translations import Catalogue, available_languages, load_catalogue, read_words
from app.ui.widgets.shortcuts import SHORTCUTS

PAIRS = [
    (palette, text, ground)
    for palette in (tokens.LIGHT, tokens.DARK)
    for text, grounds in tokens.TEXT_ON_GROUND
    for ground in grounds
]


@pytest.mark.parametrize(("palette", "text", "ground"), PAIRS)
def test_text_is_legible(palette: tokens.Palette, text: str, ground: str) -> None:
    ratio = tokens.contrast(getattr(palette, text), getattr(palette, ground))
    assert ratio >= tokens.MIN_CONTRAST, f"{text} on {ground}: {ratio:.2f}"


@pytest.mark.parametrize("palette", [tokens.LIGHT, tokens.DARK])
def test_borders_of_fields_are_visible(palette: tokens.Palette) -> None:
    assert tokens.contrast(palette.control_line, palette.ground) >= 3.0


def test_contrast_of_black_on_white_is_that_of_the_standard() -> None:
    assert tokens.contrast("#000000", "#ffffff") == pytest.approx(21.0)


def test_every_rule_of_the_style_sheet_has_a_selector() -> None:
    sheet = build_style_sheet(Look(tokens.LIGHT, load_catalogue("en")))
    assert not re.search(r"(^|})\s*{", sheet)
    assert sheet.count("{") == sheet.count("}")


def test_text_scale_reaches_the_style_sheet() -> None:
    look = Look(tokens.LIGHT, load_catalogue("en"), text_percent=200)
    assert f"font-size: {2 * tokens.SIZE_BODY}px" in build_style_sheet(look)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", [name for name in available_languages() if name != "en"])
def test_a_language_has_every_word_with_the_same_places(language: str) -> None:
    english, words = read_words("en"), read_words(language)
    assert english.keys() <= words.keys()
    assert {k for k in english if places(english[k]) != places(words[k])} == set()


@pytest.mark.parametrize("info", options(), ids=lambda info: info.name)
def test_every_setting_has_chinese_words(info: OptionInfo) -> None:
    words = read_words("zh")
    assert words[f"option.{info.name}"]
    assert words[f"option.{info.name}.help"]


def test_every_setting_is_on_exactly_one_page() -> None:
    names = [name for page in OPTIONS_OF.values() for name in page]
    assert len(names) == len(set(names))
    assert {*names, *SHOWN_ELSEWHERE} <= {info.name for info in options()}
    assert set(OPTIONS_OF) <= set(PAGES)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_state_notice_and_shortcut_has_words(language: str) -> None:
    words: Catalogue = load_catalogue(language)
    assert all(words(f"state.{state}", what="", share="") for state in ShownState)
    assert all(words(f"notice.{kind}") for kind in NoticeKind)
    assert all(words(shortcut.name_key) for shortcut in SHORTCUTS)


def test_an_unknown_language_is_english() -> None:
    assert load_catalogue("xx")("state.listening") == read_words("en")["state.listening"]
