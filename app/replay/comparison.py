"""Deciding once more what a bundle holds: the same predictor, the same controller, the same inputs.

Predictor first, row by row; then every event in its recorded order, predictions as they come out
now. What is decided must be the same bit for bit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.dialogue.controller import step
from app.dialogue.effects import Effect
from app.dialogue.state import DialogueState
from app.messages.errors import BadInputError
from app.replay.bundle import Bundle, RecordedStep
from app.replay.codec import encode, encode_named
from app.replay.redaction import quiet
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
    """Decide again; ``build`` None, or a redacted bundle: recorded predictions are taken.

    Raises BadInputError for a bundle that cannot be replayed.
    """
    if bundle.manifest.n_lost:
        what = f"has lost {bundle.manifest.n_lost} moments while it was recorded"
        raise BadInputError(bundle.folder, "", what, "it cannot be replayed; record it again")
    made, n_predictions = bundle.predictions, 0
    differences: list[Difference | None] = []
    if build is not None and not bundle.manifest.is_redacted:
        made = dict(_predictions(bundle, build))
        n_predictions = len(made)
        differences.append(_prediction_difference(bundle.predictions, made))
    steps = tuple(_controller_steps(bundle, made))
    differences.append(_step_difference(steps, is_redacted=bundle.manifest.is_redacted))
    found = (difference for difference in differences if difference is not None)
    return Replay(steps, n_predictions, min(found, key=lambda one: one.t_s, default=None))


def _predictions(bundle: Bundle, build: BuildPredictor) -> Iterator[tuple[int, DuplexPrediction]]:
    """What the predictor says now, by frame."""
    predictor: DuplexPredictor | None = None
    changes = list(bundle.changes)
    for frame, (user, agent) in enumerate(bundle.rows()):
        while changes and changes[0][0] <= frame:
            _, settings = changes.pop(0)
            if settings is not None:
                predictor = build(settings)
            elif predictor is not None:
                predictor.reset()
        if predictor is None:
            raise BadInputError(bundle.folder, "", "names no predictor", "record it again")
        prediction = predictor.step(user, agent)
        if prediction is not None:
            yield frame, prediction


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
        if was is None:
            return Difference(made[frame].at_s, "prediction", "none", "one")
        if now is None:
            return Difference(was.at_s, "prediction", "one", "none")
        # As JSON: two numbers are the same only if all their digits are.
        one, other = encode(was), encode(now)
        keys = [key for key in one if one[key] != other[key]]
        if keys:
            sides = (", ".join(f"{key}={side[key]}" for key in keys) for side in (one, other))
            return Difference(was.at_s, "prediction", *sides)
    return None


def _step_difference(steps: tuple[ReplayedStep, ...], *, is_redacted: bool) -> Difference | None:
    for one in steps:
        recorded = one.recorded
        if recorded.before is not None and digest(one.before) != recorded.before:
            return Difference(recorded.now_s, "state", "another state", one.before.phase.value)
        was, now = (
            [encode_named(effect) for effect in effects]
            for effects in (recorded.effects, one.effects)
        )
        if is_redacted:
            was, now = ([quiet(effect, recorded.rules) for effect in side] for side in (was, now))
        if was != now:
            names = (", ".join(str(effect["is"]) for effect in side) for side in (was, now))
            return Difference(recorded.now_s, "decision", *(name or "nothing" for name in names))
    return None
