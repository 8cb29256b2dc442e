"""The declarations of the settings: complete, consistent and checked."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from app.settings.option import OptionInfo, problem_with
from app.settings.settings import Settings, options, section_names


def option(name: str) -> OptionInfo:
    return next(info for info in options() if info.name == name)


def test_every_field_of_every_section_is_declared() -> None:
    names = {info.name for info in options()}
    assert names == {
        f"{section}.{item.name}"
        for section in section_names()
        for item in fields(getattr(Settings(), section))
    }


@pytest.mark.parametrize("info", options(), ids=lambda info: info.name)
def test_every_setting_can_be_shown_and_its_default_is_allowed(info: OptionInfo) -> None:
    assert info.option.label
    assert info.option.help_text.endswith((".", "?"))
    assert problem_with(info, info.default) is None
    assert Settings().value(info.section, info.key) == info.default


@pytest.mark.parametrize("info", options(), ids=lambda info: info.name)
def test_every_number_has_a_range_and_every_duration_a_unit(info: OptionInfo) -> None:
    if isinstance(info.default, (int, float)) and not isinstance(info.default, bool):
        assert info.option.minimum is not None
        assert info.option.maximum is not None
    for ending, unit in (("_ms", "ms"), ("_db", "dB"), ("_hz", "Hz"), ("_percent", "%")):
        if info.key.endswith(ending):
            assert info.option.unit == unit


def test_a_changed_copy_leaves_the_original_alone() -> None:
    before = Settings()
    after = before.with_value("voice", "rate", 1.25)
    assert (before.voice.rate, after.voice.rate) == (1.0, 1.25)
    assert after.audio is before.audio


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("voice.rate", 1.6, "from 0.7 to 1.5"),
        ("voice.rate", "fast", "a number"),
        ("voice.rate", True, "a number"),
        ("voice.rate", math.nan, "a number"),
        ("audio.latency_ms", 80.5, "a whole number from 10 to 500 ms"),
        ("audio.latency_ms", 10**30, "a whole number"),
        ("audio.echo_cancellation", 1, "true or false"),
        ("conversation.mode", "shouting", '"hands-free", "push-to-talk"'),
        ("conversation.persona", 3, "a text"),
        ("conversation.persona", "\ud800", "a text"),
        ("conversation.persona", "Answer\nin rhymes.", "one line of at most 200 characters"),
        ("conversation.persona", "Answer in rhymes.\n", "one line of at most 200 characters"),
        ("conversation.persona", "a" * 201, "one line of at most 200 characters"),
        ("conversation.extra_stop_words", "halt", "a list of texts"),
        ("conversation.extra_stop_words", ["halt", 3], "a list of texts"),
    ],
)
def test_a_value_that_does_not_fit_is_told_what_would(name: str, value: object, says: str) -> None:
    assert says in (problem_with(option(name), value) or "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("voice.rate", 1),
        ("conversation.persona", "用\u3000" * 100),
        ("overlap.duck_gain_db", -60),
        ("conversation.extra_stop_words", ["停"]),
    ],
)
def test_whole_numbers_limits_and_lists_are_accepted(name: str, value: object) -> None:
    assert problem_with(option(name), value) is None
