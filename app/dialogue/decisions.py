"""What the dialogue decided in one step and why, in numbers; never what anybody said."""

from __future__ import annotations

from dataclasses import dataclass

from app.dialogue.causes import Cause, DecisionKind
from app.dialogue.effects import CancelGeneration, Effect, Hold, NoteDecision, OpenTurn
from app.dialogue.events import (
    ConversationOpened,
    DialogueEvent,
    SpeechEnded,
    SpeechStarted,
    StopRequested,
)
from app.dialogue.state import DialogueStepped, Phase
from model.types import CancelReason, DuplexPrediction

_OF_PREDICTION = (
    "p_end_of_turn", "p_hold", "p_interruption", "p_backchannel", "p_noise", "silence_ms",
    "wait_ms", "is_stop_word",
)  # fmt: skip
_OF_RULES = (
    "end_of_turn_threshold", "hold_threshold", "interruption_threshold", "backchannel_threshold",
    "endpoint_max_wait_ms", "decide_ms",
)  # fmt: skip
_NOTICED_PAUSE_MS = 300.0  # shorter ones lie between the words of a sentence


@dataclass(frozen=True, slots=True)
class Pause:
    """The user's silence so far: where it began, and the predictor's highest p_end_of_turn."""

    began_s: float = 0.0
    highest_p: float = 0.0

    def after(self, event: DialogueEvent) -> Pause:
        """Return the pause after ``event``: speech that ends begins another one."""
        match event:
            case SpeechEnded(offset_s=offset_s):
                return Pause(offset_s)
            case DuplexPrediction(p_end_of_turn=p):
                return Pause(self.began_s, max(self.highest_p, p))
            case _:
                return self


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that was decided.

    Attributes:
        reason: the predictor's or the controller's own short words.
        numbers: all it was decided by: probabilities, thresholds, silence, state, evidence.
    """

    what: DecisionKind
    cause: Cause
    reason: str
    generation: int | None
    numbers: tuple[tuple[str, float], ...]


def decisions_of(
    step: DialogueStepped, latest: DuplexPrediction, pause: Pause
) -> tuple[Decision, ...]:
    """Return what was decided; ``latest`` is the newest prediction, that of the step included."""
    turn = step.before.turn
    numbers = (
        *_named(latest, _OF_PREDICTION),
        ("age_ms", 1000.0 * (step.now_s - latest.at_s)),
        *_named(step.rules, _OF_RULES),
        ("turn", float(turn.key.turn) if turn is not None else 0.0),
        ("revision", float(turn.key.revision) if turn is not None else 0.0),
        *_named(step.before, ("is_user_speaking", "has_echo_converged")),
        *((f"in.{name}", value) for name, value in latest.inputs),
    )
    found: list[Decision] = []
    for effect in step.effects:
        if isinstance(effect, NoteDecision):
            cause = _cause(effect, step.event, latest)
            found.append(Decision(effect.what, cause, effect.reason, effect.generation, numbers))
        elif isinstance(effect, Hold):
            what, cause = DecisionKind.HELD, Cause.PREDICTION
            found.append(Decision(what, cause, latest.reason, effect.generation, numbers))
    silent = _silent_decision(step)
    if silent:
        live = step.before.live
        generation = live.generation if live is not None else None
        found.append(Decision(*silent, "", generation, numbers))
    pause_ms = _waited_ms(step, pause)
    if pause_ms >= _NOTICED_PAUSE_MS:
        told = (("pause_ms", pause_ms), ("highest_p", pause.highest_p), *numbers)
        found.append(Decision(DecisionKind.WAITED, Cause.WENT_ON, "", None, told))
    return tuple(found)


def _silent_decision(step: DialogueStepped) -> tuple[DecisionKind, Cause] | None:
    """A reply that nobody has heard yet was given up."""
    if step.before.phase is not Phase.THINKING:
        return None
    if _has(step.effects, OpenTurn):
        return DecisionKind.TAKEN_BACK, Cause.WENT_ON
    is_by_hand = isinstance(step.event, StopRequested | ConversationOpened)
    is_obeyed = any(
        isinstance(effect, CancelGeneration) and effect.reason is CancelReason.USER_STOP
        for effect in step.effects
    )
    if is_by_hand or is_obeyed:
        return DecisionKind.STOPPED, Cause.STOP_BUTTON if is_by_hand else Cause.STOP_PHRASE
    return None


def _waited_ms(step: DialogueStepped, pause: Pause) -> float:
    """How long the pause was after which the user goes on with a turn that nobody has taken."""
    before, event = step.before, step.event
    is_paused = before.turn is not None and before.owes_reply and not before.is_user_speaking
    is_open = before.phase is Phase.LISTENING and _has(step.effects, OpenTurn)
    if not isinstance(event, SpeechStarted) or not is_paused or not is_open:
        return 0.0
    return 1000.0 * (event.onset_s - pause.began_s)


def _has(effects: tuple[Effect, ...], kind: type[Effect]) -> bool:
    return any(isinstance(effect, kind) for effect in effects)


def _cause(note: NoteDecision, event: DialogueEvent, latest: DuplexPrediction) -> Cause:
    known = Cause.of(note.reason)
    if known is not None or not isinstance(event, DuplexPrediction):
        return known or Cause.OTHER
    if latest.is_stop_word:
        return Cause.STOP_WORD
    if note.what is DecisionKind.RESUMED:
        return Cause.BACKCHANNEL if latest.p_backchannel >= latest.p_noise else Cause.NOISE
    is_end = note.what is DecisionKind.END_OF_TURN
    return Cause.WAIT if is_end and latest.silence_ms >= latest.wait_ms else Cause.PREDICTION


def _named(record: object, names: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    return tuple((name, float(getattr(record, name))) for name in names)
