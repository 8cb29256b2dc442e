"""What the duplex network sees: one vector every 80 ms, the same in training and in conversation.

Causal and streaming; what is missing (words, slow detectors, the loudspeaker's signal) is zero with
a flag beside it.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from audio_io.frames import Samples, UserFrame
from model.duplex.end_of_turn_detectors import EndOfTurnDetectors, UtteranceScorer
from model.duplex.lexicon import Lexicon
from model.duplex.log_mel import FRAME, N_MELS, LogMelStream, Mels
from model.duplex.policy import ASK_SOUND_AFTER_MS, OVERLAP_WORDS_MS
from model.duplex.smart_turn import TurnClassifier
from model.duplex.text_evidence import Reason
from model.duplex.voice_tracker import SILENT_DBFS, Stretch, VoiceTracker
from model.duplex.word_evidence import WordEvidence, WordReader
from model.types import AgentState

N_FRAMES = 8
"""Frames of 10 ms in a vector."""

_FAR_BANDS = 10  # four mel bands each: enough to tell which part of its words is heard
_FAR_TIMES = 4  # of 20 ms
_LEVEL_CENTRE_DBFS, _LEVEL_SPREAD_DB = 60.0, 30.0
_LOG_UNIT_MS, _LOG_SPREAD = 100.0, 3.0  # 2 s come to 1.0
_MARGIN_DB = 20.0
_LOGIT_SPREAD = 3.0
_SENTENCE_ENDS = frozenset(".!?\u3002\uff01\uff1f")
_PUNCTUATION = (".!\u3002\uff01", "?\uff1f", ",;:\u3001\uff0c\uff1b\uff1a\u2026-\u2013\u2014")
_REASONS = tuple(Reason)

Vector = npt.NDArray[np.float32]


FEATURES = (
    ("mel", N_FRAMES * N_MELS),  # of the clean user, frame after frame
    ("far_mel", _FAR_TIMES * _FAR_BANDS),  # of the loudspeaker
    ("levels", 6),
    ("voice", 6),
    ("turn", 10),
    ("overlap", 6),
    ("agent", 6),
    ("transcript", 6),
    ("punctuation", len(_PUNCTUATION)),
    ("grammar", 1 + len(_REASONS)),
    ("overlap_words", 4),
    ("text_head", 2),
    ("smart_turn", 2 * len(ASK_SOUND_AFTER_MS)),
)
"""Name and size of each group of numbers in the vector, group after group."""

N_FEATURES = sum(size for _, size in FEATURES)


def feature_slices() -> dict[str, slice]:
    """Return where each group stands in the vector."""
    slices: dict[str, slice] = {}
    begin = 0
    for name, size in FEATURES:
        slices[name] = slice(begin, begin + size)
        begin += size
    return slices


def table_hash() -> str:
    """Return the name of the table; weights and data made for another one are refused."""
    table = "\n".join(f"{name} {size}" for name, size in FEATURES)
    return hashlib.sha256(f"{_VERSION}\n{table}".encode()).hexdigest()[:16]


_VERSION = 1  # raise it when a group means something else at the same size


def _log_ms(ms: float) -> float:
    return math.log1p(max(ms, 0.0) / _LOG_UNIT_MS) / _LOG_SPREAD


def _level(dbfs: float) -> float:
    return (dbfs + _LEVEL_CENTRE_DBFS) / _LEVEL_SPREAD_DB


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))


@dataclass(slots=True)
class _Block:
    """The frames of the vector in the making."""

    near: list[Samples] = field(default_factory=list[Samples])
    far: list[Samples] = field(default_factory=list[Samples])
    clean_dbfs: list[float] = field(default_factory=list[float])
    far_dbfs: list[float] = field(default_factory=list[float])
    margins_db: list[float] = field(default_factory=list[float])
    p_speech: list[float] = field(default_factory=list[float])
    n_voiced: int = 0


class FeatureStream:
    """Turns 10 ms of user and assistant at a time into vectors.

    ``classifier`` and ``scorer`` may be missing. A jump of the microphone's clock (another
    recording, a device that returned) starts everything anew.

    Attributes:
        tracker: voice, turn and overlap as of the latest frame.
        detectors: the slow detectors and their scores of the present pause.
        words: evidence of the transcript as of the latest frame.
        has_restarted: the latest frame was the first of a stream.
    """

    def __init__(
        self,
        lexicons: Mapping[str, Lexicon],
        classifier: TurnClassifier | None = None,
        scorer: UtteranceScorer | None = None,
        let_go_ms: float = OVERLAP_WORDS_MS,
    ) -> None:
        self.tracker = VoiceTracker(let_go_ms)
        self.detectors = EndOfTurnDetectors(classifier, scorer)
        self._reader = WordReader(lexicons)
        self._near_mel = LogMelStream()
        self._far_mel = LogMelStream()
        self._silence = np.zeros(FRAME, np.float32)
        self.words = self._reader.nothing
        self.has_restarted = False
        self._restart()

    def reset(self) -> None:
        """Let the next voice open another turn; the room stays known."""
        self.tracker.forget()
        self.detectors.forget()
        self.words = self._reader.nothing

    def step(self, user: UserFrame, agent: AgentState) -> Vector | None:
        """Take 10 ms (160 samples) and return float32 (N_FEATURES,) every eighth time.

        May run a slow detector, which says how long it took.
        """
        self.has_restarted = user.clean.start != self._next
        if self.has_restarted:
            self._restart()
        self._next = user.clean.end
        self.tracker.hear(user, agent)
        self._ask(user, agent)
        self._collect(user)
        is_due = user.clean.end // FRAME % N_FRAMES == 0
        return self._vector(user, agent) if is_due else None

    def _restart(self) -> None:
        self.tracker.restart()
        self.detectors.restart()
        self._near_mel.reset()
        self._far_mel.reset()
        self._block = _Block()
        self._next = -1

    def _ask(self, user: UserFrame, agent: AgentState) -> None:
        """Ask the slow detectors in a pause of the user's turn."""
        tracker, turn = self.tracker, self.tracker.turn
        self.words = self._reader.read(user, turn, tracker.overlap)
        self.detectors.hear(user.clean, tracker.sound, is_voice=tracker.is_voice)
        if turn is None or agent.is_speaking or tracker.is_voice:
            return
        silence_ms = turn.silence_ms(user.clean.end_s)
        self.detectors.ask_sound(silence_ms)
        if self.words.covers:
            self.detectors.read_text(silence_ms, self.words.text)

    def _collect(self, user: UserFrame) -> None:
        block = self._block
        block.near.append(user.clean.samples)
        block.far.append(self._silence if user.far is None else user.far.samples)
        block.clean_dbfs.append(user.clean_dbfs)
        block.far_dbfs.append(user.far_dbfs)
        block.margins_db.append(self.tracker.margin_db)
        block.p_speech.append(user.p_speech)
        block.n_voiced += self.tracker.is_voice

    def _vector(self, user: UserFrame, agent: AgentState) -> Vector:
        block, self._block = self._block, _Block()
        now_s = user.clean.end_s
        numbers = (
            *_levels(block),
            *_voice(block, user),
            *_turn(self.tracker.turn, now_s),
            *_overlap(self.tracker.overlap, now_s),
            *self._agent(user, agent),
            *_transcript(self.words, user, self.tracker.turn),
            *_punctuation(self.words),
            *_grammar(self.words),
            *_overlap_words(self.words),
            *self._detector_scores(),
        )
        near = _padded(self._near_mel.push(np.concatenate(block.near)))
        far = _padded(self._far_mel.push(np.concatenate(block.far)))
        coarse = far.reshape(
            _FAR_TIMES, N_FRAMES // _FAR_TIMES, _FAR_BANDS, N_MELS // _FAR_BANDS
        ).mean(axis=(1, 3))
        return np.concatenate(
            [near.ravel(), coarse.ravel(), np.asarray(numbers, np.float32)], dtype=np.float32
        )

    def _agent(self, user: UserFrame, agent: AgentState) -> tuple[float, ...]:
        tracker, said = self.tracker, agent.text_so_far.rstrip()
        silent_ms = tracker.silent_ms
        return (
            float(agent.is_speaking),
            _log_ms(tracker.speaking_ms),
            0.0 if silent_ms is None else 1.0 / (1.0 + _log_ms(silent_ms)),
            float(bool(said)),
            float(bool(said) and said[-1] in _SENTENCE_ENDS),
            float(user.aec_has_converged),
        )

    def _detector_scores(self) -> tuple[float, ...]:
        logits = (self.detectors.text_logit, *self.detectors.sound_logits)
        pairs = [(0.0, 0.0) if it is None else (it / _LOGIT_SPREAD, 1.0) for it in logits]
        return tuple(number for pair in pairs for number in pair)


