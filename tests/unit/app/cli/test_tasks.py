"""``parley transcribe``, ``answer`` and ``speak`` as a person calls them, without weights."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
import soundfile

from app.cli import tasks as cli_tasks
from app.cli.parser import main
from model import catalog
from model.interfaces import SpeechModel
from model.scripted import ScriptedModel
from model.store.models import ModelStore
from model.store.packages import WeightStore
from tests.fakes.audio import tone
from tests.fakes.manifests import parse_weights

SCRIPTED = ("--model", "scripted")
REPLY = "I have heard you."  # what the scripted model begins with


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in an empty folder with two recordings."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("one.wav", tone(0.6), 16_000)
    soundfile.write("two.flac", tone(0.8, 44_100), 44_100)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main([*arguments, *SCRIPTED])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


Call = Callable[..., tuple[int, str, str]]


def test_one_recording_prints_its_words_and_nothing_else(call: Call) -> None:
    status, out, err = call("transcribe", "one.wav")
    assert (status, out) == (0, "…\n")  # what nobody wrote down for the scripted model
    assert err.startswith("1 done: 0.6 s of sound in ")
    assert "real-time factor" in err


def test_many_recordings_print_name_and_words(call: Call) -> None:
    status, out, err = call("transcribe", "one.wav", "two.flac")
    assert (status, out) == (0, "one.wav\t…\ntwo.flac\t…\n")
    assert "2 done: 1.4 s of sound" in err


def test_json_is_for_programs(call: Call) -> None:
    status, out, err = call("transcribe", "one.wav", "--json", "--quiet")
    row = json.loads(out)
    assert (status, err) == (0, "")
    assert (row["audio"], row["duration_s"], row["model"]) == ("one.wav", 0.6, "scripted")
    _, out, _ = call("transcribe", "one.wav", "two.flac", "--json", "--quiet")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["one.wav", "two.flac"]


def test_an_answer_is_printed_and_spoken(call: Call, tmp_path: Path) -> None:
    status, out, _ = call("answer", "one.wav", "-o", "reply.flac")
    assert status == 0
    assert out.startswith(REPLY)
    assert soundfile.info(tmp_path / "reply.flac").duration > 5.0


def test_answers_to_many_go_to_a_folder(call: Call, tmp_path: Path) -> None:
    status, out, _ = call("answer", "one.wav", "two.flac", "-o", "replies")
    assert status == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == ["one.wav", "two.flac"]
    assert sorted(file.name for file in (tmp_path / "replies").iterdir()) == ["one.wav", "two.wav"]


def test_a_folder_is_a_place_for_one_answer_too(call: Call, tmp_path: Path) -> None:
    assert call("answer", "one.wav", "-o", "replies/")[0] == 0
    assert (tmp_path / "replies" / "one.wav").is_file()


def test_a_text_is_spoken_in_silence(call: Call, tmp_path: Path) -> None:
    status, out, err = call("speak", "Good morning.", "-o", "a.wav", "--quiet", "--rate", "1.2")
    assert (status, out, err) == (0, "", "")
    assert soundfile.info(tmp_path / "a.wav").duration > 0.5


def test_a_text_comes_from_stdin(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Good morning. " * 100))
    assert call("speak", "-", "-o", "a.wav")[0] == 0
    assert soundfile.info(tmp_path / "a.wav").duration > 60.0


def test_a_manifest_in_a_manifest_out_and_again(call: Call, tmp_path: Path) -> None:
    lines = ('{"audio": "one.wav"}', '{"audio": "no.wav", "id": "lost"}', '{"audio": "two.flac"}')
    Path("in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    arguments = ("answer", "--manifest", "in.jsonl", "-o", "replies", "--out", "results/out.jsonl")
    status, out, err = call(*arguments)
    assert (status, out) == (1, "")
    assert "parley: lost: no.wav: is not there" in err
    assert err.splitlines()[-1].endswith("1 failed")
    soundfile.write("no.wav", tone(0.5), 16_000)
    status, out, err = call(*arguments)
    assert (status, out) == (0, "")
    assert "1 done" in err
    assert "2 done before" in err
    rows = [json.loads(line) for line in Path("results/out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["one.wav", "lost", "two.flac"]
    assert all(Path(row["reply_audio"]).is_file() for row in rows)
    assert [row["audio"] for row in rows] == [
        str(tmp_path / name) for name in ("one.wav", "no.wav", "two.flac")
    ]


WRONG = {
    "no input": (("transcribe",), "give a sound file"),
    "no text": (("speak", "-o", "a.wav"), "give a text"),
    "an empty text": (("speak", " ", "-o", "a.wav"), "the text is empty"),
    "no place": (("speak", "Hello."), "-o: is missing"),
    "an unknown ending": (("speak", "Hello.", "-o", "a.xyz"), ".xyz"),
    "a missing file": (("transcribe", "no.wav"), "no.wav: is not there"),
    "a file for many": (("answer", "one.wav", "two.flac", "-o", "one.wav"), "give a folder"),
    "its own recording": (("answer", "one.wav", "-o", "one.wav"), "is one of the recordings"),
    "the recordings' folder": (("answer", "one.wav", "two.flac", "-o", "."), "one of the record"),
    "both": (("transcribe", "one.wav", "--manifest", "in.jsonl"), "one or the other"),
    "a missing manifest": (("transcribe", "--manifest", "in.jsonl"), "in.jsonl"),
    "a recording for the results": (("transcribe", "two.flac", "--out", "one.wav"), "no result"),
    "an unknown voice": (("speak", "Hi.", "-o", "a.wav", "--voice", "no"), "choose one of heart"),
    "half a blend": (("speak", "Hi.", "-o", "a.wav", "--voice", "heart+nobody:0.5"), "'nobody'"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    what: str, call: Call, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    arguments, complaint = WRONG[what]
    status, out, err = call(*arguments, "--quiet")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert complaint in line
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_rate_nobody_speaks_at_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speak", "Hi.", "-o", "a.wav", "--rate", "3"])
    assert ended.value.code == 2
    assert "'3' is no number from 0.7 to 1.5" in capsys.readouterr().err


def test_an_unknown_model_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", "one.wav", "--model", "nobody"]) == 2
    assert "choose one of: cascade" in capsys.readouterr().err


@pytest.fixture
def empty_shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """Nothing was downloaded."""
    names = {name for known in catalog.catalog() for name in known.weights}
    source = {"kind": "wheel", "parts": [{"from": "p==1", "member": "m"}]}
    weights = [
        {"name": name, "path": name, "bytes": 1, "sha256": "0" * 64, "licence": "MIT",
         "purpose": "a test", "groups": ["core"], "sources": [source]}
        for name in sorted(names)
    ]  # fmt: skip
    document = {"format": 1, "groups": {"core": "the core"}, "weight": weights}
    store = WeightStore(tmp_path / "weights", parse_weights(document, "t"))
    store.folder.mkdir()
    model_store = cli_tasks.default_model_store()
    made = ModelStore(store, model_store.hub, model_store.local)
    monkeypatch.setattr(cli_tasks, "default_model_store", lambda: made)
    return made


@pytest.mark.usefixtures("empty_shelf")
def test_a_model_that_is_not_installed_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["transcribe", "one.wav"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "'cascade' cannot be used: not downloaded" in line
    assert "parley models get " in line
    assert "qwen2.5-coder-0.5b" in line


def test_where_only_the_quick_model_is_here_it_is_the_default(empty_shelf: ModelStore) -> None:
    for name in catalog.entry("cascade-quick").weights:
        empty_shelf.weights.path(name).write_bytes(b"x")
    assert cli_tasks.chosen(empty_shelf, "").name == "cascade-quick"
    assert cli_tasks.chosen(empty_shelf, "scripted").name == "scripted"


def test_a_folder_that_is_no_model_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    assert main(["transcribe", "one.wav", "--model", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"'local:{tmp_path.name}' cannot be used" in line


class _InterruptedModel(ScriptedModel):
    """Ctrl-C comes while the second recording is heard."""

    def begin_turn(self, key: object, context: object) -> None:
        if getattr(key, "turn", 0) == 2:
            raise KeyboardInterrupt
        super().begin_turn(key, context)  # type: ignore[arg-type]


def test_ctrl_c_is_one_line_and_keeps_what_is_done(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: SpeechModel = _InterruptedModel()
    monkeypatch.setattr(catalog, "build", lambda *_: model)
    status, out, err = call("transcribe", "one.wav", "two.flac", "--out", "out.jsonl", "--quiet")
    assert (status, out) == (130, "")
    assert err == "parley: interrupted, 1 done; the same command goes on from here\n"
    (row,) = Path("out.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(row)["id"] == "one.wav"
    assert {path.name for path in tmp_path.iterdir()} == {"one.wav", "two.flac", "out.jsonl"}


class _FullModel(ScriptedModel):
    """The device has no memory left."""

    def finish_turn(self, key: object) -> NoReturn:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")


class _BuggyModel(ScriptedModel):
    def load(self, report: object) -> NoReturn:
        raise IndexError("a bug")


def test_a_model_out_of_memory_is_one_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "build", lambda *_: _FullModel())
    status, out, err = call("answer", "one.wav")
    assert (status, out, err) == (1, "", "parley: scripted: CUDA out of memory\n")
    status, out, err = call("answer", "one.wav", "two.flac", "--quiet")
    assert (status, out) == (1, "")
    assert err.splitlines()[0] == "parley: one.wav: CUDA out of memory"


@pytest.mark.allow_warnings
def test_a_model_that_cannot_be_loaded_is_one_line(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "build", lambda *_: _BuggyModel())
    status, out, err = call("transcribe", "one.wav", "two.flac", "--quiet")
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == "parley: scripted: IndexError: a bug"


@pytest.mark.parametrize("command", ["transcribe", "answer", "speak"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "examples:" in printed
    assert f"parley {command} --manifest" in printed
