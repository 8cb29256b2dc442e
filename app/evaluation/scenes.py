"""Every scene below a folder, closed loop: one row a scene and one for all of them.

Measures; decides nothing and knows no model. Timing is what the recording says (see scene_score).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.evaluation.scorecard import Row, with_progress
from app.messages.errors import BadInputError
from app.scenes.run import SceneResult
from app.scenes.scene_file import Label, Scene, read_scene
from app.scenes.score import TurnScore

RunScene = Callable[[Scene], SceneResult]


@dataclass(frozen=True, slots=True)
class _Tally:
    """Everything counted over some scenes."""

    results: tuple[SceneResult, ...]

    @property
    def turns(self) -> list[TurnScore]:
        return [turn for result in self.results for turn in result.score.turns]

    def row(self, name: str) -> Row:
        turns = self.turns
        answers = [t.response_latency_ms for t in turns if t.response_latency_ms is not None]
        stops = [t.stop_latency_ms for t in turns if t.stop_latency_ms is not None]
        orders = [t for t in turns if t.label in (Label.INTERRUPTION, Label.STOP)]
        backchannels = [t for t in turns if t.label == Label.BACKCHANNEL]
        noises = [t for t in turns if t.label == Label.NOISE]
        questions = [t for t in turns if t.label == Label.QUESTION]
        speech_s = sum(result.score.assistant_speech_s for result in self.results)
        self_stops = sum(result.score.self_interruptions for result in self.results)
        noise_min = sum(t.end_s - t.start_s for t in noises) / 60.0
        runs = [result.run for result in self.results]
        return {
            "scene": name,
            "seconds": round(sum(run.seconds for run in runs), 1),
            "questions": len(questions),
            "answered": sum(t.did.endswith("answered") for t in questions),
            "response_latency_p50_ms": percentile(answers, 50),
            "response_latency_p95_ms": percentile(answers, 95),
            "interruptions": len(orders),
            "missed_interruptions": sum(t.missed for t in orders),
            "stop_latency_p50_ms": percentile(stops, 50),
            "stop_latency_p95_ms": percentile(stops, 95),
            "backchannels": len(backchannels),
            "false_stops_per_backchannel": _ratio(
                sum(t.false_stop for t in backchannels), len(backchannels)
            ),
            "false_stops_per_noise_min": _ratio(sum(t.false_stop for t in noises), noise_min),
            "false_pauses": sum(result.score.false_pauses for result in self.results),
            "cut_offs": sum(t.cut_off for t in turns),
            "assistant_speech_s": round(speech_s, 1),
            "self_interruptions_per_h": _ratio(self_stops, speech_s / 3600.0),
            "self_replies": sum(result.score.self_replies for result in self.results),
            "real_time_factor": round(
                sum(run.real_time_factor * run.seconds for run in runs)
                / max(sum(run.seconds for run in runs), 1e-9), 3,
            ),
            "output_xruns": sum(run.n_output_underflows + run.n_starvations for run in runs),
            "input_xruns": sum(run.n_input_overflows for run in runs),
            "peak_memory_mb": round(max((r.peak_memory_mb for r in runs), default=0.0)),
        }  # fmt: skip


def run_scenes(folder: Path, run: RunScene) -> tuple[Row, ...]:
    """Raises BadInputError when a scene is broken (before any has run) or there is none."""
    scenes = [read_scene(path) for path in scene_files(folder)]
    results = [_run_alone(scene, run) for scene in with_progress(scenes, "scenes", is_quiet=False)]
    rows = [_Tally((result,)).row(result.scene.name) for result in results]
    return (*rows, _Tally(tuple(results)).row("all"))


def _run_alone(scene: Scene, run: RunScene) -> SceneResult:
    """An engine is full of cycles: its model must be gone before the next one is loaded."""
    result = run(scene)
    gc.collect()
    return result


def scene_files(folder: Path) -> list[Path]:
    """All *.toml below ``folder``, sorted."""
    if not folder.is_dir():
        raise BadInputError(folder, "", "is not a folder", "give the folder that holds scenes")
    files = sorted(folder.rglob("*.toml"))
    if not files:
        raise BadInputError(folder, "", "holds no scene", "give a folder with *.toml scenes")
    return files


def percentile(values: Iterable[float], percent: float) -> float | None:
    """None when there is nothing to measure."""
    numbers = list(values)
    return round(float(np.percentile(numbers, percent)), 1) if numbers else None


def _ratio(count: int, per: float) -> float | None:
    return round(count / per, 3) if per > 0.0 else None
