"""Overlap scores on scenes whose right answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from app.bench.overlap import run_overlap
from app.bench.scorecard import Row
from model.duplex.lexicon import read_lexicons
from model.duplex.predictor import FirstDuplexPredictor
from tests.fakes.bench import LevelVad, ScriptedWords, SubtractingCanceller

RATE_HZ = 16_000
N = 8 * RATE_HZ


def scene(folder: Path, name: str, category: str, event: tuple[str, float, float] | None) -> None:
    """A reply from 0.5 to 7.5 s, its echo in the microphone, and the user over it."""
    rng = np.random.default_rng(5)
    far = np.zeros(N, np.float32)
    far[RATE_HZ // 2 : int(7.5 * RATE_HZ)] = 0.05 * rng.standard_normal(7 * RATE_HZ)
    mic = far.copy()
    events: list[dict[str, object]] = []
    if event is not None:
        kind, onset, end = event
        a, b = int(onset * RATE_HZ), int(end * RATE_HZ)
        mic[a:b] += 0.1 * rng.standard_normal(b - a).astype(np.float32)
        events = [{"event": kind, "onset": onset, "end": end}]
    sf.write(folder / "bargein" / f"{name}.flac", np.stack([mic, far], axis=1), RATE_HZ)
    label = {
        "id": name,
        "path": f"bargein/{name}.flac",
        "category": category,
        "lang": "en",
        "far": {"segments": [[0.5, 7.5]]},
        "events": events,
    }
    with (folder / "bargein" / "labels.jsonl").open("a", encoding="utf-8") as labels:
        labels.write(json.dumps(label) + "\n")


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, Row]:
    (tmp_path / "bargein").mkdir()
    scene(tmp_path, "echo", "echo_only", None)
    scene(tmp_path, "interrupt", "interrupt_speech", ("user_interruption", 3.0, 5.0))
    scene(tmp_path, "mhm", "backchannel", ("user_backchannel", 3.0, 3.3))
    card = run_overlap(
        tmp_path,
        predictor_factory=lambda: FirstDuplexPredictor(None, read_lexicons()),
        canceller_factory=SubtractingCanceller,
        vad_factory=LevelVad,
        recognizer_factory=lambda: ScriptedWords("tell me"),
        command="x",
        is_quiet=True,
    )
    return {str(row["trigger"]): row for row in card.rows}


def test_the_predictor_stops_for_the_interruption_and_goes_on_after_the_backchannel(
    rows: dict[str, Row],
) -> None:
    row = rows["predictor"]
    assert row["found_percent"] == 100.0
    assert row["backchannels_cut"] == 0
    assert row["short_holds_backchannel"] == 1
    assert row["false_stops_echo"] == 0
    assert row["stop_latency_p50_ms"] == pytest.approx(128, abs=60)
    assert row["cut_latency_p50_ms"] == pytest.approx(550, abs=60)


def test_the_bare_trigger_stops_for_the_backchannel_too(rows: dict[str, Row]) -> None:
    row = rows["voice 192 ms"]
    assert row["found_percent"] == 100.0
    assert row["false_stops_backchannel"] == 1
    assert row["false_stops_echo"] == 0


def test_without_cancellation_the_echo_stops_the_reply(rows: dict[str, Row]) -> None:
    row = rows["voice 192 ms, no echo cancellation"]
    assert row["false_stops_echo"] == 3
    assert row["residual_echo_dbfs"] == pytest.approx(-26, abs=1)
    assert rows["predictor"]["residual_echo_dbfs"] == -120.0
