"""The microphone's side: cut into frames, cancel the echo, find speech.

Pumped by whoever owns the capture thread (or by a virtual clock); knows no threads, no dialogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from audio_io.aec import FRAME
from audio_io.echo_gate import EchoGate, EchoGateSettings
from audio_io.echo_reference import EchoReference
from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples, UserFrame, frozen, level_dbfs
from audio_io.interfaces import AudioBackend, EchoCanceller, VoiceActivityDetector
from audio_io.resampler import StreamResampler
from audio_io.sample_queue import SampleQueue
from audio_io.vad import SegmenterSettings, SegmenterState, SpeechSegmenter

CaptureOutput = UserFrame | SpeechStarted | SpeechEnded
_SILENCE_DBFS = -120.0

Tap = Callable[[Samples, Samples, Samples], None]  # (microphone, far end, clean), each (160,)


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """How the microphone is listened to.

    Attributes:
        segmenter: when a voice counts as speech.
        echo_gate: what is echo although it sounds like speech.
        dead_after_s: exact zeros for this long mean a muted or broken microphone.
    """

    segmenter: SegmenterSettings = field(default_factory=SegmenterSettings)
    echo_gate: EchoGateSettings = field(default_factory=EchoGateSettings)
    dead_after_s: float = 2.0


class CapturePipeline:
    """Microphone ring → 16 kHz → echo canceller → detector → segmenter.

    All times are on the microphone's clock: samples captured over their rate. Frame k covers
    [k, k + 1) × 10 ms whatever the device's rate is.

    Attributes:
        is_mic_open: when False the user's audio is replaced by silence (the canceller goes on
            following the room).
        mic_dbfs: level of the last microphone frame, for meters.
        p_speech: latest voice probability.
    """

    def __init__(
        self,
        backend: AudioBackend,
        canceller: EchoCanceller,
        detector: VoiceActivityDetector,
        settings: CaptureSettings | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.settings = settings or CaptureSettings()
        self.canceller = canceller
        self.segmenter = SpeechSegmenter(self.settings.segmenter)
        self.is_mic_open = True
        self.mic_dbfs = level_dbfs(np.empty(0, dtype=np.float32))
        self.p_speech = 0.0
        self._detector = detector
        self._tap = tap
        self._n_frames = 0
        self._n_zero_frames = 0
        self._window = SampleQueue()
        self._gate = EchoGate(self.settings.echo_gate)
        self.attach(backend)

    def attach(self, backend: AudioBackend, gap_s: float = 0.0) -> None:
        """Listens to ``backend`` from now on; the clock goes on ``gap_s`` later."""
        self._ring = backend.mic_ring
        self._resampler = StreamResampler(backend.format.mic_rate_hz, ENGINE_RATE_HZ)
        self._pending = SampleQueue()
        self.reference = EchoReference(backend.renderer.far_ring, backend.format.out_rate_hz)
        self._n_frames += round(gap_s * ENGINE_RATE_HZ / FRAME)
        self._window.clear()

    @property
    def now_s(self) -> float:
        """End of the last frame."""
        return self._n_frames * FRAME / ENGINE_RATE_HZ

    @property
    def is_microphone_dead(self) -> bool:
        """Nothing but exact zeros for two seconds: muted in hardware, or not connected."""
        return self._n_zero_frames * FRAME >= self.settings.dead_after_s * ENGINE_RATE_HZ

    def process_available(self) -> list[CaptureOutput]:
        """Works through all whole frames in the ring; outputs are in order of time.

        A speech event precedes the frame whose arrival decided it.
        """
        if len(self._ring):
            self._pending.push(self._resampler.process(self._ring.read(len(self._ring))))
        outputs: list[CaptureOutput] = []
        while len(self._pending) >= FRAME:
            self._process_frame(self._pending.pop(FRAME), outputs)
        return outputs

    def _process_frame(self, near: Samples, outputs: list[CaptureOutput]) -> None:
        far = self.reference.next_frame()
        self.mic_dbfs = level_dbfs(near)
        self._n_zero_frames = self._n_zero_frames + 1 if not near.any() else 0
        clean = self.canceller.process(near, far)
        far_dbfs = level_dbfs(far)
        is_quiet = self.segmenter.state is SegmenterState.QUIET
        self._gate.update(near, far_dbfs, clean, is_quiet=is_quiet)
        if not self.is_mic_open:
            near = clean = np.zeros(FRAME, dtype=np.float32)
        frame = AudioFrame(frozen(clean), self._n_frames * FRAME)
        self._n_frames += 1
        event = self._detect(frame)
        if event is not None:
            outputs.append(event)
        outputs.append(
            UserFrame(
                clean=frame,
                p_speech=self.p_speech,
                is_speech=self.segmenter.is_speech,
                clean_dbfs=level_dbfs(frame.samples),
                far=AudioFrame(frozen(far), frame.start),
                far_dbfs=far_dbfs,
                aec_has_converged=self.canceller.has_converged,
            )
        )
        if self._tap is not None:
            self._tap(near, far, frame.samples)

    def _detect(self, frame: AudioFrame) -> SpeechStarted | SpeechEnded | None:
        if not self.is_mic_open:
            self._window.clear()
            self.p_speech = 0.0
            return self.segmenter.close(frame.start_s)
        self._window.push(frame.samples)
        if len(self._window) < self._detector.window:
            return None
        end = frame.end - (len(self._window) - self._detector.window)
        window = self._window.pop(self._detector.window)
        self.p_speech = self._detector.probability(window)
        level = level_dbfs(window)
        if self._gate.is_echo(level, is_speech=self.segmenter.is_speech):
            level = _SILENCE_DBFS
        return self.segmenter.step(
            self.p_speech,
            level,
            (end - len(window)) / ENGINE_RATE_HZ,
            end / ENGINE_RATE_HZ,
        )
