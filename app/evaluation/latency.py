"""Spoken questions through the whole engine in real time: where the time of an answer goes.

One conversation in a quiet room; each question follows the end of the answer before it.
"""

from __future__ import annotations

from pathlib import Path

from app.evaluation.scenes import RunScene, percentile
from app.evaluation.scorecard import Row
from app.scenes.run import SceneResult
from app.scenes.scene_file import Cue, EndPlan, Label, RoomPlan, Scene, Utterance

N_QUESTIONS = 20
_START_S = 1.5
_BETWEEN_S = 1.0
_SPANS = ("decide_ms", "words_ms", "think_ms", "voice_ms", "device_ms", "residual_ms")


def question_scene(questions: tuple[Utterance, ...]) -> Scene:
    """One conversation; each question follows the end of the answer before it."""
    return Scene("latency", Path("latency.toml"), RoomPlan(), questions, EndPlan(6.0, 600.0))


def asked(wavs: tuple[Path, ...], texts: tuple[str, ...]) -> tuple[Utterance, ...]:
    """Recordings where there are any, else sentences to be synthesized."""
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
    """One row a question, then p50 and p95 of each span."""
    result = run(question_scene(questions))
    rows = _rows(result)
    return (*rows, _summary("p50", rows, 50), _summary("p95", rows, 95))


def _rows(result: SceneResult) -> list[Row]:
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
    return rows


def _summary(name: str, rows: list[Row], percent: float) -> Row:
    summary: Row = {"question": name}
    for column in ("response_latency_ms", *_SPANS):
        values = [row[column] for row in rows]
        summary[column] = percentile([v for v in values if isinstance(v, float)], percent)
    return summary
