from __future__ import annotations

import pytest

from model.training.curves import main, read_curve, report, spark
from model.training.journal import METRICS

HELD_OUT = (
    '{"agreement": 0.5, "accepted": 0.75, "backbone_right": 0.25, '
    '"modules": [{"agrees": 0.625}, {"agrees": 0.375}]}'
)
BEFORE = (
    '{"agreement": 0.1, "accepted": 0.1, "backbone_right": 0.25, '
    '"modules": [{"agrees": 0.0625}, {"agrees": 0.125}]}'
)


def write_stage(folder, n_steps=40):
    folder.mkdir(parents=True)
    lines = [
        f'{{"step": {step}, "loss": {4.0 - step / n_steps}, "level_losses": [1.0, 2.0], '
        f'"seconds": 1.5, "n_tokens": 300, "held_out": {HELD_OUT if step % 20 == 19 else "null"}, '
        f'"before": {{"held_out": {BEFORE if step == 0 else "null"}}}}}'
        for step in range(n_steps)
    ]
    (folder / METRICS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_curve_tells_losses_time_and_speed(tmp_path):
    write_stage(tmp_path / "stage2")
    curve = read_curve(tmp_path / "stage2")
    assert len(curve.losses) == 40
    assert curve.loss_at(0.0) == pytest.approx(4.0, abs=0.02)
    assert curve.loss_at(1.0) == pytest.approx(3.02, abs=0.03)
    assert (curve.seconds, curve.n_tokens) == (60.0, 12_000)
    assert curve.held_out["agreement"] == 0.5


def test_report_has_a_row_for_each_stage_and_each_module(tmp_path, capsys):
    write_stage(tmp_path / "stage2")
    write_stage(tmp_path / "stage3")
    assert main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "| stage2 | 40 | 3.98" in said
    assert "1.0 min | 200 |" in said
    assert "| module | stage2 begins | stage2 | stage3 begins | stage3 |" in said
    assert "| 2 | 12.5% | 37.5% | 12.5% | 37.5% |" in said
    assert "| drafts kept | 0.10 | 0.75 | 0.10 | 0.75 |" in said


def test_stage_without_modules_has_no_agreement(tmp_path):
    folder = tmp_path / "stage1"
    folder.mkdir()
    line = '{"step": 0, "loss": 2.0, "level_losses": [], "seconds": 1.0, "n_tokens": 9}\n'
    (folder / METRICS).write_text(line, encoding="utf-8")
    assert "module" not in report([read_curve(folder)])


def test_small_curve_falls_as_the_losses_do():
    assert spark([5.0, 4.0, 3.0, 2.0]) == "█▆▃▁"
    assert spark([1.0]) == "▁"
    assert len(spark([float(i) for i in range(1000)])) == 32


def test_folder_without_a_run_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"curves: {tmp_path} holds no stage that was trained\n"
