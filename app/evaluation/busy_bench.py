"""A long conversation in real time beside other work, over a loud echo.

The engine runs as in the window: its threads, the model in its own process, a simulated sound card
paced by the clock that loses sound when nobody comes for it.
"""

import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from app.dialogue.causes import DecisionKind
from app.dialogue.timeline import Entry
from app.evaluation.busy_script import BusyScript, Heard, first_word
from app.evaluation.scorecard import MS, Row, percentile
from app.scenes.run import SceneResult
from app.scenes.scene_file import Label, Scene
from app.scenes.score import TurnScore
from app.scenes.user_script import SpokenLine, audible_runs

_LOOP = "while True: pass"

RunScene = Callable[[Scene], SceneResult]


@contextmanager
def endless_loops(n: int) -> Generator[list[subprocess.Popen[bytes]]]:
    """Keep ``n`` processes busy that never wait, at the priority of any program."""
    loops = [subprocess.Popen([sys.executable, "-c", _LOOP]) for _ in range(n)]
    try:
        yield loops
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def run_busy(script: BusyScript, n_loops: int, run: RunScene) -> Row:
    """Return the table's row of one conversation beside ``n_loops`` endless loops."""
    with endless_loops(n_loops):
        result = run(script.scene)
    return _row(script, n_loops, result)


def _row(script: BusyScript, n_loops: int, result: SceneResult) -> Row:
    turns, score, transport = result.score.turns, result.score, result.run.transport
    asked = [turn for turn in turns if turn.label == Label.QUESTION]
    over = [turn for turn in turns if turn.label == Label.INTERRUPTION]
    stops = [turn for turn in turns if turn.label == Label.STOP]
    acknowledged = [turn for turn in turns if turn.label == Label.BACKCHANNEL]
    answers = [t.response_latency_ms for t in turns if t.response_latency_ms is not None]
    heard = transcripts(result.run.spoken, result.run.timeline, result.run.seconds)
    first = [
        first_word(script.words[index], heard[index])
        for index, turn in enumerate(turns)
        if turn.label in (Label.QUESTION, Label.INTERRUPTION)
    ]
    silent_ms = silences_ms(result)
    return {
        "loops": n_loops,
        "minutes": round(result.run.seconds / 60.0, 1),
        "own_voice_min": round(score.assistant_speech_s / 60.0, 1),
        "self_interruptions": score.self_interruptions,
        "self_replies": score.self_replies,
        "false_pauses": score.false_pauses,
        "questions": len(asked),
        "answered": sum(turn.did.endswith("answered") for turn in asked),
        "first_words": len(first),
        "first_words_lost": first.count(Heard.LOST),
        "first_words_wrong": first.count(Heard.WRONG),
        "interruptions": _n_over_a_reply(over),
        "missed": sum(turn.missed for turn in over),
        "stop_words": _n_over_a_reply(stops),
        "stops_missed": sum(turn.missed for turn in stops),
        "acknowledgements": len(acknowledged),
        "false_stops": sum(turn.false_stop for turn in acknowledged),
        "response_p50_ms": percentile(answers, 50),
        "response_p95_ms": percentile(answers, 95),
        "silent_after_decision_p50_ms": percentile(silent_ms, 50),
        "silent_after_decision_p95_ms": percentile(silent_ms, 95),
        "input_xruns": transport.n_input_overflows,
        "output_xruns": transport.n_output_underflows,
        "starvations": transport.n_starvations,
        "late_blocks": transport.n_late_callbacks,
        "longest_gap_ms": round(transport.max_callback_gap_ms, 1),
        "reference_shifts": transport.n_reference_shifts,
        "queue_losses": transport.n_lost,
        "real_time_factor": round(result.run.real_time_factor, 3),
    }


def transcripts(
    lines: Sequence[SpokenLine], timeline: Sequence[Entry], seconds: float
) -> list[str]:
    """Return what was written of each line, "" for nothing.

    It is the last text of the first turn with words that was written from its begin on: a model
    that is behind writes while somebody else is heard already, and echoes open turns of their own.

    Args:
        seconds: length of the whole conversation.
    """
    finals = [
        (float(str(entry["t_s"])), entry.get("turn"), str(entry["text"]))
        for entry in timeline
        if entry["event"] == "transcript_final" and entry.get("text")
    ]
    ends_s = [*(line.true_end_s for line in lines[1:]), seconds]
    found: list[str] = []
    for line, end_s in zip(lines, ends_s, strict=False):
        mine = [final for final in finals if line.true_start_s < final[0] < end_s]
        found.append(next((text for _, turn, text in reversed(mine) if turn == mine[0][1]), ""))
    return found


def silences_ms(result: SceneResult) -> list[float]:
    """Return the times from each decision to stop until the loudspeaker was silent.

    Decisions over a reply that was silent already, held or between two sentences, do not count.
    """
    runs = audible_runs(result.run.loudspeaker)
    cuts = [
        float(str(entry["t_s"]))
        for entry in result.run.timeline
        if entry["event"] == DecisionKind.INTERRUPTED
    ]
    ends = (next((end for begin, end in runs if begin <= cut < end), None) for cut in cuts)
    return [MS * (end - cut) for cut, end in zip(cuts, ends, strict=True) if end is not None]


def _n_over_a_reply(turns: list[TurnScore]) -> int:
    """Those that met a reply: it may have ended, or never come."""
    return sum(turn.missed or turn.did.startswith("stopped") for turn in turns)
