"""Emission patterns."""

from __future__ import annotations

import pytest

from model.errors import ModelError
from model.vita_audio.decoding.schedule import BALANCE, BOOST, TURBO, VANILLA, Schedule


def written(schedule: Schedule, n: int) -> str:
    return "".join("m" if schedule.is_module_slot(i) else "M" for i in range(n))


def test_boost_begins_with_one_backbone_token_and_then_repeats_four_and_ten():
    assert written(BOOST, 39) == "M" + 10 * "m" + 2 * ("MMMM" + 10 * "m")


def test_balance_reads_its_pairs_once_and_repeats_the_last():
    pairs = "M" + 4 * "m" + "MMM" + 8 * "m"
    assert written(BALANCE, 44) == pairs + 2 * ("MMMM" + 10 * "m")


def test_turbo_runs_the_backbone_for_every_eleventh_token():
    assert written(TURBO, 22) == 2 * ("M" + 10 * "m")


def test_vanilla_never_runs_a_module():
    assert written(VANILLA, 9000) == 9000 * "M"
    assert VANILLA.n_modules(10) == 0


def test_a_pattern_needs_no_more_modules_than_there_are():
    assert BOOST.n_modules(10) == 10
    assert BOOST.n_modules(1) == 1
    assert Schedule((1, 3, 2, 2)).n_modules(10) == 3


@pytest.mark.parametrize("text", ["1 10 4 10", "[1, 10, 4, 10]", "1,10,4,10"])
def test_a_pattern_is_read_from_text(text):
    assert Schedule.parse(text) == BOOST


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 10 4", "needs pairs"),
        ("", "needs pairs"),
        ("0 10", "at least one backbone token"),
        ("1 ten", "holds 'ten'"),
        ("1 -2", "holds '-2'"),
        ("1.5 2", "holds '1.5'"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_the_reason(text, reason):
    with pytest.raises(ModelError, match=reason):
        Schedule.parse(text)


def test_a_negative_count_is_refused():
    with pytest.raises(ModelError, match="negative"):
        Schedule((1, -2))
