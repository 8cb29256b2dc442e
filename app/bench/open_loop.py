"""A recording as the engine hears it: canceller, detector, segmenter, recogniser in virtual time.

The recogniser's and the predictor's answers arrive when their measured computing time is over.
Knows neither labels nor scores, and no implementation of a model.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples, frozen, level_dbfs
from audio_io.interfaces import EchoCanceller, VoiceActivityDetector
from audio_io.vad import SegmenterSettings, SpeechSegmenter
from model.interfaces import AgentState, DuplexPrediction, DuplexPredictor, UserState

FRAME = ENGINE_RATE_HZ // 100  # samples, 10 ms
N_BATCH = 4  # frames a message to the recogniser, 40 ms
LEAD_IN_S = 0.25  # audio the recogniser gets from before the detected onset
SILENT_DBFS = -120.0


class WordFollower(Protocol):
    """A streaming recogniser of one turn at a time."""

    @property
    def partial_text(self) -> str: ...
    @property
    def end_s(self) -> float: ...
    def begin(self) -> None: ...
    def hear(self, frame: AudioFrame) -> bool: ...
    def finish(self) -> str: ...


class Predictor(DuplexPredictor, Protocol):
    """A predictor that says how long its network just took."""

    @property
    def last_inference_s(self) -> float: ...


CancellerFactory = Callable[[], EchoCanceller]
VadFactory = Callable[[], VoiceActivityDetector]
RecognizerFactory = Callable[[], WordFollower]


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """10 ms after cancellation and detection, with the words known at that moment."""

    user: UserState
    far_dbfs: float
    mic_dbfs: float
    event: SpeechStarted | SpeechEnded | None


@dataclass(frozen=True, slots=True)
class Listening:
    """One recording, heard.

    Attributes:
        recognizer_s: CPU seconds spent on words.
    """

    frames: tuple[HeardFrame, ...]
    recognizer_s: float = 0.0

    @property
    def seconds(self) -> float:
        return len(self.frames) * FRAME / ENGINE_RATE_HZ


class Listener:
    """Turns recordings into what the engine hears, one after the other with the same models."""

    def __init__(
        self,
        vad_factory: VadFactory,
        canceller_factory: CancellerFactory | None = None,
        recognizer_factory: RecognizerFactory | None = None,
        segmenter: SegmenterSettings | None = None,
    ) -> None:
        self._vad = vad_factory()
        self._canceller_factory = canceller_factory
        self._recognizer = recognizer_factory() if recognizer_factory else None
        self._segmenter = segmenter

    def hear(self, mic: Samples, far: Samples | None = None, *, one_turn: bool = True) -> Listening:
        """``one_turn``: all speech of the recording goes on with one transcript."""
        canceller = self._canceller_factory() if self._canceller_factory else None
        words = _Words(self._recognizer, one_turn=one_turn)
        segments = _Segments(self._vad, SpeechSegmenter(self._segmenter))
        frames: list[HeardFrame] = []
        silence = np.zeros(FRAME, np.float32)
        for at in range(0, len(mic) - FRAME + 1, FRAME):
            near = mic[at : at + FRAME]
            played = silence if far is None else far[at : at + FRAME]
            clean = near if canceller is None else canceller.process(near, played)
            frame = AudioFrame(frozen(clean), at)
            event = segments.take(frame)
            words.take(frame, event)
            user = UserState(
                frame=frame,
                p_speech=segments.p_speech,
                is_speech=segments.is_speech,
                clean_dbfs=level_dbfs(frame.samples),
                partial_text=words.text,
                partial_at_s=words.at_s,
                aec_has_converged=canceller is None or canceller.has_converged,
            )
            frames.append(HeardFrame(user, level_dbfs(played), level_dbfs(near), event))
        return Listening(tuple(frames), words.spent_s)


class _Segments:
    """Detector and segmenter over 10 ms frames."""

    def __init__(self, vad: VoiceActivityDetector, segmenter: SpeechSegmenter) -> None:
        vad.reset()
        self._vad = vad
        self._segmenter = segmenter
        self._pending = np.zeros(0, np.float32)
        self.p_speech = 0.0

    @property
    def is_speech(self) -> bool:
        return self._segmenter.is_speech

    def take(self, frame: AudioFrame) -> SpeechStarted | SpeechEnded | None:
        self._pending = np.concatenate([self._pending, frame.samples])
        size = self._vad.window
        if len(self._pending) < size:
            return None
        window, self._pending = self._pending[:size], self._pending[size:]
        self.p_speech = self._vad.probability(window)
        end = frame.end - len(self._pending)
        return self._segmenter.step(
            self.p_speech,
            level_dbfs(window),
            (end - size) / ENGINE_RATE_HZ,
            end / ENGINE_RATE_HZ,
        )


class _Words:
    """The recogniser in virtual time: one pass after another, each result late by its cost."""

    def __init__(self, follower: WordFollower | None, *, one_turn: bool) -> None:
        self._follower = follower
        self._one_turn = one_turn
        self._memory: deque[AudioFrame] = deque(maxlen=round(LEAD_IN_S * 100) + 20)
        self._unsent: list[AudioFrame] = []
        self._is_open = False
        self._has_begun = False
        self._free_at_s = 0.0
        self._coming: deque[tuple[float, str, float]] = deque()
        self.text = ""
        self.at_s = 0.0
        self.spent_s = 0.0

    def take(self, frame: AudioFrame, event: SpeechStarted | SpeechEnded | None) -> None:
        now_s = frame.end_s
        self._memory.append(frame)
        if self._follower is None:
            return
        if isinstance(event, SpeechStarted):
            self._open(self._follower, event.onset_s)
        elif self._is_open:
            self._unsent.append(frame)
        if self._is_open and len(self._unsent) >= N_BATCH:
            self._send(self._follower, now_s)
        if isinstance(event, SpeechEnded) and self._is_open:
            self._send(self._follower, now_s)
            self._is_open = False
            self._run(self._follower.finish, self._follower, now_s)
        while self._coming and self._coming[0][0] <= now_s:
            _, self.text, self.at_s = self._coming.popleft()

    def _open(self, follower: WordFollower, onset_s: float) -> None:
        if not self._has_begun or not self._one_turn:
            follower.begin()
            self._coming.clear()
            self.text, self.at_s = "", 0.0
        self._has_begun = self._is_open = True
        self._unsent = [f for f in self._memory if f.start_s >= onset_s - LEAD_IN_S]

    def _send(self, follower: WordFollower, now_s: float) -> None:
        if not self._unsent:
            return
        samples = np.concatenate([frame.samples for frame in self._unsent])
        message = AudioFrame(frozen(samples), self._unsent[0].start)
        self._unsent = []

        def partial() -> str | None:
            return follower.partial_text if follower.hear(message) else None

        self._run(partial, follower, now_s)

    def _run(self, work: Callable[[], str | None], follower: WordFollower, now_s: float) -> None:
        begun_s = time.thread_time()
        text = work()
        cost_s = time.thread_time() - begun_s
        self.spent_s += cost_s
        self._free_at_s = max(self._free_at_s, now_s) + cost_s
        if text is not None:
            self._coming.append((self._free_at_s, text, follower.end_s))


@dataclass(frozen=True, slots=True)
class Predicted:
    """A prediction and when it was there, computing time included."""

    prediction: DuplexPrediction
    available_s: float


@dataclass(slots=True)
class PredictorCost:
    """What a predictor cost over some recordings; ``busy_s`` in CPU seconds."""

    busy_s: float = 0.0
    slowest_step_s: float = 0.0
    n_steps: int = 0

    @property
    def core_percent(self) -> float | None:
        heard_s = self.n_steps * FRAME / ENGINE_RATE_HZ
        return 100.0 * self.busy_s / heard_s if heard_s else None

    @property
    def mean_step_ms(self) -> float | None:
        return 1000.0 * self.busy_s / self.n_steps if self.n_steps else None


class PredictorRun:
    """One predictor over one recording; its inference delays what it says next."""

    def __init__(self, predictor: Predictor, cost: PredictorCost) -> None:
        self._predictor = predictor
        self._cost = cost
        self._free_at_s = 0.0

    def step(self, heard: HeardFrame, *, is_agent_speaking: bool = False) -> Predicted | None:
        begun_s = time.thread_time()
        agent = AgentState(is_agent_speaking, heard.far_dbfs)
        prediction = self._predictor.step(heard.user, agent)
        spent_s = time.thread_time() - begun_s
        self._cost.busy_s += spent_s
        self._cost.slowest_step_s = max(self._cost.slowest_step_s, spent_s)
        self._cost.n_steps += 1
        now_s = heard.user.frame.end_s
        self._free_at_s = max(self._free_at_s, now_s) + self._predictor.last_inference_s
        if prediction is None:
            return None
        return Predicted(prediction, max(now_s, self._free_at_s))

    def reset(self) -> None:
        self._predictor.reset()
