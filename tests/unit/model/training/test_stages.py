from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("accelerate", reason="the speech-lm extra is not installed")

from accelerate.state import AcceleratorState, GradientState  # noqa: E402

from model.training import (  # noqa: E402
    measure,
    stage1_alignment,
    stage2_one_mctp,
    stage3_ten_mctp,
    stage4_fine_tuning,
)
from model.training.journal import read_metrics  # noqa: E402
from model.vita_audio.checkpoint.directory import read_generation_defaults  # noqa: E402
from model.vita_audio.language_model.modeling import load_language_model  # noqa: E402
from model.vita_audio.language_model.text_tokenizer import TextTokenizer  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[4]
STAGES = (stage1_alignment, stage2_one_mctp, stage3_ten_mctp, stage4_fine_tuning)
# Ends itself without a chance to clean up, after the step that follows the first save.
KILLED = """
import os, signal, sys
from model.training import {stage}
from model.training.journal import Journal
write = Journal.write
def write_or_die(journal, step, values):
    write(journal, step, values)
    if step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.write = write_or_die
sys.exit({stage}.main(sys.argv[1:]))
"""
LAUNCHED = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2")
ONE_MACHINE = ("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no")

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


def run(stage, *arguments):
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    return stage.main([str(one) for one in arguments])


def python_alone(*arguments):
    """A process of its own, with one thread on the CPU."""
    variables = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=variables | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


def losses(folder):
    return [(one["loss"], one["main_loss"], *one["level_losses"]) for one in read_metrics(folder)]


@pytest.fixture(scope="module")
def common(nano_recipe, text_data):
    return ("--recipe", nano_recipe, "--data", text_data)


