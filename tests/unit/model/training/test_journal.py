from __future__ import annotations

import json

import pytest

from model.training.journal import METRICS, Journal, read_metrics
from model.training.recipe import TrainingError

pytest.importorskip("torch", reason="the speech-lm extra is not installed")


def test_lines_come_back_in_order(tmp_path):
    with Journal(tmp_path, 0) as journal:
        journal.write(0, {"loss": 2.5, "level_losses": [1.0, 2.0]})
        journal.write(1, {"loss": 2.0})
    assert [record["loss"] for record in read_metrics(tmp_path)] == [2.5, 2.0]


def test_steps_that_are_done_again_are_not_listed_twice(tmp_path):
    with Journal(tmp_path, 0) as journal:
        for step in range(5):
            journal.write(step, {"loss": float(step)})
    with Journal(tmp_path, 3) as journal:
        journal.write(3, {"loss": 30.0})
    assert [record["loss"] for record in read_metrics(tmp_path)] == [0.0, 1.0, 2.0, 30.0]


def test_line_that_a_crash_cut_off_is_left_out(tmp_path):
    path = tmp_path / METRICS
    path.write_text(json.dumps({"step": 0, "loss": 1.0}) + '\n{"step": 1, "lo', encoding="utf-8")
    assert len(read_metrics(tmp_path)) == 1
    with Journal(tmp_path, 2) as journal:
        journal.write(1, {"loss": 0.5})
    assert [record["step"] for record in read_metrics(tmp_path)] == [0, 1]


def test_damage_in_the_middle_is_named(tmp_path):
    (tmp_path / METRICS).write_text('{"step": 0}\nnoise\n{"step": 2}\n', encoding="utf-8")
    with pytest.raises(TrainingError, match=r"metrics\.jsonl:2: cannot be read as JSON"):
        read_metrics(tmp_path)


def test_process_that_does_not_write_leaves_no_file(tmp_path):
    with Journal(tmp_path / "out", 0, is_written=False) as journal:
        journal.write(0, {"loss": 1.0})
    assert not (tmp_path / "out").exists()


def test_curves_are_there_for_tensorboard(tmp_path):
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="no tensorboard"
    )
    with Journal(tmp_path, 0) as journal:
        journal.write(0, {"loss": 2.5, "level_losses": [1.0, 2.0], "held_out": {"agreement": 0.5}})
    read = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    names = {"loss", "level_losses/0", "level_losses/1", "held_out/agreement"}
    assert names <= set(read.Tags()["scalars"])
    assert read.Scalars("loss")[0].value == 2.5
