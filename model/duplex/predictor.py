"""The duplex predictor: a trained network over sound, words and time, and the policy around it.

Proposes; knows nothing of turns in the conversation, generations or playback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from audio_io.frames import UserFrame
from model.duplex.duplex_network import Array, NetworkState, probabilities
from model.duplex.end_of_turn_detectors import UtteranceScorer, with_model_score
from model.duplex.endpointing import END_P, LONGEST_WAIT_MS, AdaptiveEndpointing, wait_for
from model.duplex.explanations import overlap_inputs, turn_inputs, turn_reason
from model.duplex.frame_features import FeatureStream, Vector
from model.duplex.lexicon import Lexicon, extended
from model.duplex.outcomes import Outcome
from model.duplex.overlap_policy import (
    CUT_P,
    HOLD_P,
    RESUME_P,
    SHORT_MS,
    Overlap,
    WarmUp,
    acknowledged,
    confirmed,
    held_back,
    judged,
    let_go,
    undecided,
)
from model.duplex.predictor_card import PredictorCard
from model.duplex.smart_turn import TurnClassifier
from model.duplex.voice_tracker import MS, Stretch
from model.types import AgentState, DuplexPrediction

_JUST_BEGUN_S = 1.0  # a reply; who interrupts it so soon had not finished
_SILENT_AGAIN_MS = 1000.0  # after the longest wait; then there is nothing left to say


class OutcomeNetwork(Protocol):
    """See ``network.DuplexNetwork``."""

    def initial_state(self) -> NetworkState: ...
    def step(self, features: Array, state: NetworkState) -> tuple[Array, NetworkState]: ...


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """What people may choose.

    Attributes:
        endpointing_mode: "eager", "balanced" or "patient".
        longest_wait_ms: silence after which a turn is over; at most 3 s count.
        emit_ms: a prediction at least this often while anything is undecided.
        extra_backchannels: a user's own, by language.
        extra_stop_words: a user's own, by language.
    """

    endpointing_mode: str = "balanced"
    longest_wait_ms: float = LONGEST_WAIT_MS
    emit_ms: float = 80.0
    extra_backchannels: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    extra_stop_words: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )


@dataclass(frozen=True, slots=True)
class _Zone:
    """Where a prediction stands against the thresholds; a change is told at once."""

    has_ended: bool = False
    is_hold: bool = False
    is_cut: bool = False
    is_resume: bool = False
    is_stop: bool = False


class TrainedDuplexPredictor:
    """See DuplexPredictor.

    ``classifier`` and ``reader`` may be missing: the network then decides without them.

    Attributes:
        last_inference_s: wall seconds the slow judges took inside the latest ``step``; else 0.0.
    """

    def __init__(
        self,
        network: OutcomeNetwork,
        card: PredictorCard,
        lexicons: Mapping[str, Lexicon],
        settings: PredictorSettings | None = None,
        *,
        classifier: TurnClassifier | None = None,
        reader: UtteranceScorer | None = None,
    ) -> None:
        self.settings = settings or PredictorSettings()
        self.last_inference_s = 0.0
        own = _with_own_words(lexicons, self.settings)
        self._stream = FeatureStream(own, classifier, reader)
        self._network = network
        self._card = card
        self._pauses = AdaptiveEndpointing()
        self._warm_up = WarmUp()
        self._state = network.initial_state()
        self._p: Array | None = None
        self._was_speaking = False
        self._last_voice_s: float | None = None  # of the turn that is being answered
        self._reply_began_s = 0.0
        self._acknowledged: Stretch | None = None  # the latest overlap that only acknowledged
        self._trusted: Stretch | None = None  # the latest one that cannot be our own echo
        self._zone: _Zone | None = None
        self._emitted_at_s = 0.0

    @property
    def last_sound_s(self) -> float:
        """Of ``last_inference_s`` what judging the sound took."""
        return self._stream.detectors.last_sound_s

    @property
    def last_text_s(self) -> float:
        """Of ``last_inference_s`` what reading the words took."""
        return self._stream.detectors.last_text_s

    @property
    def n_inferences(self) -> int:
        """How often a slow judge was asked."""
        return self._stream.detectors.n_asked

    def reset(self) -> None:
        """The open turn was taken or given up; the next voice opens another."""
        self._stream.reset()
        self._zone = None

    def step(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        """See DuplexPredictor. May ask the slow judges; ``last_inference_s`` says for how long."""
        vector = self._stream.step(user, agent)
        self.last_inference_s = self._stream.last_inference_s
        self._follow(user, agent)
        if vector is not None:
            self._think(vector, is_overlap=agent.is_speaking)
        if agent.is_speaking:
            return self._judge_overlap(user)
        return self._judge_turn(user, agent.model_p_end)

    def _follow(self, user: UserFrame, agent: AgentState) -> None:
        stream, frame = self._stream, user.clean
        if stream.has_restarted:
            self._warm_up.restart()
            self._last_voice_s = None
            self._forget()
        if agent.is_speaking != self._was_speaking:
            self._p = self._zone = None
            self._reply_began_s = frame.start_s
            if agent.is_speaking or stream.tracker.turn is None:
                self._forget()  # as the network was trained
        self._was_speaking = agent.is_speaking
        self._warm_up.hear(
            is_agent_speaking=agent.is_speaking,
            has_converged=user.aec_has_converged,
            frame_ms=MS * (frame.end_s - frame.start_s),
        )
        turn = None if agent.is_speaking else stream.tracker.turn
        self._pauses.hear(turn, frame.start_s, frame.end_s)
        if not agent.is_speaking:
            self._last_voice_s = None if turn is None else turn.last_voice_s

    def _forget(self) -> None:
        self._state = self._network.initial_state()
        self._p = self._zone = None

    def _think(self, vector: Vector, *, is_overlap: bool) -> None:
        logits, self._state = self._network.step(vector, self._state)
        card = self._card
        temperature = card.overlap_temperature if is_overlap else card.floor_temperature
        self._p = probabilities(logits, temperature, is_overlap=is_overlap)

    # -- over the assistant's voice --------------------------------------------------------------

    def _judge_overlap(self, user: UserFrame) -> DuplexPrediction | None:
        stream, overlap = self._stream, self._stream.tracker.overlap
        if overlap is None:
            self._p = self._zone = None  # what was thought of the last one is over
            return None
        p = self._p
        if p is None and not stream.words.is_stop:
            return None
        verdict = self._overlap(overlap, user, p)
        zone = _Zone(
            is_hold=verdict.p_interruption >= HOLD_P,
            is_cut=verdict.p_interruption >= CUT_P,
            is_resume=max(verdict.p_backchannel, verdict.p_noise) >= RESUME_P,
            is_stop=stream.words.is_stop,
        )
        if zone.is_cut and not zone.is_stop:
            self._learn_from_cut(overlap)
        prediction = DuplexPrediction(
            at_s=user.clean.end_s,
            p_interruption=verdict.p_interruption,
            p_backchannel=verdict.p_backchannel,
            p_noise=verdict.p_noise,
            is_stop_word=stream.words.is_stop,
            reason=verdict.reason,
            inputs=overlap_inputs(overlap, stream, user, p),
        )
        return self._emit(zone, user, prediction)

    def _overlap(self, overlap: Stretch, user: UserFrame, p: Array | None) -> Overlap:
        stream = self._stream
        if stream.words.is_stop or p is None:
            return Overlap(1.0, 0.0, 0.0, "a stop word")
        verdict = judged(
            self._card.overlap,
            p_interruption=float(p[Outcome.INTERRUPTION]),
            p_backchannel=float(p[Outcome.BACKCHANNEL]),
            p_noise=float(p[Outcome.NOISE]),
        )
        margin_db, has_words = stream.tracker.margin_db, stream.words.is_sentence
        if self._warm_up.lets_through(margin_db, has_words=has_words):
            self._trusted = overlap  # a voice is not loud all the time
        if overlap is not self._trusted:
            verdict = held_back(verdict)
        quiet_ms = overlap.silence_ms(user.clean.end_s)
        if overlap.voice_ms < SHORT_MS:
            verdict = undecided(verdict, is_over=quiet_ms >= stream.tracker.settings.gap_ms)
        if self._is_acknowledged(overlap):
            verdict = acknowledged(verdict, overlap.voice_ms)
        else:
            verdict = confirmed(
                verdict,
                span_ms=overlap.span_ms,
                voice_ms=overlap.voice_ms,
                has_words=has_words or self._says_a_word(overlap),
            )
        is_over = quiet_ms >= stream.tracker.settings.word_wait_ms
        return let_go(verdict) if is_over else verdict

    def _is_acknowledged(self, overlap: Stretch) -> bool:
        """By its words so far; those of an earlier breath count until others come."""
        words = self._stream.words
        if words.is_acknowledgement:
            self._acknowledged = overlap
        elif words.is_sentence:
            self._acknowledged = None
        return overlap is self._acknowledged

    def _says_a_word(self, overlap: Stretch) -> bool:
        """One that is no acknowledgement, in a voice too long for a misheard "mm-hm"."""
        return bool(self._stream.words.text) and overlap.voice_ms >= SHORT_MS

    def _learn_from_cut(self, overlap: Stretch) -> None:
        last_voice_s, self._last_voice_s = self._last_voice_s, None
        if last_voice_s is not None and overlap.onset_s - self._reply_began_s <= _JUST_BEGUN_S:
            self._pauses.went_on(MS * (overlap.onset_s - last_voice_s))

    # -- while the assistant is silent -----------------------------------------------------------

    def _judge_turn(self, user: UserFrame, model_p_end: float) -> DuplexPrediction | None:
        stream, turn, p = self._stream, self._stream.tracker.turn, self._p
        if turn is None or p is None:
            return None
        silence_ms = turn.silence_ms(user.clean.end_s)
        if silence_ms > LONGEST_WAIT_MS + _SILENT_AGAIN_MS:
            return None
        point = self._card.endpointing[self.settings.endpointing_mode]
        p_end = with_model_score(float(p[Outcome.END_OF_TURN]), model_p_end)
        wait = wait_for(
            point,
            p_end=p_end,
            silence_ms=silence_ms,
            extra_ms=self._pauses.extra_ms,
            dictation=stream.words.dictation,
            longest_ms=self.settings.longest_wait_ms,
        )
        is_over = wait.p_end_of_turn >= END_P
        rest = 1.0 - wait.p_end_of_turn
        p_noise = min(float(p[Outcome.NOISE]), rest)
        prediction = DuplexPrediction(
            at_s=user.clean.end_s,
            p_end_of_turn=wait.p_end_of_turn,
            p_hold=rest - p_noise,
            p_noise=p_noise,
            silence_ms=silence_ms,
            wait_ms=wait.wait_ms,
            reason=turn_reason(
                stream.words,
                stream.detectors,
                silence_ms=silence_ms,
                is_likely=p_end >= point.end_p,
                is_over=is_over,
                extra_ms=self._pauses.extra_ms,
            ),
            inputs=turn_inputs(turn, stream, model_p_end, p, self._pauses.extra_ms),
        )
        return self._emit(_Zone(has_ended=is_over), user, prediction)

    def _emit(
        self, zone: _Zone, user: UserFrame, prediction: DuplexPrediction
    ) -> DuplexPrediction | None:
        since_ms = MS * (user.clean.end_s - self._emitted_at_s)
        if zone == self._zone and since_ms < self.settings.emit_ms - 1e-6:
            return None
        self._zone = zone
        self._emitted_at_s = user.clean.end_s
        return prediction


def _with_own_words(
    lexicons: Mapping[str, Lexicon], settings: PredictorSettings
) -> dict[str, Lexicon]:
    return {
        language: extended(
            lexicon,
            backchannels=settings.extra_backchannels.get(language, ()),
            stop_words=settings.extra_stop_words.get(language, ()),
        )
        for language, lexicon in lexicons.items()
    }
