"""The first duplex predictor: rules over sound, words and time, with one small network.

Proposes; knows nothing of turns in the conversation, generations or playback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model.duplex.end_of_turn import BALANCED, EndOfTurnJudge, EndOfTurnSettings, TurnVerdict
from model.duplex.lexicon import Lexicon, extended, read_lexicons
from model.duplex.overlap import OverlapJudge, OverlapSettings, OverlapVerdict
from model.duplex.smart_turn import WEIGHTS_NAME, SmartTurn, TurnClassifier
from model.duplex.text_evidence import TextJudge
from model.interfaces import AgentState, DuplexPrediction, UserState

MS = 1000.0
END_OF_TURN_P = 0.5  # p_end_of_turn reaches it when the silence reaches wait_ms


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """All thresholds of the predictor.

    Attributes:
        end_of_turn: EAGER, BALANCED or PATIENT, or one's own.
        overlap: what counts as an interruption.
        emit_ms: a prediction at least this often while anything is undecided.
        extra_backchannels: a user's own, by language.
        extra_stop_words: a user's own, by language.
    """

    end_of_turn: EndOfTurnSettings = BALANCED
    overlap: OverlapSettings = field(default_factory=OverlapSettings)
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

    has_ended: bool
    is_hold: bool
    is_cut: bool
    is_resume: bool


class FirstDuplexPredictor:
    """See DuplexPredictor.

    Attributes:
        has_acoustic_model: False when the network is missing: words and silence decide.
        last_inference_s: wall seconds the network took inside the latest ``step``; else 0.0.
        n_inferences: how often it ran.
    """

    def __init__(
        self,
        classifier: TurnClassifier | None,
        lexicons: Mapping[str, Lexicon],
        settings: PredictorSettings | None = None,
    ) -> None:
        self.settings = settings or PredictorSettings()
        self.has_acoustic_model = classifier is not None
        self.last_inference_s = 0.0
        self.n_inferences = 0
        own = _with_own_words(lexicons, self.settings)
        self._turn = EndOfTurnJudge(classifier, TextJudge(own), self.settings.end_of_turn)
        self._overlap = OverlapJudge(own, self.settings.overlap)
        self._was_speaking = False
        self._zone: _Zone | None = None
        self._emitted_at_s = 0.0

    def reset(self) -> None:
        """The open turn was taken or given up; the next voice opens another."""
        self._turn.reset()
        self._overlap.reset()
        self._zone = None

    def step(self, user: UserState, agent: AgentState) -> DuplexPrediction | None:
        """See DuplexPredictor. May run the network; ``last_inference_s`` says for how long."""
        self.last_inference_s = 0.0
        self._overlap.hear(user, agent)
        self._turn.hear(user)
        self._notice_reply(agent)
        if agent.is_speaking:
            return self._judge_overlap(user)
        return self._judge_turn(user)

    def _notice_reply(self, agent: AgentState) -> None:
        if agent.is_speaking and not self._was_speaking:
            self._turn.reset()  # it is being answered
            self._zone = None
        if self._was_speaking and not agent.is_speaking:
            self._overlap.reset()
            self._zone = None
        self._was_speaking = agent.is_speaking

    def _judge_overlap(self, user: UserState) -> DuplexPrediction | None:
        verdict = self._overlap.verdict(user)
        if verdict is None:
            self._turn.reset()  # what its detector takes for a voice is echo
            self._zone = None
            return None
        thresholds = self.settings.overlap
        p_harmless = max(verdict.p_backchannel, verdict.p_noise)
        is_resume = p_harmless >= thresholds.resume_p
        if is_resume:
            self._turn.reset()  # owed no answer
        zone = _Zone(
            has_ended=False,
            is_hold=verdict.p_interruption >= thresholds.hold_p,
            is_cut=verdict.p_interruption >= thresholds.cut_p,
            is_resume=is_resume,
        )
        return self._emit(zone, user, _of_overlap(verdict, user))

    def _judge_turn(self, user: UserState) -> DuplexPrediction | None:
        verdict = self._turn.verdict(user)
        if verdict is None or verdict.silence_ms > self.settings.end_of_turn.max_wait_ms + MS:
            return None
        if self._turn.last_inference_s > 0.0:
            self.last_inference_s = self._turn.last_inference_s
            self.n_inferences += 1
        zone = _Zone(verdict.p_end_of_turn >= END_OF_TURN_P, False, False, False)
        return self._emit(zone, user, _of_turn(verdict, user))

    def _emit(
        self, zone: _Zone, user: UserState, prediction: DuplexPrediction
    ) -> DuplexPrediction | None:
        since_ms = MS * (user.frame.end_s - self._emitted_at_s)
        if zone == self._zone and since_ms < self.settings.emit_ms - 1e-6:
            return None
        self._zone = zone
        self._emitted_at_s = user.frame.end_s
        return prediction


def _of_overlap(verdict: OverlapVerdict, user: UserState) -> DuplexPrediction:
    return DuplexPrediction(
        at_s=user.frame.end_s,
        p_interruption=verdict.p_interruption,
        p_backchannel=verdict.p_backchannel,
        p_noise=verdict.p_noise,
        is_stop_word=verdict.is_stop_word,
        reason=verdict.reason,
    )


def _of_turn(verdict: TurnVerdict, user: UserState) -> DuplexPrediction:
    return DuplexPrediction(
        at_s=user.frame.end_s,
        p_end_of_turn=verdict.p_end_of_turn,
        silence_ms=verdict.silence_ms,
        wait_ms=verdict.wait_ms,
        reason=verdict.reason,
    )


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


def build_predictor(
    weights_dir: Path, settings: PredictorSettings | None = None
) -> FirstDuplexPredictor:
    """Reads the word lists and the network; goes without the network where its file is missing.

    Raises:
        LexiconError: a word list is broken.
        WeightsError: the network's file is there but cannot be read.
    """
    weights = weights_dir / WEIGHTS_NAME
    classifier = SmartTurn(weights) if weights.is_file() else None
    return FirstDuplexPredictor(classifier, read_lexicons(), settings)
