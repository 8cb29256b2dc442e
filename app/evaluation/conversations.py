"""Whole conversations through the engine, closed loop: every scene below a folder, and latencies.

Timing is what the recording says (``app.scenes.score``).
"""

import gc
from collections.abc import Callable
from pathlib import Path

from app.evaluation.scorecard import Row, percentile, with_progress
from app.messages.errors import BadInputError
from app.scenes.run import SceneResult
from app.scenes.scene_file import (
    Cue,
    EndPlan,
    Label,
    RoomPlan,
    Scene,
    Utterance,
    read_scene,
)

RunScene = Callable[[Scene], SceneResult]

PAGE_COLUMNS = (
    "scene", "seconds", "answered", "response_latency_p50_ms", "response_latency_p95_ms",
    "interruptions", "missed_interruptions", "stop_latency_p50_ms", "stop_latency_p95_ms",
    "backchannels", "false_stops_per_backchannel", "cut_offs", "self_interruptions_per_h",
)  # fmt: skip
"""What of a scene a page has room for."""
N_QUESTIONS = 20
_START_S = 1.5
_BETWEEN_S = 1.0
_SPANS = ("decide_ms", "words_ms", "think_ms", "voice_ms", "device_ms", "residual_ms")


def run_scenes(folder: Path, run: RunScene) -> tuple[Row, ...]:
    """Return one row a scene and one for all of them.

    Raises BadInputError when a scene is broken (before any has run) or there is none.
    """
    if not folder.is_dir():
        raise BadInputError(folder, "", "is not a folder", "give the folder that holds scenes")
    files = sorted(folder.rglob("*.toml"))
    if not files:
        raise BadInputError(folder, "", "holds no scene", "give a folder with *.toml scenes")
    results: list[SceneResult] = []
    for scene in with_progress([read_scene(path) for path in files], "scenes", is_quiet=False):
        results.append(run(scene))
        # An engine is full of cycles: its model must be gone before the next one is loaded.
        gc.collect()
    return (*(_row(one.scene.name, [one]) for one in results), _row("all", results))


def _row(name: str, results: list[SceneResult]) -> Row:
    turns = [turn for result in results for turn in result.score.turns]
    answers = [t.response_latency_ms for t in turns if t.response_latency_ms is not None]
    stops = [t.stop_latency_ms for t in turns if t.stop_latency_ms is not None]
    orders = [t for t in turns if t.label in (Label.INTERRUPTION, Label.STOP)]
    backchannels = [t for t in turns if t.label == Label.BACKCHANNEL]
    noises = [t for t in turns if t.label == Label.NOISE]
    questions = [t for t in turns if t.label == Label.QUESTION]
    speech_s = sum(result.score.assistant_speech_s for result in results)
    self_stops = sum(result.score.self_interruptions for result in results)
    noise_min = sum(t.end_s - t.start_s for t in noises) / 60.0
    runs = [result.run for result in results]
    seconds = sum(run.seconds for run in runs)
    return {
        "scene": name,
        "seconds": round(seconds, 1),
        "questions": len(questions),
        "answered": sum(t.did.endswith("answered") for t in questions),
        "response_latency_p50_ms": percentile(answers, 50),
        "response_latency_p95_ms": percentile(answers, 95),
        "interruptions": len(orders),
        "missed_interruptions": sum(t.missed for t in orders),
        "stop_latency_p50_ms": percentile(stops, 50),
        "stop_latency_p95_ms": percentile(stops, 95),
        "backchannels": len(backchannels),
        "false_stops_per_backchannel": _per(
            sum(t.false_stop for t in backchannels), len(backchannels)
        ),
        "false_stops_per_noise_min": _per(sum(t.false_stop for t in noises), noise_min),
        "false_pauses": sum(result.score.false_pauses for result in results),
        "cut_offs": sum(t.cut_off for t in turns),
        "assistant_speech_s": round(speech_s, 1),
        "self_interruptions_per_h": _per(self_stops, speech_s / 3600.0),
        "self_replies": sum(result.score.self_replies for result in results),
        "real_time_factor": round(
            sum(run.real_time_factor * run.seconds for run in runs) / max(seconds, 1e-9), 3
        ),
        "output_xruns": sum(
            run.transport.n_output_underflows + run.transport.n_starvations for run in runs
        ),
        "input_xruns": sum(run.transport.n_input_overflows for run in runs),
        "peak_memory_mb": round(max((r.peak_memory_mb for r in runs), default=0.0)),
    }


def _per(count: int, per: float) -> float | None:
    return round(count / per, 3) if per > 0.0 else None


def questions_of(wavs: tuple[Path, ...], texts: tuple[str, ...]) -> tuple[Utterance, ...]:
    """Return recordings where there are any, else sentences to be synthesized."""
    sources = [{"wav": wav} for wav in wavs] or [{"text": text} for text in texts]
    return tuple(
        Utterance(
            label=Label.QUESTION,
            at_s=_START_S if i == 0 else None,
            after=None if i == 0 else Cue.ASSISTANT_ENDED,
            delay_s=0.0 if i == 0 else _BETWEEN_S,
            **source,  # pyright: ignore[reportArgumentType]
        )
        for i, source in enumerate(sources[:N_QUESTIONS])
    )


def run_latency(questions: tuple[Utterance, ...], run: RunScene) -> tuple[Row, ...]:
    """Return one row a question, then p50 and p95 of each span.

    It is one conversation in a quiet room; each question follows the end of the answer before it.
    """
    end = EndPlan(after_silence_s=6.0, at_most_s=600.0)
    result = run(Scene("latency", Path("latency.toml"), RoomPlan(), questions, end))
    spans = {
        round(float(entry["t_s"]), 3): entry  # pyright: ignore[reportArgumentType]
        for entry in result.run.timeline
        if entry["event"] == "answer_latency"
    }
    rows: list[Row] = []
    for i, turn in enumerate(result.score.turns):
        if turn.response_latency_ms is None:
            continue
        answered_s = turn.end_s + turn.response_latency_ms / 1000.0
        at_s = min(spans, key=lambda t: abs(t - answered_s), default=None)
        entry = spans[at_s] if at_s is not None else {}
        row: Row = {"question": str(i + 1), "response_latency_ms": turn.response_latency_ms}
        for span in _SPANS:
            value = entry.get(span)
            row[span] = round(float(value), 1) if isinstance(value, int | float) else None
        rows.append(row)
    summaries = [_summary(f"p{percent}", rows, percent) for percent in (50, 95)]
    return (*rows, *summaries)


def _summary(name: str, rows: list[Row], percent: int) -> Row:
    summary: Row = {"question": name}
    for column in ("response_latency_ms", *_SPANS):
        values = [row[column] for row in rows]
        summary[column] = percentile([v for v in values if isinstance(v, float)], percent)
    return summary
