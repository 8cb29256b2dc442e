"""What a replay found, as lines for a terminal: decisions, and the inputs around a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from app.dialogue.decisions import Decision, Pause, decisions_of
from app.dialogue.effects import Effect
from app.dialogue.state import DialogueStepped
from app.replay.bundle import Bundle
from app.replay.comparison import Replay, ReplayedStep
from model.types import DuplexPrediction

_EXPLAINED_S = 0.5  # before and after the time asked for
_ROW_FRAMES = 8  # one line each 80 ms
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A decision as it was recorded and as it comes out now; "–" where there is none."""

    t_s: float
    recorded: str
    replayed: str
    reason: str


def decision_lines(bundle: Bundle, replay: Replay) -> list[DecisionLine]:
    """Return every decision of either side, by time."""
    lines: list[DecisionLine] = []
    pause = Pause()
    for one in replay.steps:
        recorded = one.recorded
        was = bundle.predictions[recorded.frame] if recorded.frame is not None else None
        event = recorded.event or one.prediction or was
        pause = pause if event is None else pause.after(event)
        old = _decisions(one, recorded.effects, was, pause)
        new = _decisions(one, one.effects, one.prediction, pause)
        for first, second in zip_longest(old, new):
            shown = second or first
            reason = (shown.reason or shown.cause) if shown is not None else ""
            lines.append(DecisionLine(recorded.now_s, _name(first), _name(second), reason))
    return lines


def render_decisions(lines: Sequence[DecisionLine]) -> str:
    """Return a table, or one line where nothing was decided."""
    if not lines:
        return "nothing was decided\n"
    rows = [("TIME S", "RECORDED", "REPLAYED", "", "REASON")]
    for line in lines:
        mark = "" if line.recorded == line.replayed else "<"
        rows.append((f"{line.t_s:8.2f}", line.recorded, line.replayed, mark, line.reason))
    return _table(rows)


def render_difference(replay: Replay) -> str:
    """Return one line: the same, or what differs first."""
    found = replay.difference
    if found is None:
        n = f"{replay.n_predictions} predictions and " if replay.n_predictions else ""
        return f"the same, bit for bit: {n}{len(replay.steps)} steps\n"
    return (
        f"first difference at {found.t_s:.2f} s ({found.where}): "
        f"recorded {found.recorded}; replayed {found.replayed}\n"
    )


def render_weights(recorded: Mapping[str, str], present: Mapping[str, str]) -> str:
    """Return one line where the predictor is not made of the same files; else nothing."""
    names = sorted(
        name for name in recorded.keys() | present.keys() if recorded.get(name) != present.get(name)
    )
    return f"other files than those it was recorded with: {', '.join(names)}\n" if names else ""


def render_inputs(bundle: Bundle, replay: Replay, t_s: float) -> str:
    """Return what was known around ``t_s``: sound in numbers, predictions, events."""
    begin_s, end_s = t_s - _EXPLAINED_S, t_s + _EXPLAINED_S
    rows = list(_rows(bundle, begin_s, end_s))
    parts = [
        _table(rows) if len(rows) > 1 else "",
        *(
            _prediction(prediction)
            for _, prediction in sorted(bundle.predictions.items())
            if begin_s <= prediction.at_s <= end_s
        ),
        *(_step(one) for one in replay.steps if begin_s <= one.recorded.now_s <= end_s),
    ]
    return "\n".join(part for part in parts if part) or f"nothing was recorded at {t_s} s\n"


def _rows(bundle: Bundle, begin_s: float, end_s: float) -> Iterator[tuple[str, ...]]:
    yield ("TIME S", "USER DBFS", "VOICE", "SPEECH", "FAR DBFS", "SPEAKING", "ECHO OK", "WORDS")
    for user, agent in islice(bundle.rows(), 0, None, _ROW_FRAMES):
        if begin_s <= user.clean.end_s <= end_s:
            yield (
                f"{user.clean.end_s:8.2f}", f"{user.clean_dbfs:.1f}", f"{user.p_speech:.3f}",
                _yes(user.is_speech), f"{user.far_dbfs:.1f}", _yes(agent.is_speaking),
                _yes(user.aec_has_converged),
                f"{len(user.partial_text.split())} until {user.partial_at_s:.2f}",
            )  # fmt: skip


def _prediction(prediction: DuplexPrediction) -> str:
    numbers = (
        ("end", prediction.p_end_of_turn), ("hold", prediction.p_hold),
        ("interruption", prediction.p_interruption), ("backchannel", prediction.p_backchannel),
        ("noise", prediction.p_noise), ("silence_ms", prediction.silence_ms),
        ("wait_ms", prediction.wait_ms), *prediction.inputs,
    )  # fmt: skip
    told = " ".join(f"{name}={value:.4g}" for name, value in numbers)
    return f"{prediction.at_s:8.2f}  prediction: {prediction.reason}: {told}"


def _step(one: ReplayedStep) -> str:
    recorded = one.recorded
    event = "prediction" if recorded.event is None else type(recorded.event).__name__
    did = ", ".join(type(effect).__name__ for effect in one.effects) or "nothing"
    return f"{recorded.now_s:8.2f}  {one.before.phase.value}: {event} -> {did}"


def _decisions(
    one: ReplayedStep,
    effects: tuple[Effect, ...],
    prediction: DuplexPrediction | None,
    pause: Pause,
) -> tuple[Decision, ...]:
    recorded = one.recorded
    event = recorded.event or prediction
    if event is None:
        return ()
    step = DialogueStepped(recorded.now_s, event, one.before, recorded.rules, effects)
    return decisions_of(step, prediction or DuplexPrediction(recorded.now_s), pause)


def _name(decision: Decision | None) -> str:
    return _NOTHING if decision is None else decision.what


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines)
