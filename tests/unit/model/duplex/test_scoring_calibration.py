"""Said probabilities against what came true."""

from __future__ import annotations

import pytest

from model.duplex.scoring import calibration_error


def error(*pairs: tuple[float, bool]) -> float | None:
    return calibration_error([p for p, _ in pairs], [was_true for _, was_true in pairs])


def test_one_who_is_right_as_often_as_said_has_no_error() -> None:
    assert error(*[(0.75, True)] * 3, (0.75, False)) == pytest.approx(0.0)


def test_one_who_is_sure_and_wrong_half_the_time_errs_by_half() -> None:
    assert error((1.0, True), (1.0, False)) == pytest.approx(0.5)


def test_bins_count_by_how_much_was_said_in_them() -> None:
    # 0.05 where nothing came true (3 of 4), 0.9 where it did (1 of 4)
    pairs = [(0.05, False)] * 3 + [(0.9, True)]
    assert error(*pairs) == pytest.approx(0.75 * 0.05 + 0.25 * 0.1)


def test_nothing_said_is_no_error() -> None:
    assert error() is None


def test_what_weighs_more_counts_more() -> None:
    assert calibration_error([0.8, 0.8], [True, False], [3.0, 1.0]) == pytest.approx(0.05)
