from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.parser import build_parser
from app.cli.spotter_bench import spoken_texts, spotter_card
from app.messages.errors import ParleyError


def test_thresholds_never_come_from_test(tmp_path: Path) -> None:
    words = ["bench", "spotter", str(tmp_path), "--set-thresholds"]
    with pytest.raises(ParleyError, match="test is only printed; give --split tune"):
        spotter_card(build_parser().parse_args(words))


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    words = ["bench", "spotter", str(tmp_path), "--split", "tune", "--spotter", str(tmp_path)]
    with pytest.raises(ParleyError, match=r"spotter\.json: is missing; restore the file"):
        spotter_card(build_parser().parse_args(words))


def test_no_session_at_all_is_refused(tmp_path: Path) -> None:
    words = ["bench", "spotter", str(tmp_path), "--split", "tune", "--every", "0"]
    with pytest.raises(ParleyError, match="--every: must be 1 or more, got 0"):
        spotter_card(build_parser().parse_args(words))


def test_the_voices_have_something_to_say_in_both_languages() -> None:
    assert len(spoken_texts("en")) >= 10
    assert len(spoken_texts("zh")) >= 5
