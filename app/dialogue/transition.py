"""One transition of the dialogue in the making: the verbs of the table in ``controller``."""

from dataclasses import fields, replace

from app.dialogue.causes import Cause, DecisionKind
from app.dialogue.effects import (
    ArmDeadline,
    CancelGeneration,
    CommitHeard,
    CommitUserTurn,
    DisarmDeadline,
    Duck,
    Effect,
    FadeAndFlush,
    FinishHearing,
    ForgetTurn,
    Hold,
    NoteDecision,
    OpenTurn,
    PlayReply,
    Resume,
    SetMicrophone,
    StartGeneration,
)
from app.dialogue.events import DeadlineKind, DuplexPrediction
from app.dialogue.phrases import is_backchannel, is_stop_phrase, words
from app.dialogue.state import DialogueRules, DialogueState, Phase, Reply, Turn
from audio_io.events import PlayoutReport
from model.duplex import policy
from model.types import CancelReason, TurnKey

_MOST_UNWRITTEN = 8  # without a recogniser the words never come
AUDIBLE = (Phase.SPEAKING, Phase.OVERLAP)
_FIELDS = tuple(field.name for field in fields(DialogueState))


class Transition:
    """The fields of a ``DialogueState``, to be changed one by one, and the effects so far.

    It lives for one event; ``finish`` freezes it. Every verb keeps state and effects in step.
    """

    phase: Phase
    is_model_ready: bool
    turn: Turn | None
    prepared: Reply | None
    live: Reply | None
    unwritten: tuple[TurnKey, ...]
    uncommitted: tuple[Reply, ...]
    is_user_speaking: bool
    is_mic_open: bool
    is_hands_free: bool
    is_talk_held: bool
    has_echo_converged: bool
    is_ducked: bool
    is_held: bool
    is_overlap_extended: bool
    owes_reply: bool
    typed_text: str | None
    next_turn: int
    next_generation: int
    next_token: int
    armed: tuple[tuple[DeadlineKind, int], ...]

    def __init__(self, state: DialogueState, rules: DialogueRules) -> None:
        for name in _FIELDS:
            setattr(self, name, getattr(state, name))
        self.rules = rules
        self.effects: list[Effect] = []

    def finish(self) -> tuple[DialogueState, tuple[Effect, ...]]:
        """Return the next state and what is to be done, in order."""
        state = DialogueState(**{name: getattr(self, name) for name in _FIELDS})
        return state, tuple(self.effects)

    def is_live(self, generation: int) -> bool:
        """Return whether ``generation`` is the reply that is being made or spoken."""
        return self.live is not None and self.live.generation == generation

    @property
    def is_audible(self) -> bool:
        """Whether the reply is speaking, ducked or held."""
        return self.phase in AUDIBLE

    @property
    def waits_for_words(self) -> bool:
        """Whether the turn's words were asked for and have not come."""
        return self.turn is not None and self.turn.is_asked and not self.turn.is_transcribed

    @property
    def least_words(self) -> int:
        """Return how many words over the reply say something; an echo may be misread as a few."""
        is_nobodys = self.turn is not None and self.turn.is_nobodys
        return policy.N_SURE_WORDS if is_nobodys else policy.N_SENTENCE_WORDS

    def note_prediction(self, prediction: DuplexPrediction, *, is_harmless: bool) -> None:
        """Remember what the predictor takes the voice over the reply for."""
        if self.turn is None:
            return
        is_noise = prediction.p_noise >= prediction.p_backchannel
        is_doubted = prediction.p_interruption < self.rules.hold_threshold
        self.turn = replace(
            self.turn,
            is_harmless=is_harmless,
            is_nobodys=is_harmless and is_noise,
            is_doubted=is_doubted,
        )

    def is_acknowledgement(self, text: str | None) -> bool:
        """Return whether ``text`` only acknowledges."""
        return text is not None and is_backchannel(text, self.rules.backchannels)

    def is_stop_order(self, text: str) -> bool:
        """Return whether ``text`` is an order to stop, misread or not."""
        is_misread = self.turn is not None and self.turn.is_stop_word
        is_misread = is_misread and len(words(text)) < policy.N_SENTENCE_WORDS
        return is_misread or is_stop_phrase(text, self.rules.stop_phrases)

    # -- the user's turn -----------------------------------------------------------------------

    def open_turn(self, onset_s: float | None) -> None:
        """Open a turn, or the next revision of the one that is waiting for its answer."""
        self.disarm(DeadlineKind.ENDPOINT)
        self.cancel_prepared(CancelReason.USER_RESUMED)
        if self.turn is None or self.turn.is_typed:
            key = self._new_turn()
        else:
            key = TurnKey(self.turn.key.turn, self.turn.key.revision + 1)
        self.turn = Turn(key, is_over_reply=self.is_audible)
        self.effects.append(OpenTurn(key, onset_s))

    def _new_turn(self) -> TurnKey:
        self.next_turn += 1
        return TurnKey(self.next_turn - 1)

    def finish_hearing(self) -> None:
        """Ask for the words of the turn, once."""
        if self.turn is not None and not self.turn.is_asked:
            self.turn = replace(self.turn, is_asked=True)
            self.effects.append(FinishHearing(self.turn.key))

    def forget_turn(self) -> None:
        """It was no turn, or nobody wants its answer."""
        if self.turn is not None:
            self.effects.append(ForgetTurn(self.turn.key))
        self.drop_turn()
        self.disarm(DeadlineKind.ENDPOINT)

    def drop_turn(self) -> None:
        """Nothing is owed any more."""
        self.turn = None
        self.owes_reply = False

    def end_turn(self, reason: str) -> None:
        """Take the turn, if an answer is due: the reply may be heard as soon as there is one."""
        if self.turn is None or not self.owes_reply or self.is_user_speaking:
            return
        if not self.is_model_ready:
            return
        self.disarm(DeadlineKind.ENDPOINT)
        self.finish_hearing()
        turn = self.turn = replace(self.turn, is_over=True)
        live = self.live = self.prepared or self._new_reply(turn, is_requested=False)
        self.phase = Phase.THINKING
        self.prepared = None
        self.effects.append(NoteDecision(DecisionKind.END_OF_TURN, reason, live.generation))
        if live.is_requested:
            self._play(live, turn)
        elif turn.is_transcribed:
            self.start_live()

    # -- the reply before it is heard ----------------------------------------------------------

    def prepare(self) -> None:
        """Start the reply before the turn is over; it stays silent until the turn is."""
        if self.turn is None or not self.turn.is_transcribed or self.prepared is not None:
            return
        if self.rules.is_speculative:
            self.prepared = self._new_reply(self.turn, is_requested=True)
            self._start(self.prepared, self.turn)

    def start_live(self) -> None:
        """The words came after the turn was taken: start its reply and let it be heard."""
        if self.turn is not None and self.live is not None and not self.live.is_requested:
            self.live = replace(self.live, is_requested=True)
            self._start(self.live, self.turn)
            self._play(self.live, self.turn)

    def _new_reply(self, turn: Turn, *, is_requested: bool) -> Reply:
        self.next_generation += 1
        return Reply(self.next_generation - 1, turn.key, is_requested)

    def _start(self, reply: Reply, turn: Turn) -> None:
        self.effects.append(StartGeneration(reply.generation, turn.key, turn.text))

    def _play(self, reply: Reply, turn: Turn) -> None:
        if turn.text is not None:
            self.effects.append(CommitUserTurn(turn.key, turn.text))
        else:
            self.unwritten = (*self.unwritten, turn.key)[-_MOST_UNWRITTEN:]
        self.effects.append(PlayReply(reply.generation, turn.key))
        self.uncommitted = (*self.uncommitted, reply)

    def cancel_prepared(self, reason: CancelReason) -> None:
        """Give up a reply that was prepared in silence."""
        if self.prepared is not None:
            self.effects.append(CancelGeneration(self.prepared.generation, reason))
            self.prepared = None

    def take_back(self, reason: CancelReason = CancelReason.USER_RESUMED) -> None:
        """THINKING only: nothing was heard, so the turn is simply open again."""
        live, self.live = self.live, None
        self.phase = Phase.LISTENING
        if live is not None and live.is_requested:
            self.unwritten = tuple(key for key in self.unwritten if key != live.key)
            self.effects.append(CancelGeneration(live.generation, reason))
            # A first sample may be on its way to the ear; its report decides whether it was heard.
            self.effects.append(FadeAndFlush(live.generation))

    # -- the reply that is heard ---------------------------------------------------------------

    def enter_overlap(self) -> None:
        """Somebody speaks over the reply: what that is, is to be decided."""
        self.phase = Phase.OVERLAP
        self.is_ducked = True
        self.is_overlap_extended = False

    def duck(self) -> None:
        """Play the reply quieter."""
        if self.live is not None:
            self.effects.append(Duck(self.live.generation))

    def hold(self) -> None:
        """Pause the reply, once."""
        if not self.is_held and self.live is not None:
            self.is_held = True
            self.effects.append(Hold(self.live.generation))

    def resume(self, reason: str) -> None:
        """It was no interruption: the reply goes on."""
        if self.live is None:
            return
        self.disarm(DeadlineKind.OVERLAP)
        if not self.waits_for_words and not self.is_user_speaking:
            self.forget_turn()  # else its words may still cut the reply
        generation = self.live.generation
        self.effects.append(Resume(generation))
        self.effects.append(NoteDecision(DecisionKind.RESUMED, reason, generation))
        self.phase = Phase.SPEAKING
        self.is_ducked = self.is_held = False

    def barge_in(self, reason: str, *, is_stop_word: bool = False) -> None:
        """The user takes the floor: the reply gives way, theirs is owed."""
        if self.turn is None:
            self.open_turn(None)
        if self.turn is not None:
            self.turn = replace(self.turn, is_stop_word=is_stop_word)
        self.yield_floor(CancelReason.BARGE_IN, reason)
        self.owes_reply = True

    def yield_floor(self, cancel: CancelReason, reason: str) -> None:
        """Fade the reply out; what was heard of it is committed when that is over."""
        if self.live is None or not self.is_audible:
            return
        self.disarm(DeadlineKind.OVERLAP)
        generation = self.live.generation
        self.effects.append(CancelGeneration(generation, cancel))
        self.effects.append(FadeAndFlush(generation))
        self.effects.append(NoteDecision(DecisionKind.INTERRUPTED, reason, generation))
        self.phase = Phase.YIELDING
        self.is_ducked = self.is_held = False
        self.arm(DeadlineKind.YIELD, self.rules.yield_deadline_ms)

    def commit_heard(self, report: PlayoutReport) -> None:
        """Commit what was heard: exactly once, and never what was not."""
        found = [reply for reply in self.uncommitted if reply.generation == report.generation]
        self.uncommitted = tuple(reply for reply in self.uncommitted if reply not in found)
        if found and report.heard_text_end > 0:
            self.effects.append(CommitHeard(report, found[0].key))

    # -- coming to rest ------------------------------------------------------------------------

    def rest(self) -> None:
        """Enter LISTENING (STARTING while there is no model) and take up what is still owed."""
        self.disarm(DeadlineKind.YIELD)
        self.phase = Phase.LISTENING if self.is_model_ready else Phase.STARTING
        self.live = None
        self.is_ducked = self.is_held = False
        if not self.is_model_ready:
            return
        if self.typed_text is not None:
            self._take_typed_turn(self.typed_text)
        elif self.turn is not None and self.owes_reply and not self.is_user_speaking:
            if self.turn.is_over:
                self.end_turn(Cause.OWED)
            else:
                self.prepare()
                self.arm(DeadlineKind.ENDPOINT, self.rules.endpoint_max_wait_ms)

    def _take_typed_turn(self, text: str) -> None:
        self.cancel_prepared(CancelReason.STALE)
        self.forget_turn()
        key = self._new_turn()
        self.turn = Turn(key, text=text, is_asked=True, is_transcribed=True, is_typed=True)
        self.typed_text = None
        self.owes_reply = True
        self.is_user_speaking = False
        self.end_turn(Cause.TYPED)

    # -- timers and the microphone -------------------------------------------------------------

    def arm(self, kind: DeadlineKind, after_ms: float, passed_s: float = 0.0) -> None:
        """Start the timer of this kind, ``passed_s`` of it gone; one that runs is replaced."""
        self.disarm(kind)
        self.armed = (*self.armed, (kind, self.next_token))
        rest_ms = max(0.0, after_ms - 1000.0 * passed_s)
        self.effects.append(ArmDeadline(kind, self.next_token, rest_ms))
        self.next_token += 1

    def disarm(self, kind: DeadlineKind) -> None:
        """Stop the timer of this kind, if it runs."""
        rest = tuple(pair for pair in self.armed if pair[0] is not kind)
        if rest != self.armed:
            self.armed = rest
            self.effects.append(DisarmDeadline(kind))

    def fires(self, kind: DeadlineKind, token: int) -> bool:
        """Return whether this very timer was still running; it has stopped now."""
        is_armed = (kind, token) in self.armed
        self.armed = tuple(pair for pair in self.armed if pair != (kind, token))
        return is_armed

    def set_microphone(self) -> None:
        """Open or close the microphone by its button and by push-to-talk."""
        by_mode = self.is_hands_free or self.is_talk_held
        self.effects.append(SetMicrophone(self.is_mic_open and by_mode))
