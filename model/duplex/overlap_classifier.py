"""What a voice over the reply is: an interruption, an acknowledgement, or nobody's.

A logistic regression over everything that is known of it so far: the word spotter, the words and
time. Its few weights are fitted by ``model.training.train_overlap``.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_io.frames import Spotted, UserFrame
from model.duplex.duplex_network import Array
from model.duplex.end_of_turn_detectors import logit
from model.duplex.outcomes import Outcome
from model.duplex.policy import VOICE_P, OverlapPoint
from model.duplex.voice_tracker import Stretch, VoiceTracker
from model.duplex.word_evidence import WordEvidence
from model.errors import WeightsError
from model.files.records import Misfit, read_json
from model.files.whole_file import SHARED, write_atomically

CARD_NAME = "overlap.json"
RESTORE = "restore the file or train again"
FORMAT = 1

FEATURES = (
    "one",
    "voice", "span", "quiet", "is_quiet",
    "stop", "acknowledgement", "answer", "speech", "spotted_voice",
    "latest_speech", "latest_voice", "detector", "detector_mean",
    "has_words", "acknowledges", "one_word", "more_words", "stop_word", "words_wait",
    "has_converged", "above_echo",
)  # fmt: skip
"""What the regression sees, in this order."""

OUTCOMES = (Outcome.INTERRUPTION, Outcome.BACKCHANNEL, Outcome.NOISE)
"""What the rows of weights are of."""
_LOG_UNIT_MS = 100.0
_MARGIN_DB = 20.0


def _log_ms(ms: float) -> float:
    return math.log1p(max(ms, 0.0) / _LOG_UNIT_MS)


@dataclass(slots=True)
class SpottedVoice:
    """What the spotter has heard in one voice over the reply.

    Attributes:
        stop_p, acknowledgement_p, answer_p: the highest so far.
        speech_ms: expected duration of other speech.
        voice_ms: expected duration of any voice.
        detector_p: the highest of the voice activity detector so far.
        detector_ms: expected duration of voice by it; ``heard_ms``: of everything.
        latest: the latest decision.
    """

    stop_p: float = 0.0
    acknowledgement_p: float = 0.0
    answer_p: float = 0.0
    speech_ms: float = 0.0
    voice_ms: float = 0.0
    detector_p: float = 0.0
    detector_ms: float = 0.0
    heard_ms: float = 0.0
    latest: Spotted | None = None

    def hear(self, user: UserFrame) -> None:
        """Take what the frame carries; the same decision counts once."""
        spotted, frame_ms = user.spotted, 1000.0 * (user.clean.end_s - user.clean.start_s)
        if spotted is not None and spotted.p_voice >= VOICE_P:
            self.detector_p = max(self.detector_p, user.p_speech)
            self.detector_ms += frame_ms * user.p_speech
            self.heard_ms += frame_ms
        if spotted is None or (self.latest is not None and spotted.at_s <= self.latest.at_s):
            return
        step_ms = 0.0
        if self.latest is not None:
            step_ms = 1000.0 * (spotted.at_s - self.latest.at_s)
        self.latest = spotted
        self.stop_p = max(self.stop_p, spotted.p_stop)
        self.acknowledgement_p = max(self.acknowledgement_p, spotted.p_acknowledgement)
        self.answer_p = max(self.answer_p, spotted.p_answer)
        self.speech_ms += step_ms * spotted.p_speech
        self.voice_ms += step_ms * spotted.p_voice


def overlap_features(
    overlap: Stretch,
    voice: SpottedVoice,
    words: WordEvidence,
    user: UserFrame,
    tracker: VoiceTracker,
) -> Array:
    """Return float32 (n_features,)."""
    quiet_ms = overlap.silence_ms(user.clean.end_s)
    has_words = words.is_over_reply
    latest = voice.latest
    values = (
        1.0,
        _log_ms(overlap.voice_ms),
        _log_ms(overlap.span_ms),
        _log_ms(quiet_ms),
        float(quiet_ms >= 160.0),
        logit(voice.stop_p),
        logit(voice.acknowledgement_p),
        logit(voice.answer_p),
        _log_ms(voice.speech_ms),
        _log_ms(voice.voice_ms),
        0.0 if latest is None else latest.p_speech,
        0.0 if latest is None else latest.p_voice,
        voice.detector_p,
        voice.detector_ms / max(voice.heard_ms, 1.0),
        float(has_words),
        float(words.is_acknowledgement),
        float(has_words and words.n_words == 1 and not words.is_acknowledgement),
        float(words.is_sentence),
        float(words.is_stop),
        float(not has_words and quiet_ms >= 240.0),
        float(user.aec_has_converged),
        max(-1.0, min(2.0, tracker.margin_db / _MARGIN_DB)),
    )
    return np.asarray(values, np.float32)


@dataclass(frozen=True, slots=True)
class OverlapCard:
    """The weights: a row for each of interruption, backchannel and noise.

    Attributes:
        point: probabilities that are enough.
        set_by: the split and the command that set them.
        trained: the date and the command.
    """

    features: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    point: OverlapPoint
    set_by: str = ""
    trained: str = ""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raise Misfit for another format, other features or another number of weights."""
        if self.format != FORMAT:
            raise Misfit("format", f"must be {FORMAT}, got {self.format}")
        if self.features != FEATURES:
            raise Misfit("features", "the weights were trained for other features")
        if [len(row) for row in self.weights] != [len(FEATURES)] * len(OUTCOMES):
            raise Misfit("weights", f"must be {len(OUTCOMES)} rows of {len(FEATURES)} numbers")
        if (
            not 0.0 < self.point.hold_p < self.point.cut_p < 1.0
            or not 0.0 < self.point.resume_p < 1.0
        ):
            raise Misfit("point", "must be probabilities, hold_p below cut_p")
        if not all(math.isfinite(weight) for row in self.weights for weight in row):
            raise Misfit("weights", "holds a value that is no number")


class OverlapClassifier:
    """The regression."""

    def __init__(self, card: OverlapCard) -> None:
        self.card = card
        self._weights: npt.NDArray[np.float64] = np.asarray(card.weights, np.float64)

    def probabilities(self, features: Array) -> Array:
        """Return float32 (5,) over ``Outcome``; those of a turn are 0."""
        logits = self._weights @ features
        powers = np.exp(logits - logits.max())
        p = np.zeros(len(Outcome), np.float32)
        p[list(OUTCOMES)] = powers / powers.sum()
        return p


def write_overlap_card(path: Path, card: OverlapCard) -> None:
    """Replace ``path`` at once."""
    write_atomically(path, json.dumps(asdict(card), indent=2) + "\n", mode=SHARED)


def read_overlap_classifier(path: Path) -> OverlapClassifier:
    """Read the weights. Raises WeightsError with one line that names file, key and remedy."""
    return OverlapClassifier(read_json(path, OverlapCard, WeightsError, remedy=RESTORE))
