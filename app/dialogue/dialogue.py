"""The shell around the state machine: takes events, performs effects, keeps the timers."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from app.dialogue import effects
from app.dialogue.captions import LiveCaptions
from app.dialogue.controller import step
from app.dialogue.conversation import Conversation
from app.dialogue.events import (
    DeadlineKind,
    DeadlineReached,
    DialogueEvent,
    GenerationEnded,
    GenerationFailed,
    ModelLeft,
    PlaybackEnded,
    PlaybackProgressed,
    SpeechChunk,
    TextDelta,
    TranscriptPartial,
    TurnScored,
    TurnTranscribed,
    WorkerFailed,
)
from app.dialogue.own_voice import OwnVoice
from app.dialogue.reply_buffer import ReplyBuffer, TellPlayer
from app.dialogue.state import DialogueRules, DialogueState, DialogueStepped, Phase
from app.dialogue.trace import DialogueTrace
from app.dialogue.user_audio import TurnAudioFeed
from app.settings.settings import OverlapSettings
from audio_io.frames import AudioFrame, EndEvidence
from model.requests import Cancel, ModelRequest, ReplyRequest, Say, UseVoice
from model.types import NO_SCORE, TurnKey, VoiceChoice

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DialoguePorts:
    """What the dialogue may ask of the outside."""

    tell_player: TellPlayer
    send: Callable[[ModelRequest], None]
    restart_model: Callable[[], None]
    set_microphone: Callable[[bool], None]
    report_error: Callable[[str], None]


class Dialogue:
    """Runs ``controller.step`` on what happens and does what it says.

    It has no lock: whoever owns it (the controller thread, or a virtual clock) calls every method.

    Attributes:
        rules: may be replaced between two events, as may ``overlap``.
        overlap: how replies are ducked and faded.
        voice: see ``choose_voice``.
        language: what the user spoke last.
        partial: words so far of the open turn, and where their audio ends in seconds.
    """

    def __init__(
        self,
        ports: DialoguePorts,
        conversation: Conversation,
        trace: DialogueTrace,
        rules: DialogueRules | None = None,
        overlap: OverlapSettings | None = None,
        voice: VoiceChoice | None = None,
    ) -> None:
        self.state = DialogueState()
        self.rules = rules or DialogueRules()
        self.overlap = overlap or OverlapSettings()
        self.language = "en"
        self.partial: tuple[str, float] = ("", 0.0)
        self.captions = LiveCaptions()
        self.conversation = conversation
        self.trace = trace
        self.replies = ReplyBuffer(ports.tell_player)
        self._ports = ports
        self.voice = voice or VoiceChoice()
        self._user_audio = TurnAudioFeed(ports.send)
        self._own_voice = OwnVoice()
        self._turn_since_s = 0.0
        self._turn_score: TurnScored | None = None
        self._evidence: tuple[int, EndEvidence] | None = None  # of which turn
        self._deadlines: dict[DeadlineKind, tuple[float, int]] = {}  # when, and which token
        self._now_s = 0.0

    def next_deadline_s(self) -> float | None:
        """Return when ``fire_due`` should be called at the latest."""
        return min((at_s for at_s, _ in self._deadlines.values()), default=None)

    def fire_due(self, now_s: float) -> None:
        """Handle the timers that have run out."""
        due = [(kind, token) for kind, (at_s, token) in self._deadlines.items() if at_s <= now_s]
        for kind, token in due:
            if self._deadlines.get(kind, (0.0, -1))[1] == token:
                del self._deadlines[kind]
                self.handle(DeadlineReached(kind, token), now_s)

    @property
    def model_p_end(self) -> float:
        """Probability by the speech model that the present pause ends the turn; 0.5: unknown."""
        turn, score = self.state.turn, self._turn_score
        is_current = turn is not None and score is not None and turn.key == score.key
        return score.p_end_of_turn if score is not None and is_current else NO_SCORE

    @property
    def end_evidence(self) -> EndEvidence | None:
        """What the recogniser says of the open turn's end; None where there is nothing yet."""
        turn = self.state.turn
        if turn is None or self._evidence is None or self._evidence[0] != turn.key.turn:
            return None
        return self._evidence[1]

    def feed(self, frame: AudioFrame) -> None:
        """Take the next 10 ms of the user; the model hears them while a turn is open."""
        self._user_audio.feed(frame)

    def handle(self, event: DialogueEvent, now_s: float) -> None:
        """Decide about one event and perform what follows."""
        self._now_s = now_s
        before = self.state
        event = self._of_user(event)
        self._take_in(event)
        self.trace.event(event, now_s, before, self.replies)
        self.state, todo = step(before, event, self.rules)
        self.trace.stepped(DialogueStepped(now_s, event, before, self.rules, todo))
        if self.state.phase is not before.phase:
            logger.info("phase %s -> %s", before.phase.value, self.state.phase.value)
        for effect in todo:
            self.trace.effect(effect, now_s)
            self._perform(effect)
        if isinstance(event, PlaybackEnded):
            self.replies.forget(event.report.generation)
            self.captions.reply_done(event.report.generation)

    def _of_user(self, event: DialogueEvent) -> DialogueEvent:
        """Take the assistant's own words out of what was heard: they are no user's."""
        since_s, stops = self._turn_since_s, self.rules.stop_phrases
        match event:
            case TranscriptPartial(text=text, audio_end_s=end_s):
                return replace(event, text=self._own_voice.of_user(text, since_s, end_s, stops))
            case TurnTranscribed(text=str(text)) if text:
                rest = self._own_voice.of_user(text, since_s, self._now_s, stops)
                return replace(event, text=rest, is_own_voice=not rest)
            case _:
                return event

    def _take_in(self, event: DialogueEvent) -> None:
        """Keep what the decision or its effects will need."""
        match event:
            case TextDelta(generation=generation, text=text):
                self.replies.add_text(generation, text)
                self._show_reply(generation)
            case SpeechChunk():
                if self.replies.add_chunk(event):
                    self.trace.first_chunk(event, self._now_s)
            case GenerationEnded(generation=generation, was_cancelled=was_cancelled):
                if not was_cancelled:
                    self.replies.complete(generation)
            case GenerationFailed(generation=generation):
                self.replies.complete(generation)
            case WorkerFailed(name="model") | ModelLeft():
                self.replies.complete_all()
            case TranscriptPartial(turn=turn, text=text, audio_end_s=end_s):
                if self.state.turn is not None and self.state.turn.key.turn == turn:
                    self._take_words(self.state.turn.key, text, end_s)
                    self._take_evidence(turn, event.evidence)
            case TurnTranscribed(key=key, text=text):
                self._take_evidence(key.turn, event.evidence)
                if text and self.state.turn is not None and self.state.turn.key == key:
                    self.language = event.language
                    self._take_words(key, text, self._now_s)
            case TurnScored():
                self._turn_score = event
            case PlaybackProgressed(generation=generation, heard_text_end=end):
                self.captions.reply_heard(generation, end)
                reply = self.replies.get(generation)
                if reply is not None:
                    self._own_voice.said(generation, reply.text, end, event.at_s)
            case PlaybackEnded(at_s=at_s):
                self._own_voice.ended(at_s)
            case _:
                pass

    def _take_words(self, key: TurnKey, text: str, audio_end_s: float) -> None:
        """Show the open turn's words and let the predictor see them."""
        if text:
            self.partial = (text, audio_end_s)
            self.captions.user_said(key, text)

    def _take_evidence(self, turn: int, evidence: EndEvidence | None) -> None:
        if evidence is not None:
            self._evidence = (turn, evidence)

    def _show_reply(self, generation: int) -> None:
        reply = self.replies.get(generation)
        if reply is not None and reply.is_released:
            self.captions.reply_text(generation, reply.text)

    def _perform(self, effect: effects.Effect) -> None:
        match effect:
            case effects.OpenTurn(key=key, onset_s=onset_s):
                context = self.conversation.context(key.turn, None, self.language)
                self._user_audio.open(key, context, onset_s)
                if key.revision == 0:
                    self.partial = ("", self._now_s)
                    self._turn_since_s = self._now_s if onset_s is None else onset_s
            case effects.FinishHearing(key=key):
                self._user_audio.finish(key)
            case effects.ForgetTurn(key=key):
                self._user_audio.forget(key)
                self.captions.user_done()
                self.partial = ("", self._now_s)
            case effects.CommitUserTurn(key=key, text=text):
                self.conversation.put_user(key.turn, text)
                self.captions.user_done()
            case effects.StartGeneration(generation=generation, key=key, user_text=user_text):
                self.replies.open(generation)
                context = self.conversation.context(key.turn, user_text, self.language)
                self._ports.send(ReplyRequest(generation, key, context, self.voice))
            case effects.PlayReply(generation=generation):
                self.replies.release(generation)
                self._show_reply(generation)
            case effects.CancelGeneration(generation=generation, reason=reason):
                self.replies.drop(generation)
                self._ports.send(Cancel(generation, reason))
            case effects.CommitHeard():
                self._commit_heard(effect)
            case effects.ArmDeadline(kind=kind, token=token, after_ms=after_ms):
                self._deadlines[kind] = (self._now_s + after_ms / 1000.0, token)
            case effects.DisarmDeadline(kind=kind):
                self._deadlines.pop(kind, None)
            case effects.RestartModel():
                self._ports.restart_model()
            case effects.SetMicrophone(is_open=is_open):
                self._ports.set_microphone(is_open)
            case effects.ReportError(message=message):
                self._ports.report_error(message)
            case effects.NoteDecision():
                pass  # the trace has it
            case _:
                self._perform_playback(effect)

    def _perform_playback(self, effect: effects.PlaybackEffect) -> None:
        overlap, tell = self.overlap, self._ports.tell_player
        match effect:
            case effects.Duck():
                tell(lambda player: player.duck(overlap.duck_gain_db, overlap.duck_ramp_ms))
            case effects.Hold():
                tell(lambda player: player.hold(overlap.fade_ms))
            case effects.Resume():
                tell(lambda player: player.resume(overlap.resume_ramp_ms))
            case effects.FadeAndFlush(generation=generation):
                tell(lambda player: player.fade_and_flush(overlap.fade_ms))
                if self.state.phase is not Phase.YIELDING:
                    self.captions.reply_done(generation)
            case effects.HardFlush():
                tell(lambda player: player.hard_flush())
            case _:
                assert_never(effect)

    def _commit_heard(self, effect: effects.CommitHeard) -> None:
        report = effect.report
        reply = self.replies.get(report.generation)
        if reply is not None:
            self.conversation.commit_heard(
                effect.key.turn, reply.text, report.heard_text_end, report.was_cut
            )
            self.captions.reply_done(report.generation)  # its line is the conversation's now

    def choose_voice(self, voice: VoiceChoice) -> None:
        """Speak with ``voice`` from the next sentence on, of the reply being made as well."""
        self.voice = voice
        self._ports.send(UseVoice(voice))

    def preview(self, generation: int, text: str, voice: VoiceChoice) -> None:
        """Speak ``text`` outside of the conversation; nothing of it is kept."""
        self.replies.open(generation)
        self.replies.release(generation)
        self._ports.send(Say(generation, text, voice))

    def set_hands_free(self, is_hands_free: bool) -> None:
        """Choose the mode before anything runs; later it changes by event."""
        self.state = replace(self.state, is_hands_free=is_hands_free)
