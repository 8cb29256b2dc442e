"""A recording as the engine hears it: canceller, detector, segmenter, recogniser in virtual time.

Words arrive when the recogniser's computing time is over, so that whoever learns from recordings or
is scored on them meets the delays of a conversation. Knows neither labels nor scores, and no
implementation of a model.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from audio_io.echo_gate import EchoGate
from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples, UserFrame, frozen, level_dbfs
from audio_io.interfaces import EchoCanceller, VoiceActivityDetector
from audio_io.vad import SegmenterSettings, SegmenterState, SpeechSegmenter

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


CancellerFactory = Callable[[], EchoCanceller]
VadFactory = Callable[[], VoiceActivityDetector]
RecognizerFactory = Callable[[], WordFollower]


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """Ten milliseconds of the user, the microphone's level and what the segmenter decided then."""

    user: UserFrame
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
    """Turns recordings into what the engine hears, one after the other with the same models.

    ``canceller_factory`` None: the microphone as it is, echo and all. ``pass_s`` None: words are
    late by what the recogniser really took; else by this much, so that runs repeat exactly.
    """

    def __init__(
        self,
        vad_factory: VadFactory,
        canceller_factory: CancellerFactory | None = None,
        recognizer_factory: RecognizerFactory | None = None,
        segmenter: SegmenterSettings | None = None,
        pass_s: float | None = None,
    ) -> None:
        self._vad = vad_factory()
        self._canceller_factory = canceller_factory
        self._recognizer = recognizer_factory() if recognizer_factory else None
        self._segmenter = segmenter
        self._pass_s = pass_s

    def hear(self, mic: Samples, far: Samples | None = None, *, one_turn: bool = True) -> Listening:
        """``one_turn``: all speech of the recording goes on with one transcript."""
        canceller = self._canceller_factory() if self._canceller_factory else None
        words = _Words(self._recognizer, one_turn=one_turn, pass_s=self._pass_s)
        gate = EchoGate() if canceller else None
        segments = _Segments(self._vad, SpeechSegmenter(self._segmenter), gate)
        frames: list[HeardFrame] = []
        silence = frozen(np.zeros(FRAME, np.float32))
        for at in range(0, len(mic) - FRAME + 1, FRAME):
            near = mic[at : at + FRAME]
            played = silence if far is None else frozen(far[at : at + FRAME])
            clean = near if canceller is None else canceller.process(near, played)
            frame = AudioFrame(frozen(clean), at)
            far_dbfs = level_dbfs(played)
            segments.follow_echo(near, far_dbfs, frame.samples)
            event = segments.take(frame)
            words.take(frame, event)
            user = UserFrame(
                clean=frame,
                p_speech=segments.p_speech,
                is_speech=segments.is_speech,
                clean_dbfs=level_dbfs(frame.samples),
                far=AudioFrame(played, at),
                far_dbfs=far_dbfs,
                aec_has_converged=canceller is None or canceller.has_converged,
                partial_text=words.text,
                partial_at_s=words.at_s,
            )
            frames.append(HeardFrame(user, level_dbfs(near), event))
        return Listening(tuple(frames), words.spent_s)


class _Segments:
    """Detector and segmenter over 10 ms frames; ``gate`` None: nothing cancels the echo."""

    def __init__(
        self, vad: VoiceActivityDetector, segmenter: SpeechSegmenter, gate: EchoGate | None
    ) -> None:
        vad.reset()
        self._vad = vad
        self._segmenter = segmenter
        self._gate = gate
        self._pending = np.zeros(0, np.float32)
        self.p_speech = 0.0

    @property
    def is_speech(self) -> bool:
        return self._segmenter.is_speech

    def follow_echo(self, near: Samples, far_dbfs: float, clean: Samples) -> None:
        if self._gate is not None:
            is_quiet = self._segmenter.state is SegmenterState.QUIET
            self._gate.update(near, far_dbfs, clean, is_quiet=is_quiet)

    def take(self, frame: AudioFrame) -> SpeechStarted | SpeechEnded | None:
        self._pending = np.concatenate([self._pending, frame.samples])
        size = self._vad.window
        if len(self._pending) < size:
            return None
        window, self._pending = self._pending[:size], self._pending[size:]
        self.p_speech = self._vad.probability(window)
        end = frame.end - len(self._pending)
        level = level_dbfs(window)
        if self._gate is not None and self._gate.is_echo(level, is_speech=self.is_speech):
            level = SILENT_DBFS
        return self._segmenter.step(
            self.p_speech,
            level,
            (end - size) / ENGINE_RATE_HZ,
            end / ENGINE_RATE_HZ,
        )


class _Words:
    """The recogniser in virtual time: one pass after another, each result late by its cost."""

    def __init__(
        self, follower: WordFollower | None, *, one_turn: bool, pass_s: float | None
    ) -> None:
        self._follower = follower
        self._one_turn = one_turn
        self._pass_s = pass_s
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
        if self._pass_s is not None:
            cost_s = 0.0 if text is None else self._pass_s
        self._free_at_s = max(self._free_at_s, now_s) + cost_s
        if text is not None:
            self._coming.append((self._free_at_s, text, follower.end_s))