def _padded(mels: Mels) -> Mels:
    """A stream that begins between two vectors has a first one with frames missing."""
    return np.pad(mels, ((N_FRAMES - len(mels), 0), (0, 0)))


def _levels(block: _Block) -> tuple[float, ...]:
    n = len(block.clean_dbfs)
    return (
        _level(max(block.clean_dbfs)),
        _level(sum(block.clean_dbfs) / n),
        _level(max(block.far_dbfs)),
        _level(sum(block.far_dbfs) / n),
        max(-1.0, min(2.0, max(block.margins_db) / _MARGIN_DB)),
        float(max(block.far_dbfs) > SILENT_DBFS + 1.0),
    )


def _voice(block: _Block, user: UserFrame) -> tuple[float, ...]:
    n = len(block.p_speech)
    return (
        user.p_speech,
        sum(block.p_speech) / n,
        max(block.p_speech),
        min(block.p_speech),
        float(user.is_speech),
        block.n_voiced / n,
    )


def _turn(turn: Stretch | None, now_s: float) -> tuple[float, ...]:
    if turn is None:
        return (0.0,) * 10
    silence_ms = turn.silence_ms(now_s)
    n_pauses = len(turn.pauses_ms)
    return (
        1.0,
        _log_ms(turn.voice_ms),
        _log_ms(turn.span_ms),
        float(silence_ms > 0.0),
        _log_ms(silence_ms),
        min(silence_ms, 3000.0) / 1000.0,
        _log_ms(turn.run_ms),
        _log_ms(turn.gap_ms),
        math.log1p(n_pauses),
        _log_ms(sum(turn.pauses_ms) / n_pauses) if n_pauses else 0.0,
    )


