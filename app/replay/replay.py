"""Decides once more what a bundle holds: the same predictor, the same controller, the same inputs.

Predictor first, row by row; then every event in its recorded order, predictions as they come out
now. What is decided must be the same bit for bit. Knows no implementation of a predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.dialogue.controller import step
from app.dialogue.effects import Effect
from app.dialogue.state import DialogueState
from app.messages.errors import BadInputError
from app.replay.bundle import Bundle, PredictorChange, RecordedStep
from app.replay.codec import encode, encode_named
from app.replay.writer import digest
from app.settings.settings import Settings
from model.interfaces import DuplexPredictor
from model.types import DuplexPrediction

BuildPredictor = Callable[[Settings], DuplexPredictor]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that came out differently.

    Attributes:
        where: "prediction", "state" or "decision".
        recorded / replayed: both sides, short.
    """

    t_s: float
    where: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class ReplayedStep:
    """A recorded step, the state it was taken in, and what the controller answers now."""

    recorded: RecordedStep
    before: DialogueState
    effects: tuple[Effect, ...]
    prediction: DuplexPrediction | None


@dataclass(frozen=True, slots=True)
class Replay:
    """The outcome.

    Attributes:
        n_predictions: how many were made again; 0 for a redacted bundle.
        difference: None when everything was the same.
    """

    steps: tuple[ReplayedStep, ...]
    n_predictions: int
    difference: Difference | None


def replay(bundle: Bundle, build: BuildPredictor | None) -> Replay:
    """``build`` None, or a redacted bundle: recorded predictions are taken as they are.

    Raises BadInputError for a bundle that cannot be replayed.
    """
    if bundle.manifest["n_lost"]:
        what = f"has lost {bundle.manifest['n_lost']} moments while it was recorded"
        raise BadInputError(bundle.folder, "", what, "it cannot be replayed; record it again")
    made = dict(bundle.predictions)
    first: Difference | None = None
    n_predictions = 0
    if build is not None and not bundle.is_redacted:
        made = dict(predictions(bundle, build))
        n_predictions = len(made)
        first = _prediction_difference(bundle.predictions, made)
    steps = tuple(_controller_steps(bundle, made))
    found = (_step_difference(one) for one in steps)
    other = next((difference for difference in found if difference is not None), None)
    if first is None or (other is not None and other.t_s < first.t_s):
        first = other
    return Replay(steps, n_predictions, first)


def predictions(bundle: Bundle, build: BuildPredictor) -> Iterator[tuple[int, DuplexPrediction]]:
    """What the predictor says now, by frame."""
    predictor: DuplexPredictor | None = None
    changes = list(bundle.changes)
    for frame, (user, agent) in enumerate(bundle.rows()):
        while changes and changes[0].frame <= frame:
            predictor = _changed(predictor, changes.pop(0), build)
        if predictor is None:
            raise BadInputError(bundle.folder, "", "names no predictor", "record it again")
        prediction = predictor.step(user, agent)
        if prediction is not None:
            yield frame, prediction


def _changed(
    predictor: DuplexPredictor | None, change: PredictorChange, build: BuildPredictor
) -> DuplexPredictor | None:
    if change.settings is not None:
        return build(change.settings)
    if predictor is not None:
        predictor.reset()
    return predictor


def _controller_steps(bundle: Bundle, made: dict[int, DuplexPrediction]) -> Iterator[ReplayedStep]:
    """An event that was a prediction nobody makes now is left out: its place shows it."""
    state = bundle.state
    for recorded in bundle.steps:
        prediction = made.get(recorded.frame) if recorded.frame is not None else None
        event = recorded.event if recorded.frame is None else prediction
        before, effects = state, ()
        if event is not None:
            state, effects = step(state, event, recorded.rules)
        yield ReplayedStep(recorded, before, effects, prediction)


def _prediction_difference(
    recorded: dict[int, DuplexPrediction], made: dict[int, DuplexPrediction]
) -> Difference | None:
    for frame in sorted(recorded.keys() | made.keys()):
        was, now = recorded.get(frame), made.get(frame)
        # As JSON: two numbers are the same only if all their digits are.
        if was is None or now is None or encode(was) != encode(now):
            known = was or now
            at_s = known.at_s if known is not None else 0.0
            return Difference(at_s, "prediction", *_apart(was, now))
    return None


def _apart(was: DuplexPrediction | None, now: DuplexPrediction | None) -> tuple[str, str]:
    """The fields that differ."""
    if was is None or now is None:
        return ("none" if was is None else "one", "none" if now is None else "one")
    one, other = encode(was), encode(now)
    keys = [key for key in one if one[key] != other[key]]
    return _listed(one, keys), _listed(other, keys)


def _listed(side: dict[str, object], keys: list[str]) -> str:
    return ", ".join(f"{key}={side[key]}" for key in keys)


def _step_difference(one: ReplayedStep) -> Difference | None:
    recorded = one.recorded
    if digest(one.before) != recorded.before:
        return Difference(recorded.now_s, "state", "another state", one.before.phase.value)
    was = [encode_named(effect) for effect in recorded.effects]
    now = [encode_named(effect) for effect in one.effects]
    if was == now:
        return None
    return Difference(recorded.now_s, "decision", _names(was), _names(now))


def _names(effects: list[dict[str, object]]) -> str:
    return ", ".join(str(effect["is"]) for effect in effects) or "nothing"
