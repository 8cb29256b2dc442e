"""What each event does to the dialogue: small moves that ``controller.step`` chooses from.

A ``Move`` lives for one event; it collects the next state and the effects.
"""

from __future__ import annotations

from dataclasses import replace

from app.dialogue.effects import (
    CommitUserTurn,
    FadeAndFlush,
    HardFlush,
    ReportError,
    RestartModel,
    SetMicrophone,
)
from app.dialogue.events import DeadlineKind, SpeechEnded, SpeechStarted
from app.dialogue.phrases import is_stop_phrase
from app.dialogue.state import Phase
from app.dialogue.transition_builder import AUDIBLE, DialogueDraft
from audio_io.events import PlayoutReport
from model.events import TurnTranscribed
from model.types import CancelReason, DuplexPrediction


class Move(DialogueDraft):
    """The next state and the effects of one event."""

    # -- the user's voice ----------------------------------------------------------------------

    def speech_started(self, event: SpeechStarted) -> None:
        if self._is_by_hand:
            return
        self.state = replace(self.state, is_user_speaking=True)
        match self.state.phase:
            case Phase.LISTENING | Phase.STARTING | Phase.YIELDING:
                self._open_turn(event.onset_s)
            case Phase.THINKING:
                self._take_back_reply()
                self._open_turn(event.onset_s)
            case Phase.SPEAKING:
                self._hear_over_reply(event)
            case Phase.OVERLAP:
                self._open_turn(event.onset_s)

    def speech_ended(self, event: SpeechEnded) -> None:
        if self._is_by_hand:
            return
        self.state = replace(self.state, is_user_speaking=False)
        if self.state.turn is None:
            return
        self._ask_for_words()
        if self.state.phase not in AUDIBLE:
            self.state = replace(self.state, owes_reply=True)
        if self.state.phase is Phase.LISTENING:
            passed_ms = 1000.0 * (event.at_s - event.offset_s)
            self._arm(DeadlineKind.ENDPOINT, max(0.0, self._rules.endpoint_max_wait_ms - passed_ms))

    def predicted(self, prediction: DuplexPrediction) -> None:
        if self._is_by_hand:
            return
        match self.state.phase:
            case Phase.LISTENING:
                if prediction.p_end_of_turn >= self._rules.end_of_turn_threshold:
                    self._end_turn(prediction.reason)
            case Phase.SPEAKING:
                if self._rules.allows_barge_in:
                    self._judge_voice_over_reply(prediction)
            case Phase.OVERLAP:
                self._judge_overlap(prediction)
            case _:
                pass

    def transcribed(self, event: TurnTranscribed) -> None:
        turn = self.state.turn
        if turn is None or turn.key != event.key or (turn.is_transcribed and turn.text is None):
            self._written_down(event)
            return
        self.state = replace(self.state, turn=replace(turn, text=event.text, is_transcribed=True))
        if event.text == "":
            self._nothing_said()
        elif event.text is not None and is_stop_phrase(event.text, self._rules.stop_phrases):
            self._obey_stop_phrase()
        elif turn.is_over_reply and self._is_acknowledgement(event.text):
            self._acknowledged()
        elif self.state.phase in AUDIBLE:
            self._judge_words(event.text)
        elif self.state.phase is Phase.LISTENING:
            self._prepare()
        elif self.state.phase is Phase.THINKING:
            self._request_live()

    def heard_so_far(self, turn_number: int, text: str) -> None:
        """Words of a turn that is still being spoken; they only buy it time."""
        turn = self.state.turn
        if turn is None or turn.key.turn != turn_number:
            return
        acknowledges = turn.is_over_reply and self._is_acknowledgement(text)
        self.state = replace(self.state, turn=replace(turn, is_acknowledging=acknowledges))

    def _written_down(self, event: TurnTranscribed) -> None:
        """Words of a turn that a model answered by ear; it is being answered already."""
        turn = self.state.turn
        if not event.text:
            return
        if turn is not None and turn.key == event.key:
            self.state = replace(self.state, turn=replace(turn, text=event.text))
            if is_stop_phrase(event.text, self._rules.stop_phrases):
                self._obey_stop_phrase()
                return
        if event.key in self.state.unwritten:
            rest = tuple(key for key in self.state.unwritten if key != event.key)
            self.state = replace(self.state, unwritten=rest)
            self.effects.append(CommitUserTurn(event.key, event.text))

    # -- deadlines -----------------------------------------------------------------------------

    def is_armed(self, kind: DeadlineKind, token: int) -> bool:
        """True once: firing disarms."""
        if (kind, token) not in self.state.armed:
            return False
        rest = tuple(pair for pair in self.state.armed if pair != (kind, token))
        self.state = replace(self.state, armed=rest)
        return True

    def endpoint_reached(self) -> None:
        if self.state.phase is Phase.LISTENING:
            self._end_turn("silence limit")

    def overlap_deadline(self) -> None:
        if self.state.phase is not Phase.OVERLAP:
            return
        turn, is_speaking = self.state.turn, self.state.is_user_speaking
        # The words decide better than time does: "yeah, yeah" is no interruption, nor is silence.
        waits = turn.is_acknowledging if is_speaking and turn else self._waits_for_words(turn)
        if waits and not self.state.is_overlap_extended:
            self.state = replace(self.state, is_overlap_extended=True)
            self._arm(DeadlineKind.OVERLAP, self._rules.transcript_grace_ms)
        elif is_speaking:
            self._barge_in("still speaking")
        else:
            self._resume("quiet again")

    def yield_deadline(self) -> None:
        if self.state.phase is not Phase.YIELDING or self.state.live is None:
            return
        live = self.state.live
        self.effects.append(HardFlush(live.generation))
        if live.heard_text_end > 0:
            # The device owes a report it may never give; words that were told count as heard.
            self._commit(PlayoutReport(live.generation, 0, live.heard_text_end, True, True, 0.0))
        self._rest()

    # -- the loudspeaker -----------------------------------------------------------------------

    def playback_started(self, generation: int) -> None:
        live = self.state.live
        if (
            self.state.phase is Phase.THINKING
            and live is not None
            and live.generation == generation
        ):
            self.state = replace(
                self.state, phase=Phase.SPEAKING, turn=None, owes_reply=False, is_held=False
            )

    def playback_progressed(self, generation: int, heard_text_end: int) -> None:
        live = self.state.live
        if live is not None and live.generation == generation:
            self.state = replace(self.state, live=replace(live, heard_text_end=heard_text_end))

    def playback_ended(self, report: PlayoutReport) -> None:
        live = self.state.live
        self._commit(report)
        if live is None or live.generation != report.generation:
            return
        if self.state.phase in AUDIBLE and self.state.turn is not None:
            # The reply ended by itself while the user began: what they say is a turn of its own.
            self._disarm(DeadlineKind.OVERLAP)
            self.state = replace(self.state, owes_reply=not self.state.is_user_speaking)
        self._rest()

    # -- the model -----------------------------------------------------------------------------

    def generation_over(self, generation: int, message: str) -> None:
        """It failed or was empty."""
        live, prepared = self.state.live, self.state.prepared
        if prepared is not None and prepared.generation == generation:
            self.state = replace(self.state, prepared=None)
        elif (
            live is not None
            and live.generation == generation
            and self.state.phase is Phase.THINKING
        ):
            # A first sample may be on its way to the ear; its report decides whether it was heard.
            self.effects += [ReportError(message), FadeAndFlush(generation)]
            self.state = replace(self.state, turn=None, owes_reply=False)
            self._rest()

    def model_ready(self) -> None:
        self.state = replace(self.state, is_model_ready=True)
        if self.state.phase is Phase.STARTING:
            self._rest()

    def model_failed(self, message: str) -> None:
        self.effects += [ReportError(message), RestartModel()]
        self.model_left()

    def model_left(self) -> None:
        self.state = replace(self.state, is_model_ready=False, prepared=None)
        turn = self.state.turn
        is_by_ear = turn is not None and turn.is_transcribed and turn.text is None
        if (self._waits_for_words(turn) or is_by_ear) and self.state.phase not in AUDIBLE:
            # The audio died with the worker; the words cannot come any more.
            self.state = replace(self.state, turn=None, owes_reply=False)
            self.effects.append(ReportError("Please say that again."))
        if self.state.phase is Phase.THINKING:
            if self.state.live is not None:
                self.effects.append(FadeAndFlush(self.state.live.generation))
            self.state = replace(self.state, owes_reply=self.state.turn is not None)
            self._rest()
        elif self.state.phase is Phase.LISTENING:
            self._disarm(DeadlineKind.ENDPOINT)
            self.state = replace(self.state, phase=Phase.STARTING)

    # -- hands ---------------------------------------------------------------------------------

    def stop_requested(self) -> None:
        match self.state.phase:
            case Phase.SPEAKING | Phase.OVERLAP:
                self._yield_floor(CancelReason.USER_STOP, "stop")
                self._forget_turn()
            case Phase.THINKING:
                self._take_back_reply(CancelReason.USER_STOP)
                self._forget_turn()
                self._rest()
            case Phase.LISTENING:
                self._cancel_prepared(CancelReason.USER_STOP)
                self._forget_turn()
            case _:
                pass

    def talk_pressed(self) -> None:
        if self.state.is_talk_held:
            return
        self.state = replace(self.state, is_talk_held=True, is_user_speaking=True)
        self.set_microphone()
        match self.state.phase:
            case Phase.SPEAKING | Phase.OVERLAP:
                self._open_turn(None)
                self._yield_floor(CancelReason.BARGE_IN, "push to talk")
            case Phase.THINKING:
                self._take_back_reply()
                self._open_turn(None)
            case _:
                self._open_turn(None)

    def talk_released(self) -> None:
        if not self.state.is_talk_held:
            return
        self.state = replace(self.state, is_talk_held=False, is_user_speaking=False)
        self.set_microphone()
        turn = self.state.turn
        if turn is None:
            return
        self._ask_for_words()
        turn = self.state.turn or turn
        self.state = replace(self.state, owes_reply=True, turn=replace(turn, is_over=True))
        if self.state.phase is Phase.LISTENING:
            self._end_turn("push to talk released")

    def text_submitted(self, text: str) -> None:
        if not text.strip():
            return
        self.state = replace(self.state, typed_text=text.strip())
        match self.state.phase:
            case Phase.SPEAKING | Phase.OVERLAP:
                self._yield_floor(CancelReason.BARGE_IN, "typed")
                self._forget_turn()
            case Phase.THINKING:
                self._take_back_reply()
                self._rest()
            case Phase.LISTENING:
                self._rest()
            case _:
                pass

    def conversation_opened(self) -> None:
        self.state = replace(self.state, typed_text=None)
        self.stop_requested()

    def set_microphone(self) -> None:
        by_mode = self.state.is_hands_free or self.state.is_talk_held
        self.effects.append(SetMicrophone(self.state.is_mic_open and by_mode))