def _overlap(overlap: Stretch | None, now_s: float) -> tuple[float, ...]:
    if overlap is None:
        return (0.0,) * 6
    return (
        1.0,
        _log_ms(overlap.span_ms),
        _log_ms(overlap.voice_ms),
        overlap.voice_ms / max(overlap.span_ms, 1.0),
        _log_ms(overlap.silence_ms(now_s)),
        _log_ms(overlap.run_ms),
    )


def _transcript(words: WordEvidence, user: UserFrame, turn: Stretch | None) -> tuple[float, ...]:
    if not words.text or turn is None:
        return (0.0,) * 6
    return (
        1.0,
        float(words.covers),
        float(words.is_late),
        _log_ms(1000.0 * (user.clean.end_s - user.partial_at_s)),
        math.log1p(words.n_words) / 2.0,
        float(words.language == "zh"),
    )


def _punctuation(words: WordEvidence) -> tuple[float, ...]:
    last = words.text.rstrip()[-1:]
    return tuple(float(bool(last) and last in marks) for marks in _PUNCTUATION)


def _grammar(words: WordEvidence) -> tuple[float, ...]:
    if not words.text:
        return (0.0,) * (1 + len(_REASONS))
    grammar = words.grammar
    return (
        _logit(grammar.score) / _LOGIT_SPREAD,
        *(float(reason is grammar.reason) for reason in _REASONS),
    )


def _overlap_words(words: WordEvidence) -> tuple[float, ...]:
    is_any = words.is_acknowledgement or words.is_sentence or words.is_stop
    return (
        float(words.is_acknowledgement),
        float(words.is_sentence),
        float(words.is_stop),
        math.log1p(words.n_words) / 2.0 if is_any else 0.0,
    )
