"""Voice activity: a probability per window, and a four-state segmenter that makes speech of it."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from audio_io.errors import AudioUnavailable
from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.frames import ENGINE_RATE_HZ, Samples

WINDOW = 512  # samples, 32 ms: what silero-vad was trained on at 16 kHz
_CONTEXT = 64  # samples of the previous window that silero-vad wants in front
_STATE_SHAPE = (2, 1, 128)


class SileroVad:
    """silero-vad v6 (MIT) on onnxruntime, one thread, 0.3 ms per window."""

    def __init__(self, weights: Path) -> None:
        """Load silero_vad_16k_op15.onnx. Raises AudioUnavailable where it is missing."""
        if not weights.is_file():
            raise AudioUnavailable(
                f"{weights}: the voice detector is missing; run `parley models get` to fetch it"
            )
        runtime: Any = ort  # its annotations are incomplete
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = runtime.InferenceSession(
            str(weights), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(ENGINE_RATE_HZ, dtype=np.int64)
        self._input = np.zeros((1, _CONTEXT + WINDOW), dtype=np.float32)
        self._state: npt.NDArray[np.float32] = np.zeros(_STATE_SHAPE, dtype=np.float32)

    window = WINDOW

    def probability(self, window: Samples) -> float:
        """Return the probability of a voice in ``window``, float32 (512,)."""
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = window
        feed = {"input": self._input, "state": self._state, "sr": self._rate}
        probability, self._state = self._session.run(None, feed)
        return float(probability[0, 0])

    def reset(self) -> None:
        """Forget what was heard."""
        self._input[:] = 0.0
        self._state = np.zeros(_STATE_SHAPE, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """When a voice counts as speech.

    Attributes:
        enter_p: probability that opens speech.
        exit_p: probability below which speech fades; in between nothing changes.
        enter_ms: voice needed before speech is declared.
        exit_ms: silence needed before its end is declared.
        min_level_dbfs: quieter windows are silence whatever the detector says (residual echo).
        onset_lead_ms: speech begins this much before the first window that reaches ``enter_p``
            (median over 34 hand-checked turns, echo canceller's delay of 14 ms included).
        offset_lag_ms: speech ends this much before the first window below ``exit_p`` begins
            (likewise).
    """

    enter_p: float = 0.5
    exit_p: float = 0.35
    enter_ms: float = 96.0
    exit_ms: float = 128.0
    min_level_dbfs: float = -60.0
    onset_lead_ms: float = 40.0
    offset_lag_ms: float = 30.0


class SegmenterState(Enum):
    """Where the segmenter stands; SPEAKING and STOPPING count as speech."""

    QUIET = auto()
    STARTING = auto()
    SPEAKING = auto()
    STOPPING = auto()


class SpeechSegmenter:
    """A hysteresis over window probabilities.

    state     window              next      action
    QUIET     p >= enter_p        STARTING  note onset
    STARTING  voiced enter_ms     SPEAKING  SpeechStarted(onset)
    STARTING  p < exit_p          QUIET
    SPEAKING  p < exit_p          STOPPING  note offset
    STOPPING  p >= enter_p        SPEAKING
    STOPPING  silent exit_ms      QUIET     SpeechEnded(offset)
    """

    def __init__(self, settings: SegmenterSettings | None = None) -> None:
        self.settings = settings or SegmenterSettings()
        self.state = SegmenterState.QUIET
        self._edge_s = 0.0  # noted onset or offset
        self._voiced_ms = 0.0

    @property
    def is_speech(self) -> bool:
        """Return whether speech was declared and has not been declared over."""
        return self.state in (SegmenterState.SPEAKING, SegmenterState.STOPPING)

    def step(
        self, p_speech: float, level_dbfs: float, begin_s: float, end_s: float
    ) -> SpeechStarted | SpeechEnded | None:
        """Take the window [begin_s, end_s) of the microphone's clock."""
        p = p_speech if level_dbfs >= self.settings.min_level_dbfs else 0.0
        match self.state:
            case SegmenterState.QUIET:
                if p >= self.settings.enter_p:
                    self.state = SegmenterState.STARTING
                    self._edge_s = begin_s
                    self._voiced_ms = 0.0
                    return self._step_starting(p, begin_s, end_s)
            case SegmenterState.STARTING:
                return self._step_starting(p, begin_s, end_s)
            case SegmenterState.SPEAKING:
                if p < self.settings.exit_p:
                    self.state = SegmenterState.STOPPING
                    self._edge_s = begin_s
                    return self._step_stopping(p, end_s)
            case SegmenterState.STOPPING:
                return self._step_stopping(p, end_s)
        return None

    def close(self, at_s: float) -> SpeechEnded | None:
        """End speech now (the microphone was closed)."""
        was_speech = self.is_speech
        self.state = SegmenterState.QUIET
        return SpeechEnded(offset_s=at_s, at_s=at_s) if was_speech else None

    def _step_starting(self, p: float, begin_s: float, end_s: float) -> SpeechStarted | None:
        if p < self.settings.exit_p:
            self.state = SegmenterState.QUIET
            return None
        if p >= self.settings.enter_p:
            self._voiced_ms += 1000.0 * (end_s - begin_s)
        if self._voiced_ms < self.settings.enter_ms - 1e-6:
            return None
        self.state = SegmenterState.SPEAKING
        onset_s = max(0.0, self._edge_s - self.settings.onset_lead_ms / 1000.0)
        return SpeechStarted(onset_s=onset_s, at_s=end_s)

    def _step_stopping(self, p: float, end_s: float) -> SpeechEnded | None:
        if p >= self.settings.enter_p:
            self.state = SegmenterState.SPEAKING
            return None
        if 1000.0 * (end_s - self._edge_s) < self.settings.exit_ms - 1e-6:
            return None
        self.state = SegmenterState.QUIET
        offset_s = self._edge_s - self.settings.offset_lag_ms / 1000.0
        return SpeechEnded(offset_s=offset_s, at_s=end_s)
