from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from model.training.duplex.text_head.fit import kept_by_kind, labelled_texts, score


def test_perfect_and_useless_scores() -> None:
    labels = np.array([0, 0, 1, 1])
    assert score(np.array([-3.0, -2.0, 2.0, 3.0]), labels).auc == 1.0
    assert score(np.array([-3.0, -2.0, 2.0, 3.0]), labels).kept == 1.0
    assert score(np.zeros(4), labels).auc == pytest.approx(0.5)
    assert score(-np.array([-3.0, -2.0, 2.0, 3.0]), labels).auc == 0.0


def test_weights_count_as_copies() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=60), rng.integers(0, 2, 60)
    times = rng.integers(1, 4, 60)
    weighted = score(logits, labels, times.astype(float))
    copied = score(np.repeat(logits, times), np.repeat(labels, times))
    assert weighted.auc == pytest.approx(copied.auc)
    assert weighted.log_loss == pytest.approx(copied.log_loss)
    assert weighted.calibration_error == pytest.approx(copied.calibration_error)


def test_honest_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=20000)
    labels = (rng.random(20000) < 1 / (1 + np.exp(-logits))).astype(int)
    assert score(logits, labels).calibration_error < 0.02
    assert score(logits * 4, labels).calibration_error > 0.1


def test_recorded_turns_give_holds_and_ends_by_kind(tmp_path: Path) -> None:
    rows = [
        {"lang": "en", "kind": "pause_inserted", "text": "turn it on", "events": [
            {"event": "pause", "text_so_far": "turn"}, {"event": "end_of_turn"}]},
        {"lang": "en", "kind": "truncated", "text": "i want tea", "events": [
            {"event": "incomplete_stop", "text_so_far": "i want"}]},
        {"lang": "zh", "kind": "complete", "text": "好", "events": [{"event": "end_of_turn"}]},
    ]  # fmt: skip
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    texts = labelled_texts(path)
    assert [(text.text, text.is_end) for text in texts] == [
        ("turn", False), ("turn it on", True), ("i want", False),
    ]  # fmt: skip
    assert kept_by_kind(texts, np.array([-1.0, 1.0, 2.0])) == {
        "pause_inserted": (1, 1), "truncated": (0, 1),
    }  # fmt: skip
