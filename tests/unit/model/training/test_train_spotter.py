from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from model.training.train_spotter import main
from tests.fakes.spotter_recordings import spotter_recordings


@pytest.mark.parametrize(
    ("more", "missing", "what"),
    [
        ((), "speakers.json", "speakers.json: is missing"),
        ((), "words/words.jsonl", "words/words.jsonl: is missing"),
        (("--hours", "0"), "", "--hours 0.0, --batches 4200: must be more than 0"),
        (("--batches", "-1"), "", "--batches -1: must be more than 0, and 0 or more"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_any_work(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    missing: str,
    what: str,
) -> None:
    folder = spotter_recordings(tmp_path / "real")
    if missing:
        (folder / missing).unlink()
    words = [str(tmp_path / "data"), "--real", str(folder), "--out", str(tmp_path), *more]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert what in said
    assert said.count("\n") == 1
    assert not (tmp_path / "data").exists()
