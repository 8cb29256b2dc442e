"""The shell around the state machine: takes events, performs effects, keeps the timers.

Single-threaded: whoever owns it (the controller thread, or a virtual clock) calls every method.
Does not know Qt, devices or any model, only their roles.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from app.dialogue.audio_output import AudioOutput
from app.dialogue.captions import LiveCaptions
from app.dialogue.controller import step
from app.dialogue.conversation import Conversation
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
    HardFlush,
    Hold,
    NoteDecision,
    OpenTurn,
    PlayReply,
    ReportError,
    RestartModel,
    Resume,
    SetMicrophone,
    StartGeneration,
)
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
from app.dialogue.reply_buffer import ReplyBuffer
from app.dialogue.state import DialogueRules, DialogueState, DialogueStepped, Phase
from app.dialogue.trace import DialogueTrace
from app.dialogue.user_audio import TurnAudioFeed
from audio_io.frames import AudioFrame
from model.duplex import policy
from model.requests import Cancel, ModelRequest, Reply, Say, UseVoice
from model.types import NO_SCORE, ReplyRequest, TurnKey, VoiceChoice

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlaybackRules:
    """How replies are ducked and cut; defaults are those of the settings."""

    duck_gain_db: float = policy.DUCK_GAIN_DB
    duck_ramp_ms: float = policy.DUCK_RAMP_MS
    fade_ms: float = policy.FADE_MS
    resume_ramp_ms: float = policy.RESUME_RAMP_MS


@dataclass(frozen=True, slots=True)
class DialoguePorts:
    """The outside of the dialogue."""

    loudspeaker: AudioOutput
    send: Callable[[ModelRequest], None]
    restart_model: Callable[[], None]
    set_microphone: Callable[[bool], None]
    report_error: Callable[[str], None]


class Dialogue:
    """Runs ``controller.step`` on what happens and does what it says.

    Attributes:
        voice: see ``choose_voice``.
        language: what the user spoke last.
        partial: latest partial transcript of the open turn, and the time its audio ends.
    """

    def __init__(
        self,
        ports: DialoguePorts,
        conversation: Conversation,
        record: DialogueTrace,
        rules: DialogueRules | None = None,
        playback_rules: PlaybackRules | None = None,
    ) -> None:
        self.state = DialogueState()
        self.rules = rules or DialogueRules()
        self.playback_rules = playback_rules or PlaybackRules()
        self.voice = VoiceChoice()
        self.language = "en"
        self.partial: tuple[str, float] = ("", 0.0)
        self._turn_score: TurnScored | None = None
        self.captions = LiveCaptions()
        self.conversation = conversation
        self.record = record
        self.desk = ReplyBuffer(ports.loudspeaker)
        self._ports = ports
        self._hearing = TurnAudioFeed(ports.send)
        self._deadlines: dict[DeadlineKind, tuple[float, int]] = {}
        self._now_s = 0.0

    # -- time ----------------------------------------------------------------------------------

    def next_deadline_s(self) -> float | None:
        """When ``fire_due`` should be called at the latest."""
        return min((at_s for at_s, _ in self._deadlines.values()), default=None)

    def fire_due(self, now_s: float) -> None:
        """Handles the timers that have run out."""
        due = [(kind, token) for kind, (at_s, token) in self._deadlines.items() if at_s <= now_s]
        for kind, token in due:
            if self._deadlines.get(kind, (0.0, -1))[1] == token:
                del self._deadlines[kind]
                self.handle(DeadlineReached(kind, token), now_s)

    @property
    def model_p_end(self) -> float:
        """The model's score of the present pause; 0.5 where it has none."""
        turn, score = self.state.turn, self._turn_score
        is_current = turn is not None and score is not None and turn.key == score.key
        return score.p_end_of_turn if score is not None and is_current else NO_SCORE

    # -- events --------------------------------------------------------------------------------

    def feed(self, frame: AudioFrame) -> None:
        """The next 10 ms of the user; goes to the model while a turn is open."""
        self._hearing.feed(frame)

    def handle(self, event: DialogueEvent, now_s: float) -> None:
        """Decides about one event and performs what follows."""
        self._now_s = now_s
        before = self.state
        self._take_in(event)
        self.record.event(event, now_s, before, self.desk)
        self.state, effects = step(before, event, self.rules)
        self.record.stepped(DialogueStepped(now_s, event, before, self.rules, effects))
        if self.state.phase is not before.phase:
            logger.info("phase %s -> %s", before.phase.value, self.state.phase.value)
        for effect in effects:
            self.record.effect(effect, now_s)
            self._perform(effect)
        self._let_go(event)

    def _take_in(self, event: DialogueEvent) -> None:
        """What the decision or its effects will need."""
        match event:
            case TextDelta(generation=generation, text=text):
                self.desk.add_text(generation, text)
                self._show_reply(generation)
            case SpeechChunk():
                if self.desk.add_chunk(event):
                    self.record.first_chunk(event, self._now_s)
            case GenerationEnded(generation=generation, was_cancelled=was_cancelled):
                if not was_cancelled:
                    self.desk.complete(generation)
            case GenerationFailed(generation=generation):
                self.desk.complete(generation)
            case WorkerFailed(name="model") | ModelLeft():
                self.desk.complete_all()
            case TranscriptPartial() | TurnTranscribed():
                self._take_words(event)
            case TurnScored():
                self._turn_score = event
            case PlaybackProgressed(generation=generation, heard_text_end=end):
                self.captions.reply_heard(generation, end)
            case _:
                pass

    def _take_words(self, event: TranscriptPartial | TurnTranscribed) -> None:
        """Shows the open turn's words and lets the predictor see them."""
        turn = self.state.turn
        if turn is None or not event.text:
            return
        if isinstance(event, TurnTranscribed):
            is_current = turn.key == event.key
            audio_end_s = self._now_s
        else:
            is_current = turn.key.turn == event.turn
            audio_end_s = event.audio_end_s
        if not is_current:
            return
        if isinstance(event, TurnTranscribed):
            self.language = event.language
        self.partial = (event.text, audio_end_s)
        self.captions.user_said(turn.key, event.text, is_final=False)

    def _let_go(self, event: DialogueEvent) -> None:
        if isinstance(event, PlaybackEnded):
            self.desk.forget(event.report.generation)
            self.captions.reply_done(event.report.generation)

    def _show_reply(self, generation: int) -> None:
        reply = self.desk.get(generation)
        if reply is not None and reply.is_released:
            self.captions.reply_text(generation, reply.text)

    # -- effects -------------------------------------------------------------------------------

    def _perform(self, effect: Effect) -> None:
        match effect:
            case OpenTurn() | FinishHearing() | ForgetTurn():
                self._perform_hearing(effect)
            case StartGeneration() | PlayReply() | CancelGeneration():
                self._perform_generation(effect)
            case Duck() | Hold() | Resume() | FadeAndFlush() | HardFlush():
                self._perform_playback(effect)
            case CommitUserTurn(key=key, text=text):
                self.conversation.put_user(key.turn, text)
                self.captions.user_done()
            case CommitHeard():
                self._commit_heard(effect)
            case ArmDeadline(kind=kind, token=token, after_ms=after_ms):
                self._deadlines[kind] = (self._now_s + after_ms / 1000.0, token)
            case DisarmDeadline(kind=kind):
                self._deadlines.pop(kind, None)
            case RestartModel():
                self._ports.restart_model()
            case SetMicrophone(is_open=is_open):
                self._ports.set_microphone(is_open)
            case ReportError(message=message):
                self._ports.report_error(message)
            case NoteDecision():
                pass  # the record has it
            case _:
                assert_never(effect)

    def _perform_hearing(self, effect: OpenTurn | FinishHearing | ForgetTurn) -> None:
        match effect:
            case OpenTurn(key=key, onset_s=onset_s):
                context = self.conversation.context(key.turn, None, self.language)
                self._hearing.open(key, context, onset_s)
                if key.revision == 0:
                    self.partial = ("", self._now_s)
            case FinishHearing(key=key):
                self._hearing.finish(key)
            case ForgetTurn(key=key):
                self._hearing.forget(key)
                self.captions.user_done()
                self.partial = ("", self._now_s)

    def _perform_generation(self, effect: StartGeneration | PlayReply | CancelGeneration) -> None:
        match effect:
            case StartGeneration(generation=generation, key=key, user_text=user_text):
                self.desk.open(generation, key)
                context = self.conversation.context(key.turn, user_text, self.language)
                self._ports.send(Reply(ReplyRequest(generation, key, context, self.voice)))
            case PlayReply(generation=generation):
                self.desk.release(generation)
                self._show_reply(generation)
            case CancelGeneration(generation=generation, reason=reason):
                self.desk.drop(generation)
                self._ports.send(Cancel(generation, reason))

    def _perform_playback(self, effect: Duck | Hold | Resume | FadeAndFlush | HardFlush) -> None:
        rules, loudspeaker = self.playback_rules, self._ports.loudspeaker
        match effect:
            case Duck():
                loudspeaker.duck(rules.duck_gain_db, rules.duck_ramp_ms)
            case Hold():
                loudspeaker.hold(rules.fade_ms)
            case Resume():
                loudspeaker.resume(rules.resume_ramp_ms)
            case FadeAndFlush(generation=generation):
                loudspeaker.fade_and_flush(rules.fade_ms)
                if self.state.phase is not Phase.YIELDING:
                    self.captions.reply_done(generation)
            case HardFlush():
                loudspeaker.hard_flush()

    def _commit_heard(self, effect: CommitHeard) -> None:
        report = effect.report
        reply = self.desk.get(report.generation)
        if reply is not None:
            self.conversation.commit_heard(
                effect.key.turn, reply.text, report.heard_text_end, report.was_cut
            )
            self.captions.reply_done(report.generation)  # its line is the conversation's now

    def choose_voice(self, voice: VoiceChoice) -> None:
        """Applies to the next sentence, of the reply being made as well."""
        self.voice = voice
        self._ports.send(UseVoice(voice))

    def preview(self, generation: int, text: str, preset: str, rate: float) -> None:
        """Speaks ``text`` outside of the conversation; nothing of it is kept."""
        self.desk.open(generation, TurnKey(0))
        self.desk.release(generation)
        self._ports.send(Say(generation, text, VoiceChoice(preset, rate)))

    # -- switches ------------------------------------------------------------------------------

    def set_hands_free(self, is_hands_free: bool) -> None:
        """Start-up only; later the mode changes by event."""
        self.state = replace(self.state, is_hands_free=is_hands_free)
