"""A recording that version 1 of the format made: it is read, explained, and decided again.

The scene: "Tell me a story.", and over the reply "Stop it! Stop!", in a room without echo. What was
read of the first words is one word, which was let go then; today it takes the floor. Up to there
everything is decided the same.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.main import make_factories
from app.replay.bundle import read_bundle
from app.replay.comparison import Difference, replay
from app.replay.explanation import decision_lines
from app.replay.redaction import redact
from model.store.packages import default_store

RECORDED = Path(__file__).parents[3] / "golden" / "replay_version_1"
DECIDED = ["end_of_turn", "held", "resumed", "held", "resumed", "interrupted"]


TAKES_THE_FLOOR_S = 5.18


def assert_first_differs_where_the_word_takes_the_floor(found: Difference | None) -> None:
    assert found is not None
    assert found.t_s == pytest.approx(TAKES_THE_FLOOR_S)
    assert "Resume" in found.recorded
    assert "CancelGeneration" in found.replayed


def test_the_controller_decides_the_same_until_a_single_word_takes_the_floor() -> None:
    bundle = read_bundle(RECORDED)
    found = replay(bundle, None)
    assert_first_differs_where_the_word_takes_the_floor(found.difference)
    lines = decision_lines(bundle, found)
    assert [line.recorded for line in lines] == DECIDED
    assert [line.replayed for line in lines][:2] == DECIDED[:2]


@pytest.mark.needs_weights("smart-turn", "smollm2-135m")
def test_the_predictor_says_the_same_of_the_sound_of_then() -> None:
    found = replay(read_bundle(RECORDED), make_factories(default_store()).predictor)
    assert_first_differs_where_the_word_takes_the_floor(found.difference)
    assert found.n_predictions == 54


def test_it_is_redacted_in_the_words_of_today(tmp_path: Path) -> None:
    redact(read_bundle(RECORDED), tmp_path)
    bundle = read_bundle(tmp_path)
    assert bundle.manifest.version == 2
    assert_first_differs_where_the_word_takes_the_floor(replay(bundle, None).difference)
    written = (tmp_path / "steps-0001.jsonl").read_text()
    assert not re.search(r"story|p_continue", written)
