"""The whole bench on recordings whose right answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from app.evaluation.scorecard import Row, render
from app.evaluation.turn_taking.detector_bench import DetectorFactories, run_duplex
from app.messages.errors import BadInputError
from audio_io.frames import ENGINE_RATE_HZ as RATE_HZ
from audio_io.frames import Samples, UserFrame
from model.types import AgentState, DuplexPrediction
from tests.fakes.bench import LevelVad, ScriptedWords, SubtractingCanceller
from tests.fakes.duplex import FakeTurnClassifier

N = 8 * RATE_HZ


class WordPredictor:
    """Believes words: "and" means more is coming, "mhm" that the reply may go on."""

    last_inference_s = 0.0

    def __init__(self) -> None:
        self._quiet_s = 0.0
        self._voice_s = 0.0

    def step(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        is_voice = user.p_speech > 0.5
        self._quiet_s = 0.0 if is_voice else self._quiet_s + 0.01
        self._voice_s += 0.01 * is_voice
        now_s = user.clean.end_s
        if agent.is_speaking:
            wants_floor = self._voice_s > 0.4 and "mhm" not in user.partial_text
            return DuplexPrediction(now_s, p_interruption=0.9 if wants_floor else 0.1)
        if not self._voice_s:
            return None
        wait_s = 2.0 if user.partial_text.endswith("and") else 0.4
        return DuplexPrediction(now_s, p_end_of_turn=float(self._quiet_s >= wait_s))

    def reset(self) -> None:
        self._voice_s = self._quiet_s = 0.0


def noise(seconds: float, amplitude: float) -> Samples:
    rng = np.random.default_rng(3)
    return (amplitude * rng.standard_normal(int(seconds * RATE_HZ))).astype(np.float32)


def add_label(folder: Path, part: str, label: dict[str, object]) -> None:
    (folder / part).mkdir(exist_ok=True)
    with (folder / part / "labels.jsonl").open("a", encoding="utf-8") as labels:
        labels.write(json.dumps(label) + "\n")


def add_turn(folder: Path) -> None:
    """Voice 0.5-1.5, a pause until 2.5, voice until 3.3, quiet until 7."""
    lengths = ((0.5, 1e-4), (1.0, 0.1), (1.0, 1e-4), (0.8, 0.1), (3.7, 1e-4))
    pause = {"event": "pause", "start": 1.5, "end": 2.5, "inserted_s": 1.0}
    events = [pause, {"event": "end_of_turn", "t": 3.3}]
    label = {"id": "a", "path": "turns/a.flac", "kind": "x", "lang": "en", "events": events}
    add_label(folder, "turns", label)
    sound = np.concatenate([noise(*length) for length in lengths])
    sf.write(folder / "turns" / "a.flac", sound, RATE_HZ)


def add_scene(folder: Path, name: str, category: str, kind: str, at: tuple[float, float]) -> None:
    """A reply from 0.5 to 7.5 s, its echo in the microphone, and somebody over it."""
    far = np.zeros(N, np.float32)
    far[RATE_HZ // 2 : int(7.5 * RATE_HZ)] = noise(7.0, 0.05)
    mic = far.copy()
    begin = int(at[0] * RATE_HZ)
    voice = noise(at[1] - at[0], 0.1)
    mic[begin : begin + len(voice)] += voice
    events = [{"event": kind, "onset": at[0], "end": at[1]}] if kind else []
    label: dict[str, object] = {"id": name, "path": f"bargein/{name}.flac", "lang": "en"}
    label |= {"category": category, "far": {"segments": [[0.5, 7.5]]}, "events": events}
    add_label(folder, "bargein", label)
    sf.write(folder / "bargein" / f"{name}.flac", np.stack([mic, far], axis=1), RATE_HZ)


def add_noise(folder: Path, *, train_ok: bool) -> None:
    (folder / "noise").mkdir()
    sf.write(folder / "noise" / "hum.flac", noise(5.0, 0.005), RATE_HZ)
    row = {"id": "hum", "path": "noise/hum.flac", "train_ok": train_ok}
    (folder / "manifest.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def scores(folder: Path, words: str = "tea and", *, split: str = "test") -> dict[str, Row]:
    card = run_duplex(
        folder,
        DetectorFactories(
            predictors={"ours": WordPredictor},
            canceller=SubtractingCanceller,
            detector=LevelVad,
            recognizer=lambda: ScriptedWords(words),
            classifier=FakeTurnClassifier(0.9),
            n_parameters={"ours": 5},
        ),
        command="x",
        split=split,
        is_quiet=True,
    )
    assert all(list(row) == list(card.rows[0]) for row in card.rows)
    assert "ours" in render(card)
    return {str(row["detector"]): row for row in card.rows}


def test_turns_are_scored_for_every_detector(tmp_path: Path) -> None:
    add_turn(tmp_path)
    rows = scores(tmp_path)
    assert list(rows) == [
        "ours",
        "any timer",
        "0.5 s",
        "0.7 s",
        "1.0 s",
        "1.6 s",
        "VAD only",
        "energy, 1.0 s",
        "Smart Turn",
    ]
    assert rows["0.5 s"]["cut_inserted"] == "1 of 1"
    assert rows["1.6 s"]["cut_inserted"] == "0 of 1"
    assert rows["1.6 s"]["end_latency_p50_ms"] == pytest.approx(1600, abs=60)
    assert rows["ours"]["cut_inserted"] == "0 of 1"
    assert rows["Smart Turn"]["cut_inserted"] == "1 of 1"
    # the detector hears 0.97 s of the pause
    assert rows["any timer"]["latency_at_5_percent_cut_mean_ms"] == pytest.approx(1000, abs=60)


def test_words_tell_a_pause_from_an_end(tmp_path: Path) -> None:
    add_turn(tmp_path)
    row = scores(tmp_path, "tea please")["ours"]
    assert row["cut_inserted"] == "1 of 1"
    assert row["end_latency_p50_ms"] == pytest.approx(400, abs=60)


def test_parts_that_are_missing_have_no_scores(tmp_path: Path) -> None:
    add_turn(tmp_path)
    row = scores(tmp_path)["ours"]
    for column in ("interruption_recall", "backchannel_accuracy_percent", "noise_minutes"):
        assert row[column] is None
    assert row["own_parameters"] == 5
    assert row["step_mean_ms"] is not None


def test_overlaps_are_scored_where_a_detector_has_something_to_say(tmp_path: Path) -> None:
    add_scene(tmp_path, "cut", "interrupt_speech", "user_interruption", (3.0, 5.0))
    add_scene(tmp_path, "echo", "echo_only", "", (7.9, 8.0))
    rows = scores(tmp_path, "tell me")
    assert rows["ours"]["interruptions_found"] == "1 of 1"
    assert rows["ours"]["decision_latency_p50_ms"] == pytest.approx(410, abs=60)
    assert rows["VAD only"]["decision_latency_p50_ms"] == pytest.approx(200, abs=60)
    assert rows["ours"]["false_stops_echo"] == 0
    assert rows["ours"]["cut_percent"] is None
    assert rows["Smart Turn"]["interruption_recall"] is None


def test_a_backchannel_fools_voice_activity_and_not_one_who_reads_words(tmp_path: Path) -> None:
    add_scene(tmp_path, "mhm", "backchannel", "user_backchannel", (3.0, 3.8))
    rows = scores(tmp_path, "mhm")
    assert rows["ours"]["backchannel_accuracy_percent"] == 100.0
    assert rows["VAD only"]["backchannel_accuracy_percent"] == 0.0
    assert rows["VAD only"]["interruption_false_positives"] == 1.0


def test_noises_that_may_have_been_trained_on_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    add_turn(tmp_path)
    add_noise(tmp_path, train_ok=True)
    assert scores(tmp_path)["ours"]["noise_minutes"] is None
    row = scores(tmp_path, split="train")["ours"]
    assert row["noise_minutes"] == pytest.approx(6.0 / 60.0)
    assert row["false_stops_noise_per_minute"] == 0.0


def test_a_folder_without_any_part_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds none of") as caught:
        scores(tmp_path)
    assert "\n" not in str(caught.value)
