"""The parts that moves are made of: opening turns, preparing, releasing, yielding, coming to rest.

A draft lives for one event and collects the next state and the effects. It decides nothing itself.
"""

from __future__ import annotations

from dataclasses import replace

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
    StartGeneration,
)
from app.dialogue.events import DeadlineKind, SpeechStarted
from app.dialogue.phrases import is_backchannel, sounds_like_stop_word, words
from app.dialogue.state import DialogueRules, DialogueState, Phase, Reply, Turn
from audio_io.events import PlayoutReport
from model.types import CancelReason, DuplexPrediction, TurnKey

_MOST_UNWRITTEN = 8  # without a recogniser the words never come
_SURELY_VOICE_S = 0.2  # a voice has lasted about this long when it may be an interruption
AUDIBLE = (Phase.SPEAKING, Phase.OVERLAP)


class DialogueDraft:
    """The next state in the making."""

    def __init__(self, state: DialogueState, rules: DialogueRules) -> None:
        self.state = state
        self.effects: list[Effect] = []
        self._rules = rules

    @property
    def _is_by_hand(self) -> bool:
        return self.state.is_talk_held or not self.state.is_hands_free

    def _is_interruption(self, prediction: DuplexPrediction) -> bool:
        if not self._rules.allows_barge_in:
            return False
        return (
            prediction.is_stop_word
            or prediction.p_interruption >= self._rules.interruption_threshold
        )

    def _open_turn(self, onset_s: float | None) -> None:
        """A new turn, or the next revision of the one that is waiting for its answer."""
        self._disarm(DeadlineKind.ENDPOINT)
        self._cancel_prepared(CancelReason.USER_RESUMED)
        old = self.state.turn
        if old is None or old.is_typed:
            key = TurnKey(self.state.next_turn)
            self.state = replace(self.state, next_turn=key.turn + 1)
        else:
            key = TurnKey(old.key.turn, old.key.revision + 1)
        is_over_reply = self.state.phase in AUDIBLE
        self.state = replace(self.state, turn=Turn(key, is_over_reply=is_over_reply))
        self.effects.append(OpenTurn(key, onset_s))

    def _waits_for_words(self, turn: Turn | None) -> bool:
        return turn is not None and turn.is_asked and not turn.is_transcribed

    def _ask_for_words(self) -> None:
        turn = self.state.turn
        if turn is not None and not turn.is_asked:
            self.state = replace(self.state, turn=replace(turn, is_asked=True))
            self.effects.append(FinishHearing(turn.key))

    def _forget_turn(self) -> None:
        if self.state.turn is not None:
            self.effects.append(ForgetTurn(self.state.turn.key))
        self._disarm(DeadlineKind.ENDPOINT)
        self.state = replace(self.state, turn=None, owes_reply=False)

    def _new_reply(self, key: TurnKey, is_requested: bool) -> Reply:
        reply = Reply(self.state.next_generation, key, is_requested)
        self.state = replace(self.state, next_generation=reply.generation + 1)
        return reply

    def _prepare(self) -> None:
        """Starts the reply before the turn is over; it stays silent until the turn is."""
        turn = self.state.turn
        is_due = turn is not None and turn.is_transcribed and self.state.prepared is None
        if turn is None or not is_due or not self._rules.is_speculative:
            return
        reply = self._new_reply(turn.key, is_requested=True)
        self.state = replace(self.state, prepared=reply)
        self.effects.append(StartGeneration(reply.generation, turn.key, turn.text))

    def _cancel_prepared(self, reason: CancelReason) -> None:
        if self.state.prepared is not None:
            self.effects.append(CancelGeneration(self.state.prepared.generation, reason))
            self.state = replace(self.state, prepared=None)

    def _end_turn(self, reason: str) -> None:
        turn = self.state.turn
        is_due = self.state.owes_reply and not self.state.is_user_speaking
        if turn is None or not is_due or not self.state.is_model_ready:
            return
        self._disarm(DeadlineKind.ENDPOINT)
        self._ask_for_words()
        turn = replace(self.state.turn or turn, is_over=True)
        reply = self.state.prepared or self._new_reply(turn.key, is_requested=False)
        self.state = replace(self.state, phase=Phase.THINKING, turn=turn, live=reply, prepared=None)
        self.effects.append(NoteDecision("end_of_turn", reason, reply.generation))
        if reply.is_requested:
            self._release(reply, turn)
        elif turn.is_transcribed:
            self._request_live()

    def _request_live(self) -> None:
        turn, live = self.state.turn, self.state.live
        if turn is None or live is None or live.is_requested:
            return
        live = replace(live, is_requested=True)
        self.state = replace(self.state, live=live)
        self.effects.append(StartGeneration(live.generation, turn.key, turn.text))
        self._release(live, turn)

    def _release(self, reply: Reply, turn: Turn) -> None:
        if turn.text is not None:
            self.effects.append(CommitUserTurn(turn.key, turn.text))
        else:
            unwritten = (*self.state.unwritten, turn.key)[-_MOST_UNWRITTEN:]
            self.state = replace(self.state, unwritten=unwritten)
        self.effects.append(PlayReply(reply.generation, turn.key))
        self.state = replace(self.state, uncommitted=(*self.state.uncommitted, reply))

    def _take_back_reply(self, reason: CancelReason = CancelReason.USER_RESUMED) -> None:
        """THINKING only: nothing was heard, so the turn is simply open again."""
        live = self.state.live
        if live is not None and live.is_requested:
            unwritten = tuple(key for key in self.state.unwritten if key != live.key)
            self.state = replace(self.state, unwritten=unwritten)
            self.effects.append(CancelGeneration(live.generation, reason))
            # A first sample may be on its way to the ear; its report decides whether it was heard.
            self.effects.append(FadeAndFlush(live.generation))
        self.state = replace(self.state, phase=Phase.LISTENING, live=None)

    def _hear_over_reply(self, event: SpeechStarted) -> None:
        """Before the canceller has converged it may be our own echo: listen, but go on."""
        if not self._rules.allows_barge_in:
            return
        if self.state.has_echo_converged:
            self._enter_overlap(event)
        else:
            self._open_turn(event.onset_s)

    def _judge_voice_over_reply(self, prediction: DuplexPrediction) -> None:
        """A voice that did not duck the reply: before convergence, or softer than its echo."""
        is_heard = self.state.is_user_speaking
        if is_heard and self._is_interruption(prediction):
            self._barge_in(prediction.reason)
        elif self._may_be_interruption(prediction) and (is_heard or self.state.has_echo_converged):
            if self.state.turn is None:
                self._open_turn(prediction.at_s - _SURELY_VOICE_S)
            self.state = replace(
                self.state, phase=Phase.OVERLAP, is_ducked=True, is_overlap_extended=False
            )
            self._hold()
            self._arm(DeadlineKind.OVERLAP, self._rules.decide_ms)

    def _may_be_interruption(self, prediction: DuplexPrediction) -> bool:
        harmless = max(prediction.p_backchannel, prediction.p_noise)
        is_harmless = harmless >= self._rules.backchannel_threshold
        return prediction.p_interruption >= self._rules.hold_threshold and not is_harmless

    def _enter_overlap(self, event: SpeechStarted) -> None:
        live = self.state.live
        if live is None:
            return
        self.state = replace(
            self.state, phase=Phase.OVERLAP, is_ducked=True, is_overlap_extended=False
        )
        self.effects.append(Duck(live.generation))
        self._open_turn(event.onset_s)
        passed_ms = 1000.0 * (event.at_s - event.onset_s)
        self._arm(DeadlineKind.OVERLAP, max(0.0, self._rules.decide_ms - passed_ms))

    def _judge_overlap(self, prediction: DuplexPrediction) -> None:
        threshold = self._rules.backchannel_threshold
        if self._is_interruption(prediction):
            self._barge_in(prediction.reason)
        elif prediction.p_backchannel >= threshold or prediction.p_noise >= threshold:
            self._resume(prediction.reason)
        elif self._may_be_interruption(prediction):
            self._hold()

    def _judge_words(self, text: str | None) -> None:
        """Words of somebody who spoke over the reply and fell silent again."""
        is_sentence = text is None or len(words(text)) > 1
        is_overlap = self.state.phase is Phase.OVERLAP
        is_user = is_overlap or self.state.has_echo_converged
        if is_sentence and is_user:
            self._barge_in("words")
        elif is_user and sounds_like_stop_word(text or "", self._rules.stop_phrases):
            self._obey_stop_phrase()
        elif is_overlap:
            self._resume("a single word")  # as often a misheard "mm-hm" as a word
        else:
            self._forget_turn()  # one word, or an echo, is no reason to break off after all

    def _is_acknowledgement(self, text: str | None) -> bool:
        return text is not None and is_backchannel(text, self._rules.backchannels)

    def _acknowledged(self) -> None:
        if self.state.phase is Phase.OVERLAP:
            self._resume("backchannel words")
        else:
            self._forget_turn()

    def _hold(self) -> None:
        live = self.state.live
        if not self.state.is_held and live is not None:
            self.state = replace(self.state, is_held=True)
            self.effects.append(Hold(live.generation))

    def _resume(self, reason: str) -> None:
        live = self.state.live
        if live is None:
            return
        self._disarm(DeadlineKind.OVERLAP)
        if not self._waits_for_words(self.state.turn) and not self.state.is_user_speaking:
            self._forget_turn()  # else its words may still cut the reply
        self.effects += [Resume(live.generation), NoteDecision("resumed", reason, live.generation)]
        self.state = replace(self.state, phase=Phase.SPEAKING, is_ducked=False, is_held=False)

    def _barge_in(self, reason: str) -> None:
        if self.state.turn is None:
            self._open_turn(None)
        self._yield_floor(CancelReason.BARGE_IN, reason)
        self.state = replace(self.state, owes_reply=True)

    def _yield_floor(self, reason: CancelReason, why: str) -> None:
        live = self.state.live
        if live is None or self.state.phase not in AUDIBLE:
            return
        self._disarm(DeadlineKind.OVERLAP)
        self.effects += [
            CancelGeneration(live.generation, reason),
            FadeAndFlush(live.generation),
            NoteDecision("interrupted", why, live.generation),
        ]
        self.state = replace(self.state, phase=Phase.YIELDING, is_ducked=False, is_held=False)
        self._arm(DeadlineKind.YIELD, self._rules.yield_deadline_ms)

    def _nothing_said(self) -> None:
        match self.state.phase:
            case Phase.OVERLAP:
                self._resume("no words")
            case Phase.THINKING:
                self._take_back_reply()
                self._forget_turn()
                self._rest()
            case _:
                self._forget_turn()

    def _obey_stop_phrase(self) -> None:
        if self.state.phase in AUDIBLE:
            self._yield_floor(CancelReason.USER_STOP, "stop phrase")
        elif self.state.phase is Phase.THINKING:
            self._take_back_reply(CancelReason.USER_STOP)
        self._forget_turn()
        if self.state.phase is Phase.LISTENING:
            self._rest()

    def _commit(self, report: PlayoutReport) -> None:
        """Exactly once for what was heard, never for what was not."""
        reply = next((r for r in self.state.uncommitted if r.generation == report.generation), None)
        if reply is None:
            return
        self._drop_uncommitted(report.generation)
        if report.heard_text_end > 0:
            self.effects.append(CommitHeard(report, reply.key))

    def _drop_uncommitted(self, generation: int) -> None:
        rest = tuple(r for r in self.state.uncommitted if r.generation != generation)
        self.state = replace(self.state, uncommitted=rest)

    def _rest(self) -> None:
        """Enters LISTENING (STARTING while there is no model) and takes up what is still owed."""
        self._disarm(DeadlineKind.YIELD)
        phase = Phase.LISTENING if self.state.is_model_ready else Phase.STARTING
        self.state = replace(self.state, phase=phase, live=None, is_ducked=False, is_held=False)
        if phase is Phase.STARTING:
            return
        if self.state.typed_text is not None:
            self._begin_typed_turn(self.state.typed_text)
            return
        turn = self.state.turn
        if turn is None or not self.state.owes_reply or self.state.is_user_speaking:
            return
        if turn.is_over:
            self._end_turn("the turn was over")
        else:
            self._prepare()
            self._arm(DeadlineKind.ENDPOINT, self._rules.endpoint_max_wait_ms)

    def _begin_typed_turn(self, text: str) -> None:
        self._cancel_prepared(CancelReason.STALE)
        self._forget_turn()
        key = TurnKey(self.state.next_turn)
        turn = Turn(key, text=text, is_asked=True, is_transcribed=True, is_typed=True)
        self.state = replace(
            self.state, turn=turn, typed_text=None, owes_reply=True, next_turn=key.turn + 1,
            is_user_speaking=False,
        )  # fmt: skip
        self._end_turn("typed")

    def _arm(self, kind: DeadlineKind, after_ms: float) -> None:
        self._disarm(kind)
        token = self.state.next_token
        self.state = replace(
            self.state, next_token=token + 1, armed=(*self.state.armed, (kind, token))
        )
        self.effects.append(ArmDeadline(kind, token, after_ms))

    def _disarm(self, kind: DeadlineKind) -> None:
        if any(armed == kind for armed, _ in self.state.armed):
            rest = tuple(pair for pair in self.state.armed if pair[0] is not kind)
            self.state = replace(self.state, armed=rest)
            self.effects.append(DisarmDeadline(kind))
