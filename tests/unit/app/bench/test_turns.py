"""End-of-turn scores on recordings whose right answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from app.bench.scorecard import Row
from app.bench.turns import run_turns
from model.duplex.lexicon import read_lexicons
from model.duplex.predictor import FirstDuplexPredictor
from tests.fakes.bench import LevelVad, ScriptedWords
from tests.fakes.duplex import FakeTurnClassifier

RATE_HZ = 16_000


def sound(*parts: tuple[float, float]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Noise of (seconds, amplitude) after each other."""
    rng = np.random.default_rng(3)
    noises = [a * rng.standard_normal(int(s * RATE_HZ)) for s, a in parts]
    return np.concatenate(noises).astype(np.float32)


def make_set(folder: Path, *, is_complete: bool = True) -> Path:
    """Voice 0.5-1.5, pause until 2.5, voice until 3.3, quiet until 7."""
    (folder / "turns").mkdir()
    quiet, loud = 1e-4, 0.1
    samples = sound((0.5, quiet), (1.0, loud), (1.0, quiet), (0.8, loud), (3.7, quiet))
    sf.write(folder / "turns" / "a.flac", samples, RATE_HZ)
    pause = {"event": "pause", "start": 1.5, "end": 2.5, "inserted_s": 1.0}
    last = {"event": "end_of_turn" if is_complete else "incomplete_stop", "t": 3.3}
    label = {"id": "a", "path": "turns/a.flac", "kind": "x", "lang": "en", "events": [pause, last]}
    (folder / "turns" / "labels.jsonl").write_text(json.dumps(label) + "\n", encoding="utf-8")
    return folder


def scores(folder: Path, p_sound: float, text: str) -> dict[str, Row]:
    card = run_turns(
        folder,
        predictor_factories={
            "ours": lambda: FirstDuplexPredictor(FakeTurnClassifier(p_sound), read_lexicons())
        },
        vad_factory=LevelVad,
        recognizer_factory=lambda: ScriptedWords(text),
        command="x",
        is_quiet=True,
    )
    return {str(row["detector"]): row for row in card.rows if row["language"] == "all"}


def test_a_short_timer_ends_inside_the_pause_and_a_long_one_does_not(tmp_path: Path) -> None:
    rows = scores(make_set(tmp_path), 0.5, "")
    assert rows["silence 0.5 s"]["premature_in_inserted"] == 1
    assert rows["silence 1.2 s"]["premature_in_inserted"] == 0
    assert rows["silence 1.2 s"]["ends_found_percent"] == 100.0
    assert rows["silence 1.2 s"]["end_latency_p50_ms"] == pytest.approx(1200, abs=50)


def test_an_open_phrase_survives_the_pause(tmp_path: Path) -> None:
    folder = make_set(tmp_path)
    assert scores(folder, 0.95, "a coffee with")["ours"]["premature_in_inserted"] == 0
    assert scores(folder, 0.95, "That is all.")["ours"]["premature_in_inserted"] == 1


def test_a_finished_turn_is_answered_soon_after_its_end(tmp_path: Path) -> None:
    row = scores(make_set(tmp_path), 0.95, "That is all.")["ours"]
    assert row["ends_found_percent"] == 100.0
    # the shortest wait and the network's own time
    assert row["end_latency_p50_ms"] == pytest.approx(560, abs=60)


def test_a_truncated_turn_reports_the_time_waited_and_no_end(tmp_path: Path) -> None:
    rows = scores(make_set(tmp_path, is_complete=False), 0.05, "a coffee with")
    assert rows["ours"]["true_ends"] == 0
    assert rows["ours"]["ends_found_percent"] is None
    assert rows["ours"]["truncated_wait_p50_ms"] == pytest.approx(2500, abs=100)
    assert rows["silence 0.8 s"]["truncated_wait_p50_ms"] == pytest.approx(800, abs=60)


def test_all_rows_have_the_same_columns(tmp_path: Path) -> None:
    rows = list(scores(make_set(tmp_path), 0.5, "").values())
    assert all(list(row) == list(rows[0]) for row in rows)
