"""The duplex predictor: a trained network over sound, words and time, and the policy around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from audio_io.frames import UserFrame
from model.duplex import policy
from model.duplex.adaptive_endpointing import AdaptiveEndpointing
from model.duplex.duplex_network import Array, DuplexNetwork, probabilities
from model.duplex.end_of_turn.pause_judge import PauseJudge
from model.duplex.end_of_turn.weights import EndOfTurnWeights, PauseOdds
from model.duplex.end_of_turn_detectors import EndOfTurnDetectors, UtteranceScorer
from model.duplex.explanations import overlap_inputs, turn_inputs, turn_reason
from model.duplex.frame_features import FeatureStream, Vector
from model.duplex.lexicon import Lexicon, extended
from model.duplex.outcomes import Outcome
from model.duplex.overlap_classifier import OverlapClassifier, SpottedVoice, overlap_features
from model.duplex.policy import (
    OverlapEvidence,
    OverlapPoint,
    OverlapVerdict,
    Thresholds,
    Wait,
    overlap_verdict,
    wait_by_odds,
    wait_for,
)
from model.duplex.predictor_card import PredictorCard
from model.duplex.smart_turn import TurnClassifier
from model.duplex.spotter.card import SpotterThresholds
from model.duplex.voice_tracker import MS, Stretch, WarmUp
from model.types import AgentState, DuplexPrediction


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """What people may choose.

    Attributes:
        endpointing_mode: one of ``policy.ENDPOINTING_MODES``.
        thresholds: how much must speak for an action.
        longest_wait_ms: silence after which a turn is over; at most 3 s count.
        extra_backchannels: a user's own, by language.
        extra_stop_words: a user's own, by language.
    """

    endpointing_mode: str = policy.DEFAULT_MODE
    thresholds: Thresholds = policy.DEFAULT_THRESHOLDS
    longest_wait_ms: float = policy.LONGEST_WAIT_MS
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
    """The ``DuplexPredictor`` that is used; without a slow detector the network decides alone.

    Attributes:
        last_inference_s: wall seconds the slow detectors took inside the latest ``step``.
    """

    def __init__(
        self,
        network: DuplexNetwork,
        card: PredictorCard,
        lexicons: Mapping[str, Lexicon],
        settings: PredictorSettings | None = None,
        *,
        classifier: TurnClassifier | None = None,
        scorer: UtteranceScorer | None = None,
        overlap_classifier: OverlapClassifier | None = None,
        spotter: SpotterThresholds | None = None,
        endings: EndOfTurnWeights | None = None,
    ) -> None:
        self.settings = settings or PredictorSettings()
        self.last_inference_s = 0.0
        own = _with_own_words(lexicons, self.settings)
        self._stream = FeatureStream(own, classifier, scorer, self.settings.thresholds.let_go_ms)
        self._network = network
        self._card = card
        self._overlap_classifier = overlap_classifier
        self._spotter = spotter
        self._spotted_in: Stretch | None = None
        self._spotted = SpottedVoice()
        self._judge = None if endings is None else PauseJudge(endings)
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
    def detectors(self) -> EndOfTurnDetectors:
        """Return the slow detectors; they know how long they took and how often they were asked."""
        return self._stream.detectors

    @property
    def overlap(self) -> Stretch | None:
        """Return the present voice over the reply."""
        return self._stream.tracker.overlap

    def reset(self) -> None:
        """Let the next voice open another turn: this one was taken or given up."""
        self._stream.reset()
        self._zone = None

    def step(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        """Take 10 ms; may ask a slow detector, for as long as ``last_inference_s`` says."""
        vector = self._stream.step(user, agent)
        self.last_inference_s = self.detectors.last_sound_s + self.detectors.last_text_s
        self._follow(user, agent)
        if vector is not None:
            self._think(vector, is_overlap=agent.is_speaking)
        if agent.is_speaking:
            return self._over_reply(user)
        return self._in_turn(user, agent)

    def _follow(self, user: UserFrame, agent: AgentState) -> None:
        stream, frame = self._stream, user.clean
        if stream.has_restarted:
            self._warm_up.restart()
            if self._judge is not None:
                self._judge.restart()
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

    # -- over the reply --------------------------------------------------------------------------

    def _over_reply(self, user: UserFrame) -> DuplexPrediction | None:
        stream, overlap = self._stream, self._stream.tracker.overlap
        if overlap is None:
            self._p = self._zone = None  # what was thought of the last one is over
            return None
        if overlap is not self._spotted_in:
            self._spotted_in, self._spotted = overlap, SpottedVoice()
        self._spotted.hear(user)
        at = self.settings.thresholds
        p = self._weighed(overlap, user)
        is_stop = stream.words.is_stop or self._has_spotted_stop()
        if is_stop:
            reason = "a stop word" if stream.words.is_stop else "sounds like a stop word"
            verdict = OverlapVerdict(1.0, 0.0, 0.0, reason)
        elif p is not None:
            verdict = overlap_verdict(
                self._evidence(overlap, user, p), self._overlap_point(user), at
            )
        else:
            return None
        zone = _Zone(
            is_hold=verdict.p_interruption >= at.hold_p,
            is_cut=verdict.p_interruption >= at.cut_p,
            is_resume=max(verdict.p_backchannel, verdict.p_noise) >= at.resume_p,
            is_stop=is_stop,
        )
        if zone.is_cut and not zone.is_stop:
            self._learn_from_cut(overlap)
        prediction = DuplexPrediction(
            at_s=user.clean.end_s,
            p_interruption=verdict.p_interruption,
            p_backchannel=verdict.p_backchannel,
            p_noise=verdict.p_noise,
            is_stop_word=is_stop,
            reason=verdict.reason,
            inputs=overlap_inputs(overlap, stream, user, p, self._spotted),
        )
        return self._emit(zone, user, prediction)

    def _weighed(self, overlap: Stretch, user: UserFrame) -> Array | None:
        """What spotter, words and time come to; without weights, what the network thinks."""
        classifier = self._classifier_of(user)
        if classifier is None:
            return self._p
        stream = self._stream
        seen = overlap_features(overlap, self._spotted, stream.words, user, stream.tracker)
        return classifier.probabilities(seen)

    def _overlap_point(self, user: UserFrame) -> OverlapPoint:
        classifier = self._classifier_of(user)
        return self._card.overlap if classifier is None else classifier.card.point

    def _classifier_of(self, user: UserFrame) -> OverlapClassifier | None:
        """Return what weighs this frame: nothing where no spotter heard it."""
        return None if user.spotted is None else self._overlap_classifier

    def _has_spotted_stop(self) -> bool:
        return self._spotter is not None and self._spotted.stop_p >= self._spotter.stop_p

    def _may_have_spotted_stop(self) -> bool:
        return self._spotter is not None and self._spotted.stop_p >= self._spotter.duck_p

    def _evidence(self, overlap: Stretch, user: UserFrame, p: Array) -> OverlapEvidence:
        tracker, words = self._stream.tracker, self._stream.words
        if self._warm_up.lets_through(tracker.margin_db, has_words=words.is_sentence):
            self._trusted = overlap  # a voice is not loud all the time
        if words.is_acknowledgement:
            self._acknowledged = overlap  # the words of an earlier breath count until others come
        elif words.is_sentence:
            self._acknowledged = None
        return OverlapEvidence(
            p_interruption=float(p[Outcome.INTERRUPTION]),
            p_backchannel=float(p[Outcome.BACKCHANNEL]),
            p_noise=float(p[Outcome.NOISE]),
            voice_ms=overlap.voice_ms,
            span_ms=overlap.span_ms,
            quiet_ms=overlap.silence_ms(user.clean.end_s),
            may_be_echo=overlap is not self._trusted,
            is_spotted=self._classifier_of(user) is not None,
            is_voiced=self._spotted.detector_p >= policy.VOICED_P,
            may_be_stop=self._may_have_spotted_stop(),
            has_words=bool(words.text),
            acknowledges=overlap is self._acknowledged,
            n_words=words.n_words if words.is_sentence else 0,
        )

    def _learn_from_cut(self, overlap: Stretch) -> None:
        last_voice_s, self._last_voice_s = self._last_voice_s, None
        began_s = overlap.onset_s - self._reply_began_s
        if last_voice_s is not None and began_s <= policy.JUST_BEGUN_S:
            self._pauses.went_on(MS * (overlap.onset_s - last_voice_s))

    # -- while the assistant is silent -----------------------------------------------------------

    def _in_turn(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        stream, turn, p = self._stream, self._stream.tracker.turn, self._p
        if turn is None or p is None:
            return None
        silence_ms = turn.silence_ms(user.clean.end_s)
        if silence_ms > policy.SILENT_AFTER_MS:
            return None
        extra_ms = self._pauses.extra_ms
        odds = None
        if self._judge is not None:
            state = stream.detectors.text_state
            odds = self._judge.odds(user, agent, turn, stream.words, state)
        wait = self._wait(odds, float(p[Outcome.END_OF_TURN]), silence_ms, agent.model_p_end)
        rest = 1.0 - wait.p_end_of_turn
        p_noise = min(float(p[Outcome.NOISE]), rest)
        reason = turn_reason(
            stream.words, stream.detectors, wait, odds, silence_ms=silence_ms, extra_ms=extra_ms
        )
        prediction = DuplexPrediction(
            at_s=user.clean.end_s,
            p_end_of_turn=wait.p_end_of_turn,
            p_hold=rest - p_noise,
            p_noise=p_noise,
            silence_ms=silence_ms,
            wait_ms=wait.wait_ms,
            reason=reason,
            inputs=turn_inputs(turn, stream, agent.model_p_end, p, extra_ms, odds),
        )
        return self._emit(_Zone(has_ended=wait.is_over), user, prediction)

    def _wait(
        self, odds: PauseOdds | None, p_end: float, silence_ms: float, model_p_end: float
    ) -> Wait:
        """By all evidence where the recogniser has judged this pause, else by the network."""
        at = self.settings
        is_dictating = self._stream.words.dictation is not None
        judge, mode, limit_ms = self._judge, at.endpointing_mode, at.longest_wait_ms
        if judge is not None and odds is not None:
            return wait_by_odds(
                judge.weights.card.points[mode],
                odds.all,
                silence_ms=silence_ms,
                threshold_p=at.thresholds.end_p,
                extra_ms=self._pauses.extra_ms,
                is_dictating=is_dictating,
                limit_ms=limit_ms,
            )
        least_ms = policy.LEAST_WAIT_MS
        if judge is not None and judge.has_judged:
            least_ms = policy.EVIDENCE_WAIT_MS
            point = judge.weights.card.points[mode].moved_to(at.thresholds.end_p)
            limit_ms = min(limit_ms, max(point.longest_ms, least_ms))  # nothing was read in it
        return wait_for(
            self._card.endpointing[mode],
            p_end=policy.with_model_score(p_end, model_p_end),
            silence_ms=silence_ms,
            threshold_p=at.thresholds.end_p,
            extra_ms=self._pauses.extra_ms,
            is_dictating=is_dictating,
            least_ms=least_ms,
            limit_ms=limit_ms,
        )

    def _emit(
        self, zone: _Zone, user: UserFrame, prediction: DuplexPrediction
    ) -> DuplexPrediction | None:
        since_ms = MS * (user.clean.end_s - self._emitted_at_s)
        if zone == self._zone and since_ms < policy.PREDICT_EVERY_MS - 1e-6:
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
