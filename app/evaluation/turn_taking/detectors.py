"""Everything that can tell whose turn it is: predictors, silence timers, a public network."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.evaluation.turn_taking.predictor_run import Predictor, PredictorRun, StepCost
from app.evaluation.turn_taking.silences import (
    IsSpeaking,
    Stop,
    StopRules,
    by_energy,
    plain_trigger,
    silences,
    timer_ends,
)
from audio_io.events import SpeechEnded
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex import policy
from model.duplex.offline import HeardFrame, Listening
from model.duplex.policy import END_P
from model.duplex.scoring import Score, Silence
from model.duplex.smart_turn import WINDOW_S, TurnClassifier
from model.types import DuplexPrediction

PredictorFactory = Callable[[], Predictor]

# Among a prediction's inputs: calibrated probabilities before any policy.
_END_INPUT, _INTERRUPTION_INPUT = "network_end_of_turn", "network_interruption"
_ALL_ODDS = "all_log_odds"


@dataclass(frozen=True, slots=True)
class TurnTrace:
    """What a detector said of one user turn.

    Attributes:
        ends: seconds at which it took the turn as over, as it is shipped; None: only swept.
        scores: its probability that the turn is over, for each way to ask it; none of a timer.
    """

    ends: tuple[float, ...] | None
    scores: tuple[tuple[Score, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class OverlapTrace:
    """What a detector said while the assistant spoke; ``scores``: that it was interrupted."""

    stops: tuple[Stop, ...]
    scores: tuple[Score, ...] | None = None


class Detector:
    """One column of the table; None stands for what it has nothing to say about.

    Attributes:
        n_parameters: of its own network; None: not known.
    """

    name: str
    n_parameters: int | None = 0

    def __init__(self) -> None:
        self.cost = StepCost()

    def hear_turn(self, listening: Listening, found: tuple[Silence, ...]) -> TurnTrace | None:
        """Return what it says of one user turn with these silences."""
        del listening, found

    def hear_overlap(self, listening: Listening, is_speaking: IsSpeaking) -> OverlapTrace | None:
        """Return what it says while the assistant speaks."""
        del listening, is_speaking


class PredictorDetector(Detector):
    """A duplex predictor with the controller's rules around it, a fresh one for each recording.

    One that has heard other people would know their pauses and another room's echo.
    """

    def __init__(self, name: str, make: PredictorFactory, n_parameters: int | None) -> None:
        super().__init__()
        self.name = name
        self.n_parameters = n_parameters
        self._make = make

    def hear_turn(self, listening: Listening, found: tuple[Silence, ...]) -> TurnTrace:
        """Hear it twice: starting over after each decision, as the engine does, and for sweeps."""
        del found
        ends: list[float] = []
        run = PredictorRun(self._make(), self.cost)
        for heard in listening.frames:
            predicted = run.step(heard)
            if predicted is not None and predicted.prediction.p_end_of_turn >= END_P:
                ends.append(predicted.available_s)
                run.reset()
        run = PredictorRun(self._make(), StepCost())
        scores = tuple(
            Score(predicted.available_s, _p_end(predicted.prediction, heard))
            for heard in listening.frames
            if (predicted := run.step(heard)) is not None
        )
        return TurnTrace(tuple(ends), (scores,))

    def hear_overlap(self, listening: Listening, is_speaking: IsSpeaking) -> OverlapTrace:
        """Return stops by the controller's rules, and the network's own probability."""
        run, rules = PredictorRun(self._make(), self.cost), StopRules()
        stops: list[Stop | None] = []
        scores: list[Score] = []
        for heard in listening.frames:
            at_s = heard.user.clean.start_s
            predicted = run.step(heard, is_agent_speaking=is_speaking(at_s))
            stops.append(rules.take(heard, predicted))
            if predicted is not None:
                prediction = predicted.prediction
                p = dict(prediction.inputs).get(_INTERRUPTION_INPUT, prediction.p_interruption)
                scores.append(Score(predicted.available_s, p))
        stops.append(rules.close(listening))
        return OverlapTrace(tuple(stop for stop in stops if stop is not None), tuple(scores))


def _p_end(prediction: DuplexPrediction, heard: HeardFrame) -> float:
    """Return what sweeps move a threshold on: all that is known before any policy.

    Where the recogniser judges pauses these are its log-odds less the threshold that falls with the
    silence, halved so that the grid of thresholds reaches far enough.
    """
    inputs = dict(prediction.inputs)
    if _ALL_ODDS in inputs:
        gain = max(inputs[f"{_ALL_ODDS}_rise"] + policy.THRESHOLD_FALL, policy.LEAST_GAIN)
        silence = math.log(max(prediction.silence_ms, 1.0) / policy.REFERENCE_MS)
        return policy.probability((inputs[_ALL_ODDS] + gain * silence) / 2.0)
    if heard.user.ending is not None and prediction.silence_ms < policy.EVIDENCE_WAIT_MS:
        return 0.0  # its judgement is still to come
    return inputs.get(_END_INPUT, prediction.p_end_of_turn)


class SilenceTimer(Detector):
    """A timer that takes every silence of ``wait_s`` for the end."""

    def __init__(self, wait_s: float) -> None:
        super().__init__()
        self.name = f"{wait_s:.1f} s"
        self._wait_s = wait_s

    def hear_turn(self, listening: Listening, found: tuple[Silence, ...]) -> TurnTrace:
        """Return where the timer runs out."""
        return TurnTrace(timer_ends(found, self._wait_s, listening.seconds))


class AnyTimer(Detector):
    """The family of silence timers, which is only swept."""

    name = "any timer"

    def hear_turn(self, listening: Listening, found: tuple[Silence, ...]) -> TurnTrace:
        """Return nothing but that it can be swept."""
        del listening, found
        return TurnTrace(None, ((),))


class VoiceActivityAlone(Detector):
    """Voice activity: the segmenter ends a turn, and 192 ms of voice stop the reply."""

    name = "VAD only"

    def hear_turn(self, listening: Listening, found: tuple[Silence, ...]) -> TurnTrace:
        """Return where the segmenter heard speech end."""
        del found
        events = [heard.event for heard in listening.frames]
        return TurnTrace(tuple(e.at_s for e in events if isinstance(e, SpeechEnded)))

    def hear_overlap(self, listening: Listening, is_speaking: IsSpeaking) -> OverlapTrace:
        """Return where a voice has lasted long enough."""
        return OverlapTrace(tuple(plain_trigger(listening.frames, is_speaking)))


class EnergyAlone(Detector):
    """Loudness: silence of ``WAIT_S`` ends a turn, and 192 ms of sound stop the reply."""

    WAIT_S = 1.0
    name = f"energy, {WAIT_S:.1f} s"

    def hear_turn(self, listening: Listening, found: tuple[Silence, ...]) -> TurnTrace:
        """Return where it was quiet for long enough."""
        del found
        heard = silences(by_energy(listening.frames))
        return TurnTrace(timer_ends(heard, self.WAIT_S, listening.seconds))

    def hear_overlap(self, listening: Listening, is_speaking: IsSpeaking) -> OverlapTrace:
        """Return where something was loud for long enough."""
        return OverlapTrace(tuple(plain_trigger(by_energy(listening.frames), is_speaking)))


class PublicNetwork(Detector):
    """Smart Turn as its authors run it (Pipecat 0.0.9x): asked once, after 0.2 s of silence.

    Above 0.5 the turn is over; below, after 3 s. It is swept with that one answer, and with the
    answers to asking again later in the same silence.
    """

    name = "Smart Turn"
    n_parameters = 8_000_000  # published
    ASK_S = (0.2, 0.5, 1.0)
    TAKE_P = 0.5
    FALLBACK_S = 3.0
    LEAD_S = 0.5  # before the first voice

    def __init__(self, classifier: TurnClassifier) -> None:
        super().__init__()
        self._classifier = classifier

    def hear_turn(self, listening: Listening, found: tuple[Silence, ...]) -> TurnTrace:
        """Ask in every silence; return its answers and what follows from the first ones."""
        sound = np.concatenate([heard.user.clean.samples for heard in listening.frames])
        first_s = found[0].start_s - found[0].voice_before_s if found else 0.0
        begin_s = max(0.0, first_s - self.LEAD_S)
        asked: list[Score] = []
        first: list[Score] = []
        ends: list[float] = []
        for silence in found:
            scores = self._ask(sound, begin_s, silence)
            asked.extend(scores)
            first.extend(scores[:1])
            ends.extend(self._ends(silence, scores[:1], listening.seconds))
        return TurnTrace(tuple(ends), (tuple(first), tuple(asked)))

    def _ask(self, sound: Samples, begin_s: float, silence: Silence) -> list[Score]:
        scores: list[Score] = []
        for after_s in self.ASK_S:
            at_s = silence.start_s + after_s
            end = round(at_s * ENGINE_RATE_HZ)
            if after_s >= silence.seconds or end > len(sound):
                break
            begin = max(round(begin_s * ENGINE_RATE_HZ), end - round(WINDOW_S * ENGINE_RATE_HZ))
            p = self._classifier.p_complete(sound[begin:end])
            scores.append(Score(at_s + self._classifier.last_inference_s, p))
            self._charge(len(scores), silence)
        return scores

    def _ends(self, silence: Silence, first: list[Score], until_s: float) -> list[float]:
        if first and first[0].p >= self.TAKE_P:
            at_s = first[0].at_s
        else:
            at_s = silence.start_s + self.FALLBACK_S
        return [at_s] if at_s < min(silence.start_s + silence.seconds, until_s) else []

    def _charge(self, n_asked: int, silence: Silence) -> None:
        """As shipped it is asked once a silence; the frames up to there cost nothing."""
        if n_asked == 1:
            n_frames = round((silence.voice_before_s + self.ASK_S[0]) * 100.0)
            self.cost.frames_s.extend([0.0] * n_frames + [self._classifier.last_inference_s])
