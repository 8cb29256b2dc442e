"""Files instead of a microphone, with the real default; and a run that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from app.cli.parser import main
from tests.fakes.audio import tone
from tests.fakes.embedded import word_error_rate

REPOSITORY = Path(__file__).resolve().parents[2]
TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Please remember to water the plants on Thursday morning.",
    "A voice assistant should listen while it speaks.",
)
QUESTION = "What is the capital of France?"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def write_rows(path: Path, *content: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_default")
def test_what_is_spoken_is_written_down_again(tmp_path: Path) -> None:
    spoken, written = tmp_path / "spoken.jsonl", tmp_path / "written.jsonl"
    texts = write_rows(tmp_path / "texts.jsonl", *({"text": text} for text in TEXTS))
    place = ("-o", str(tmp_path / "speech"), "--out", str(spoken))
    assert main(["speak", "--manifest", str(texts), *place, "--quiet"]) == 0
    # One recording of all, so long that it has to be cut, and each by itself.
    parts = [soundfile.read(tmp_path / row["reply_audio"])[0] for row in rows(spoken)]
    gap = np.zeros(24_000)
    soundfile.write(tmp_path / "all.flac", np.concatenate([*parts, gap, *parts, gap]), 24_000)
    recordings = write_rows(
        tmp_path / "recordings.jsonl",
        *({"audio": row["reply_audio"]} for row in rows(spoken)),
        {"audio": "all.flac"},
    )
    arguments = ["transcribe", "--manifest", str(recordings), "--out", str(written), "--quiet"]
    assert main(arguments) == 0
    *single, together = rows(written)
    assert word_error_rate(" ".join(TEXTS), " ".join(row["text"] for row in single)) < 0.15
    assert len(together["segments"]) > 2
    assert word_error_rate(" ".join(TEXTS * 2), together["text"]) < 0.15
    assert all(row["language"] == "en" for row in rows(written))


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_default")
def test_a_spoken_question_is_answered_aloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question, reply = str(tmp_path / "question.wav"), str(tmp_path / "reply.wav")
    assert main(["speak", QUESTION, "-o", question, "--voice", "heart", "--quiet"]) == 0
    assert main(["answer", question, "-o", reply, "--json", "--quiet"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert word_error_rate(QUESTION, row["text"]) <= 0.2
    assert row["reply_text"]
    assert main(["transcribe", reply, "--quiet"]) == 0
    assert word_error_rate(row["reply_text"], capsys.readouterr().out) < 0.4


def test_a_run_that_is_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    for n in range(6):
        soundfile.write(tmp_path / f"{n}.wav", tone(0.5 + 0.1 * n), 16_000)
    write_rows(tmp_path / "in.jsonl", *({"audio": f"{n}.wav"} for n in range(6)))
    command = [
        sys.executable, "-m", "app", "answer", "--manifest", "in.jsonl", "-o", "replies",
        "--out", "out.jsonl", "--model", "scripted", "--json",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as killed:
        assert killed.stdout is not None
        assert json.loads(killed.stdout.readline())["id"] == "0.wav"  # what is told is on the disk
        assert json.loads(killed.stdout.readline())["id"] == "1.wav"
        killed.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        killed.communicate()
    assert [row["id"] for row in rows(tmp_path / "out.jsonl")][:2] == ["0.wav", "1.wav"]
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    told = [json.loads(line)["id"] for line in again.stdout.splitlines()]
    assert "0.wav" not in told
    assert "1.wav" not in told
    assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == [f"{n}.wav" for n in range(6)]
    for row in rows(tmp_path / "out.jsonl"):
        assert soundfile.info(tmp_path / row["reply_audio"]).frames > 0
    assert not list(tmp_path.rglob("*.part"))
