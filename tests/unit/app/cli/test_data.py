"""``parley data`` as a person calls it, with the voice that comes with the program."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from app.cli.parser import main
from tests.fakes.training_data import recognised, record, write_jsonl, written

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["data", *arguments, "--quiet"])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_good_data_is_counted(call: Call, tmp_path: Path) -> None:
    record(tmp_path / "q.wav", 1.5)
    write_jsonl(tmp_path / "d.jsonl", [recognised("q.wav", "hello"), written("Hi.", "Hello.")])
    status, out, err = call("check", "d.jsonl")
    assert (status, err) == (0, "")
    assert "2 samples can be used, 0 cannot" in out
    assert "recordings heard" in out


def test_bad_data_is_named_and_tells_by_the_exit_status(call: Call, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "d.jsonl", [recognised("gone.wav", "hello"), written("Hi.", "Hello.")])
    status, out, _ = call("check", "d.jsonl")
    assert status == 1
    assert "d.jsonl:1: gone.wav is missing" in out


def test_the_numbers_come_as_json(call: Call, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "d.jsonl", [written("Hi.", "Hello.")])
    status, out, _ = call("check", "d.jsonl", "--json")
    assert status == 0
    assert json.loads(out)["n_samples"] == 1


def test_tokens_are_counted_with_a_model_and_codes_kept(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model  # noqa: PLC0415

    model = write_tiny_model(tmp_path / "model", k=1)
    record(tmp_path / "q.wav", 1.5)
    write_jsonl(tmp_path / "d.jsonl", [recognised("q.wav", "hello")])
    status, out, _ = call("check", "d.jsonl", "--model", str(model))
    assert status == 0
    assert " tokens" in out
    assert len(list(tmp_path.glob("q.wav.codes-*.json"))) == 1


def test_dialogues_become_data_that_can_be_used(call: Call, tmp_path: Path) -> None:
    (tmp_path / "d.tsv").write_text("What time is it?\tIt is noon.\n")
    status, out, err = call("synthesize", "d.tsv", "out", "--voices", "heart", "--jobs", "1")
    assert (status, err) == (0, "")
    assert out.startswith("2 recordings (2 new), 1 in speech_to_speech.jsonl, ")
    recordings = sorted((tmp_path / "out" / "audio").iterdir())
    assert [path.suffix for path in recordings] == [".flac", ".flac"]
    for path in recordings:
        samples, rate_hz = soundfile.read(path)
        assert rate_hz == 16_000
        assert 0.5 < len(samples) / rate_hz < 4.0
        assert 0.05 < abs(samples).max() < 1.0
    assert call("check", "out/mixture.toml", "--decode")[0] == 0
    assert "(0 new)" in call("synthesize", "d.tsv", "out", "--voices", "heart")[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("check", "none.jsonl"), "none.jsonl: cannot be read: No such file or directory"),
        (("synthesize", "none.tsv", "out"), "none.tsv: cannot be read"),
        (("synthesize", "d.tsv", "out", "--voices", "nobody"), "--voices: 'nobody' is not here"),
        (
            ("synthesize", "d.tsv", "out", "--voices", "heart", "--assistant", "bella"),
            "--assistant: 'bella' is not here; choose of heart",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "d.tsv").write_text("Hi.\tHello.\n")
    status, out, err = call(*arguments)
    assert status in (1, 2)
    assert out == ""
    assert err.startswith("parley: ")
    assert reason in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
