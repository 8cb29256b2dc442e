"""Many entries: skipped, done, failed, gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.batch.batch import Batch, Order
from app.batch.entries import Entry, Task, of_files, output_names
from app.batch.result_log import ResultLog
from app.batch.sound_file import OutputError
from app.batch.work import Workbench
from model.interfaces import SpeechModel
from model.scripted import Script
from tests.fakes.audio import EnergyVad, tone
from tests.fakes.tasks import TURNS, ListeningModel, Watch, scripted

NAMES = ("a.wav", "b.wav", "c.wav", "d.wav")


@pytest.fixture
def recordings(tmp_path: Path) -> tuple[Entry, ...]:
    for n, name in enumerate(NAMES):
        soundfile.write(tmp_path / name, tone(0.5 + 0.1 * n), 16_000)
    return of_files([str(tmp_path / name) for name in NAMES])


def order_for(entries: tuple[Entry, ...], tmp_path: Path, task: Task = Task.ANSWER) -> Order:
    outputs = {}
    if task is not Task.TRANSCRIBE:
        names = output_names(entries, ".wav")
        outputs = {name: tmp_path / "replies" / file for name, file in names.items()}
    return Order(task, "scripted", "heart", 1.0, "auto", outputs, tmp_path)


def opened(model: SpeechModel) -> Callable[[], Workbench]:
    def make() -> Workbench:
        model.load(lambda _: None)
        return Workbench(model, EnergyVad)

    return make


def run(
    order: Order, entries: tuple[Entry, ...], out: Path, model: SpeechModel | None = None
) -> Watch:
    watch = Watch()
    log = ResultLog(out)
    try:
        Batch(order, opened(model or scripted()), repr, log).run(entries, watch)
    finally:
        log.close()
    return watch


def read(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n")[:-1]]


def test_a_result_says_all_there_is_to_know(recordings: tuple[Entry, ...], tmp_path: Path) -> None:
    run(order_for(recordings, tmp_path), recordings[:1], tmp_path / "out.jsonl")
    (row,) = read(tmp_path / "out.jsonl")
    assert set(row) == {
        "id", "audio", "text", "reply_text", "reply_audio", "language", "compute_s", "duration_s",
        "reply_duration_s", "real_time_factor", "model", "key", "error",
    }  # fmt: skip
    assert row["audio"] == "a.wav"
    assert row["reply_audio"] == "replies/a.wav"
    assert (row["text"], row["reply_text"], row["language"]) == ("hello there", "I hear you.", "en")
    assert row["duration_s"] == 0.5
    assert row["error"] is None
    assert soundfile.info(tmp_path / "replies" / "a.wav").duration == pytest.approx(
        row["reply_duration_s"], abs=1e-3
    )


def test_a_transcript_has_its_segments(recordings: tuple[Entry, ...], tmp_path: Path) -> None:
    order = order_for(recordings, tmp_path, Task.TRANSCRIBE)
    run(order, recordings[:1], tmp_path / "out.jsonl")
    (row,) = read(tmp_path / "out.jsonl")
    assert row["segments"] == [{"start_s": 0.0, "end_s": 0.5, "text": "hello there"}]


def test_a_bad_entry_is_noted_and_the_rest_goes_on(
    recordings: tuple[Entry, ...], tmp_path: Path
) -> None:
    (tmp_path / "b.wav").write_text("no sound", encoding="utf-8")
    entries = (*recordings[:2], Entry("line-3", fault="is no JSON"), recordings[2])
    watch = run(order_for(entries, tmp_path), entries, tmp_path / "out.jsonl")
    errors = [row["error"] for row in watch.rows]
    assert errors[0] is None
    assert "cannot be read as audio" in errors[1]
    assert errors[2] == "is no JSON"
    assert errors[3] is None
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [entry.id for entry in entries]


def test_what_is_done_is_skipped_and_what_failed_is_tried_again(
    recordings: tuple[Entry, ...], tmp_path: Path
) -> None:
    order, out = order_for(recordings, tmp_path), tmp_path / "out.jsonl"
    (tmp_path / "b.wav").rename(tmp_path / "away")
    run(order, recordings, out)
    (tmp_path / "away").rename(tmp_path / "b.wav")
    model = ListeningModel(Script(dict.fromkeys(TURNS, "Yes.")))
    watch = run(order, recordings, out, model)
    assert len(model.turns) == 1
    assert watch.n_done_before == 3
    assert [row["id"] for row in read(out)] == [entry.id for entry in recordings]
    assert all(row["error"] is None for row in read(out))


def test_without_anything_to_do_no_model_is_loaded(
    recordings: tuple[Entry, ...], tmp_path: Path
) -> None:
    order, out = order_for(recordings, tmp_path), tmp_path / "out.jsonl"
    run(order, recordings, out)

    def make() -> Workbench:
        raise AssertionError("all was done before")

    log, watch = ResultLog(out), Watch()
    assert Batch(order, make, repr, log).run(recordings, watch) == 0
    log.close()
    assert watch.n_done_before == 4


def test_other_content_another_model_or_a_lost_reply_is_done_again(
    recordings: tuple[Entry, ...], tmp_path: Path
) -> None:
    order, out = order_for(recordings, tmp_path), tmp_path / "out.jsonl"
    run(order, recordings, out)
    soundfile.write(tmp_path / "a.wav", tone(1.0), 16_000)
    (tmp_path / "replies" / "b.wav").unlink()
    own_voice = (*recordings[:2], replace(recordings[2], rate=1.3), recordings[3])
    assert run(order, own_voice, out).n_done_before == 1
    assert run(order, own_voice, out).n_done_before == 4
    assert run(replace(order, model="other"), own_voice, out).n_done_before == 0
    assert len(read(out)) == 4


def test_results_of_other_entries_stay(recordings: tuple[Entry, ...], tmp_path: Path) -> None:
    order, out = order_for(recordings, tmp_path), tmp_path / "out.jsonl"
    run(order, recordings[:2], out)
    run(order, recordings[2:], out)
    assert run(order, recordings, out).n_done_before == 4


def test_a_model_that_fails_once_fails_one_entry(
    recordings: tuple[Entry, ...], tmp_path: Path
) -> None:
    model = ListeningModel(Script(dict.fromkeys(TURNS, "Yes."), fails_in_turns=frozenset({2})))
    watch = run(order_for(recordings, tmp_path), recordings, tmp_path / "out.jsonl", model)
    assert [row["error"] is None for row in watch.rows] == [True, False, True, True]


class _BrokenModel(ListeningModel):
    def finish_turn(self, key: Any) -> Any:
        raise IndexError("a bug")


def test_a_bug_of_a_model_fails_an_entry_not_the_run(
    recordings: tuple[Entry, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    watch = run(order_for(recordings, tmp_path), recordings, out, _BrokenModel(Script()))
    assert [row["error"] for row in watch.rows] == ["IndexError('a bug')"] * 4


def test_a_place_that_cannot_be_written_ends_the_run(
    recordings: tuple[Entry, ...], tmp_path: Path
) -> None:
    (tmp_path / "replies").write_bytes(b"a file")
    watch, log = Watch(), ResultLog(tmp_path / "out.jsonl")
    batch = Batch(order_for(recordings, tmp_path), opened(scripted()), repr, log)
    with pytest.raises(OutputError, match="replies"):
        batch.run(recordings, watch)
    log.close()
    assert watch.rows == []


class _Killed(BaseException):
    """The process ends here: nothing that runs afterwards reaches the disk."""


class _DyingModel(ListeningModel):
    """Dies at its n-th frame or chunk."""

    def __init__(self, n_steps: int) -> None:
        super().__init__(Script(dict.fromkeys(TURNS, "Yes, I do hear you very well today.")))
        self.n_steps = n_steps

    def _step(self) -> None:
        self.n_steps -= 1
        if self.n_steps < 0:
            raise _Killed

    def hear(self, frame: Any) -> Any:
        self._step()
        return super().hear(frame)

    def reply(self, request: Any, cancel: Any) -> Any:
        for event in super().reply(request, cancel):
            self._step()
            yield event


@given(n_steps=st.integers(0, 80), n_lost=st.integers(0, 60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_killed_anywhere_the_next_run_completes_it(
    recordings: tuple[Entry, ...], tmp_path_factory: Any, n_steps: int, n_lost: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("run")
    order, out = order_for(recordings, tmp_path), tmp_path / "out.jsonl"
    log, seen = ResultLog(out), Watch()
    try:
        Batch(order, opened(_DyingModel(n_steps)), repr, log).run(recordings, seen)
    except _Killed:
        content = out.read_bytes() if out.exists() else b""
        last = content[content.rfind(b"\n", 0, -1) + 1 :]
        out.write_bytes(content[: len(content) - min(n_lost, len(last))])
        (tmp_path / "replies").mkdir(exist_ok=True)
        (tmp_path / "replies" / ".b.wav.part").write_bytes(b"half")
    log.close()
    again = run(order, recordings, out)
    assert [row["error"] for row in again.rows] == [None] * 4
    assert len(seen.rows) - 1 <= again.n_done_before <= len(seen.rows)
    assert [row["id"] for row in read(out)] == [entry.id for entry in recordings]
    for row in read(out):
        said = soundfile.info(tmp_path / row["reply_audio"])
        assert said.duration == pytest.approx(row["reply_duration_s"], abs=1e-3)
