"""The dialogue's memory between two events, and the rules it goes by: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.dialogue.effects import Effect
from app.dialogue.events import DeadlineKind, DialogueEvent
from model.duplex import policy
from model.types import TurnKey


class Phase(StrEnum):
    """Where the dialogue stands."""

    STARTING = "starting"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    OVERLAP = "overlap"
    YIELDING = "yielding"


@dataclass(frozen=True, slots=True, eq=False)
class DialogueStepped:
    """One call of ``controller.step``; ``before`` is its state, ``effects`` its answer."""

    now_s: float
    event: DialogueEvent
    before: DialogueState
    rules: DialogueRules
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A user turn that is being spoken, paused, or finished and not yet answered.

    Attributes:
        text: words of this revision; None until transcribed (or where the model never writes them).
        is_asked: the words of this revision were asked for.
        is_transcribed: the answer to that came.
        is_over: the end of the turn was decided.
        is_over_reply: it began while a reply was heard; a mere acknowledgement wants no answer.
        is_typed: it was written, not spoken; speech that follows is a turn of its own.
        is_acknowledging: the words so far, while it is spoken, only acknowledge.
        is_harmless: the predictor took it for an acknowledgement or a noise...
        is_nobodys: ...and rather for a noise, or for the reply's own echo.
        is_doubted: the predictor's latest word on it does not even hold the reply.
        is_stop_word: the predictor heard a stop word in it.
    """

    key: TurnKey
    text: str | None = None
    is_asked: bool = False
    is_transcribed: bool = False
    is_over: bool = False
    is_over_reply: bool = False
    is_typed: bool = False
    is_acknowledging: bool = False
    is_harmless: bool = False
    is_nobodys: bool = False
    is_doubted: bool = False
    is_stop_word: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is being made, held or spoken, and the turn it answers.

    Attributes:
        generation: the number that all its text, sound and reports carry.
        is_requested: the model was asked to make it.
        heard_text_end: how far into its text the user has heard.
    """

    generation: int
    key: TurnKey
    is_requested: bool = True
    heard_text_end: int = 0


@dataclass(frozen=True, slots=True)
class DialogueState:
    """Everything ``step`` remembers.

    Attributes:
        prepared: speculative reply to ``turn``; nothing of it has sounded.
        live: the generation of THINKING, SPEAKING, OVERLAP and YIELDING; None otherwise.
        unwritten: turns that were answered by ear and whose words have not come yet.
        uncommitted: replies released to the loudspeaker whose end was not reported yet.
        is_overlap_extended: the overlap's deadline passed once, waiting for more words.
        owes_reply: the user has said something that was not answered yet.
        armed: timers that may still fire, as (kind, token).
    """

    phase: Phase = Phase.STARTING
    is_model_ready: bool = False
    turn: Turn | None = None
    prepared: Reply | None = None
    live: Reply | None = None
    unwritten: tuple[TurnKey, ...] = ()
    uncommitted: tuple[Reply, ...] = ()
    is_user_speaking: bool = False
    is_mic_open: bool = True
    is_hands_free: bool = True
    is_talk_held: bool = False
    has_echo_converged: bool = False
    is_ducked: bool = False
    is_held: bool = False
    is_overlap_extended: bool = False
    owes_reply: bool = False
    typed_text: str | None = None
    next_turn: int = 1
    next_generation: int = 1
    next_token: int = 1
    armed: tuple[tuple[DeadlineKind, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DialogueRules:
    """Thresholds of the dialogue; the defaults are those of the settings.

    Attributes:
        end_of_turn_threshold: p_end_of_turn from which the turn is taken.
        hold_threshold: p_interruption from which the ducked reply pauses.
        interruption_threshold: p_interruption from which it is cut.
        backchannel_threshold: p_backchannel or p_noise from which it goes on.
        endpoint_max_wait_ms: silence after which a turn is taken whatever the predictor says.
        decide_ms: from the onset of an overlap to its decision at the latest; the predictor mostly
            decides sooner.
        transcript_grace_ms: how much longer a quiet overlap waits for its words.
        yield_deadline_ms: by then a fade is over or the device is stuck.
        stop_phrases: a turn of only these words is obeyed, not answered.
        backchannels: a turn of only these words, said over a reply, does not end it.
    """

    end_of_turn_threshold: float = policy.END_P
    hold_threshold: float = policy.HOLD_P
    interruption_threshold: float = policy.CUT_P
    backchannel_threshold: float = policy.RESUME_P
    endpoint_max_wait_ms: float = policy.LONGEST_WAIT_MS
    decide_ms: float = policy.DECIDE_MS
    transcript_grace_ms: float = policy.TRANSCRIPT_GRACE_MS
    yield_deadline_ms: float = policy.YIELD_DEADLINE_MS
    is_speculative: bool = True
    allows_barge_in: bool = True
    stop_phrases: tuple[str, ...] = ()
    backchannels: tuple[str, ...] = ()