@pytest.fixture(scope="module")
def trained(common, tmp_path_factory):
    """All four stages, one after the other."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("run")
    for number, stage in enumerate(STAGES, 1):
        start = ("--start", root / f"stage{number - 1}") if number > 1 else ()
        out = root / f"stage{number}"
        assert run(stage, *common, *start, "--out", out, "--held-out", common[3]) == 0
    return root


def test_every_stage_lowers_its_loss(trained):
    for number in (1, 2, 3, 4):
        curve = [one[0] for one in losses(trained / f"stage{number}")]
        assert len(curve) == (24 if number == 1 else 6)
        assert curve[-1] < curve[0], number


def test_each_stage_leaves_a_model_that_loads(trained):
    for number, n_modules in enumerate((0, 1, 3, 3), 1):
        folder = trained / f"stage{number}" / "model"
        model = load_language_model(folder, torch.float32)
        assert model.num_mctp_modules == n_modules
        tokenizer = TextTokenizer.from_directory(folder)
        assert 0 <= model.config.vocab_size - len(tokenizer) < 8
        pattern = read_generation_defaults(folder).pattern
        assert pattern == ((1, 10, 4, 10) if n_modules else (8192, 0))
        assert not (folder.parent / "steps").exists()


def test_stages_two_and_three_leave_the_backbone_as_it_was(trained):
    first, third, fourth = (
        load_language_model(trained / f"stage{number}" / "model").state_dict()
        for number in (1, 3, 4)
    )
    assert all(torch.equal(first[name], third[name]) for name in first)
    assert any(not torch.equal(first[name], fourth[name]) for name in first)


def test_agreement_is_measured_whenever_a_step_is_saved(trained):
    measured = [one["held_out"] for one in read_metrics(trained / "stage3") if "held_out" in one]
    assert len(measured) == 2
    assert len(measured[-1]["modules"]) == 3


def test_agreement_of_finished_stages_is_one_table(trained, common, capsys):
    stages = [str(trained / f"stage{number}") for number in (2, 3)]
    assert measure.main([*stages, "--data", str(common[3])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines] == [
        *("module", "---", "1", "2", "3", "mean", "drafts kept", "backbone right")
    ]
    assert lines[3].split("|")[2].strip() == ""
    assert measure.main([stages[0], "--data", str(common[3]), "--modules", "3", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out).values()
    before = read_metrics(trained / "stage3")[0]["before"]["held_out"]
    assert found["modules"] == before["modules"]
    assert measure.main([str(trained), "--data", str(common[3])]) == 1
    assert "holds no model" in capsys.readouterr().err


def test_finished_stage_is_not_trained_again(trained, common, capsys):
    before = (trained / "stage1" / "metrics.jsonl").read_bytes()
    assert run(stage1_alignment, *common, "--out", trained / "stage1") == 0
    assert "stage1 is finished; remove it" in capsys.readouterr().out
    assert (trained / "stage1" / "metrics.jsonl").read_bytes() == before


@pytest.fixture(scope="module")
def killed(trained, common, tmp_path_factory):
    """Folder of stage 4, ended after its fifth step without a chance to clean up."""
    folder = tmp_path_factory.mktemp("killed") / "stage4"
    arguments = (*common, "--start", trained / "stage3", "--out", folder)
    program = KILLED.format(stage="stage4_fine_tuning")
    assert python_alone("-c", program, *map(str, arguments)).returncode == -signal.SIGKILL
    return folder


@pytest.mark.slow
def test_killed_run_goes_on_with_the_same_losses(trained, common, killed, tmp_path):
    out = shutil.copytree(killed, tmp_path / "out")
    assert len(losses(out)) == 5
    assert [one.name for one in (out / "steps").iterdir()] == ["000003"]
    arguments = (*common, "--start", trained / "stage3", "--out", out)
    assert run(stage4_fine_tuning, *arguments) == 0
    assert losses(out) == losses(trained / "stage4")
    weights = "model/model-00001-of-00001.safetensors"
    assert (out / weights).read_bytes() == (trained / "stage4" / weights).read_bytes()


def test_saved_step_is_a_model_too(killed):
    model = load_language_model(killed / "steps" / "000003" / "model")
    assert model.num_mctp_modules == 3


def test_run_goes_on_only_as_it_began(common, trained, killed, capsys):
    arguments = (*common, "--start", trained / "stage3", "--out", killed)
    said = refusal(capsys, stage4_fine_tuning, *arguments, "--set", "stages.4.rate=3e-2")
    assert "was begun with rate 0.02 and is asked to go on with 0.03; choose the same" in said
    (killed / "steps" / "000003" / "state" / "optimizer.bin").write_bytes(b"noise")
    said = refusal(capsys, stage4_fine_tuning, *arguments)
    assert "000003 cannot be resumed" in said
    assert "remove this folder to go on from the one before" in said


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(trained, common, tmp_path):
    arguments = (*common, "--start", trained / "stage3", "--out", tmp_path / "out")
    module = ("-m", "model.training.stage4_fine_tuning")
    done = python_alone(*LAUNCHED, *ONE_MACHINE, *module, *map(str, arguments))
    assert done.returncode == 0, done.stderr
    alone, shared = losses(trained / "stage4"), losses(tmp_path / "out")
    assert len(shared) == len(alone)
    for one, two in zip(alone, shared, strict=True):
        assert two == pytest.approx(one, rel=1e-5)


def test_gradient_checkpointing_changes_memory_alone(common, trained, tmp_path):
    arguments = (*common, "--start", trained / "stage3", "--out", tmp_path / "out")
    change = ("--set", "precision.gradient_checkpointing=true")
    assert run(stage4_fine_tuning, *arguments, *change) == 0
    for one, two in zip(losses(trained / "stage4"), losses(tmp_path / "out"), strict=True):
        assert two == pytest.approx(one, rel=1e-5)


@pytest.mark.allow_warnings  # importing peft looks for kernels of bitsandbytes
def test_adapters_train_and_are_published_as_plain_weights(common, tmp_path):
    pytest.importorskip("peft", reason="the speech-lm extra is not installed")
    changes = ("--set", "lora.rank=2", "--set", "stages.rate=3e-2")
    assert run(stage1_alignment, *common, *changes, "--out", tmp_path / "out") == 0
    curve = [one[0] for one in losses(tmp_path / "out")]
    assert curve[-1] < curve[0]
    load_language_model(tmp_path / "out" / "model")


def refusal(capsys, stage, *arguments):
    assert run(stage, *arguments) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    return lines[-1]


def test_missing_data_and_start_are_one_line(common, nano_recipe, trained, tmp_path, capsys):
    out = ("--out", tmp_path / "out")
    said = refusal(capsys, stage1_alignment, "--recipe", nano_recipe, *out)
    assert said == "stage 1: no data is named; give a mixture or a JSONL file with --data"
    nowhere = ("--recipe", nano_recipe, "--data", tmp_path / "none.jsonl", *out)
    assert "none.jsonl: cannot be read: No such file" in refusal(capsys, stage1_alignment, *nowhere)
    said = refusal(capsys, stage2_one_mctp, *common, *out)
    assert "stage 2 begins from the model of stage 1; give its folder with --start" in said
    said = refusal(capsys, stage2_one_mctp, *common, *out, "--start", tmp_path)
    assert "holds no model; give --start the folder of the stage before" in said
    assert not (tmp_path / "out" / "model").exists()


def test_model_of_another_vocabulary_is_refused(common, trained, tmp_path, capsys):
    folder = tmp_path / "other"
    folder.mkdir()
    for path in (trained / "stage1" / "model").iterdir():
        (folder / path.name).symlink_to(path)
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(fields | {"vocab_size": 320}))
    arguments = (*common, "--start", folder, "--out", tmp_path / "out")
    said = refusal(capsys, stage2_one_mctp, *arguments)
    assert "the weights belong to another vocabulary" in said


def test_full_disk_stops_with_what_was_saved_before(common, tmp_path, capsys):
    resource = pytest.importorskip("resource", reason="this system has no limit on file sizes")
    out = tmp_path / "out"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The vocabulary fits, the optimizer's state does not.
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, before[1]))
    try:
        said = refusal(capsys, stage1_alignment, *common, "--out", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "000012 cannot be written:" in said
    assert "make room and run the same command again" in said
    assert list((out / "steps").iterdir()) == []


def test_processes_that_would_train_apart_are_stopped(common, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    said = refusal(capsys, stage1_alignment, *common, "--out", tmp_path / "out")
    assert "2 processes were launched and each would train alone" in said
    assert "on a CPU set ACCELERATE_USE_CPU=true" in said


def test_rate_that_is_too_high_is_said_before_anything_is_saved(common, tmp_path, capsys):
    changes = ("--set", "stages.1.rate=1e30", "--set", "stages.saves=1")
    said = refusal(capsys, stage1_alignment, *common, *changes, "--out", tmp_path / "out")
    assert "lower the rate" in said
    assert not (tmp_path / "out" / "model").exists()
