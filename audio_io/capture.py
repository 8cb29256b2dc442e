"""The microphone's side: cut into frames, cancel the echo, find speech.

``FrontEnd`` works frame by frame, for a recording as for a conversation; ``CapturePipeline`` feeds
it from the rings of a back end. Pumped by whoever owns the capture thread, or by a virtual clock.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from audio_io.aec import FRAME
from audio_io.echo_delay import EchoDelay
from audio_io.echo_gate import EchoGate
from audio_io.echo_reference import EchoReference
from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.frames import (
    ENGINE_RATE_HZ,
    SILENT_DBFS,
    AudioFrame,
    Samples,
    Spotted,
    UserFrame,
    frozen,
    level_dbfs,
)
from audio_io.interfaces import (
    AudioBackend,
    EchoCanceller,
    VoiceActivityDetector,
    WordSpotter,
)
from audio_io.resampler import StreamResampler
from audio_io.sample_queue import SampleQueue
from audio_io.vad import SegmenterSettings, SegmenterState, SpeechSegmenter

SpeechEvent = SpeechStarted | SpeechEnded
CaptureOutput = UserFrame | SpeechEvent

Tap = Callable[[Samples, Samples, Samples], None]  # (microphone, far end, clean), each (160,)

_DEAD_FRAMES = 200  # 2 s of exact zeros mean a muted or broken microphone
_SILENCE = frozen(np.zeros(FRAME, dtype=np.float32))


class FrontEnd:
    """Echo canceller → echo gate → detector → segmenter, 10 ms at a time at 16 kHz.

    Args:
        canceller: None leaves the microphone as it is, echo and all.
        spotter: None: nothing is spotted.

    Attributes:
        is_mic_open: when False the user's audio is replaced by silence (the canceller goes on
            following the room).
    """

    def __init__(
        self,
        canceller: EchoCanceller | None,
        detector: VoiceActivityDetector,
        settings: SegmenterSettings | None = None,
        spotter: WordSpotter | None = None,
    ) -> None:
        self.canceller = canceller
        self.segmenter = SpeechSegmenter(settings)
        self.is_mic_open = True
        self._detector = detector
        self._gate = None if canceller is None else EchoGate()
        self._window = SampleQueue()
        self._p_speech = 0.0
        self._spotter = spotter
        self._spotted: Spotted | None = None
        self._n_frames = 0

    @property
    def now_s(self) -> float:
        """Return the end of the last frame."""
        return self._n_frames * FRAME / ENGINE_RATE_HZ

    def skip(self, gap_s: float) -> None:
        """Let ``gap_s`` pass in which nothing was heard."""
        self._n_frames += round(gap_s * ENGINE_RATE_HZ / FRAME)
        self._window.clear()
        if self._spotter is not None:
            self._spotter.reset()
            self._spotted = None

    def process(self, near: Samples, far: Samples) -> tuple[UserFrame, SpeechEvent | None]:
        """Take one frame of the microphone and of the loudspeaker, float32 (160,) each.

        Returns:
            The frame of the user, and the speech event that its arrival decided.
        """
        far = frozen(far)
        far_dbfs = level_dbfs(far)
        clean = near if self.canceller is None else self.canceller.process(near, far)
        voice = None if self.canceller is None else self.canceller.voice
        if self._gate is not None:
            is_quiet = self.segmenter.state is SegmenterState.QUIET
            self._gate.update(near, far_dbfs, clean, is_quiet=is_quiet)
        if not self.is_mic_open:
            near = clean = voice = _SILENCE
        frame = AudioFrame(frozen(clean), self._n_frames * FRAME)
        self._n_frames += 1
        sounds = UserFrame(
            clean=frame,
            p_speech=self._p_speech,
            is_speech=self.segmenter.is_speech,
            clean_dbfs=level_dbfs(frame.samples),
            far=AudioFrame(far, frame.start),
            far_dbfs=far_dbfs,
            aec_has_converged=self.canceller is None or self.canceller.has_converged,
            near=AudioFrame(frozen(near), frame.start),
            voice=None if voice is None else AudioFrame(frozen(voice), frame.start),
        )
        if self._spotter is not None:
            self._spotted = self._spotter.step(sounds) or self._spotted
        event = self._detect(frame)
        user = replace(
            sounds,
            p_speech=self._p_speech,
            is_speech=self.segmenter.is_speech,
            spotted=self._spotted,
        )
        return user, event

    def process_recording(
        self, near: Samples, far: Samples | None = None
    ) -> Iterator[tuple[UserFrame, SpeechEvent | None]]:
        """Process all whole frames of ``near``, (n,) at 16 kHz.

        Args:
            far: what the loudspeaker was given, aligned with ``near``; None: nothing.
        """
        for at in range(0, len(near) - FRAME + 1, FRAME):
            played = _SILENCE if far is None else far[at : at + FRAME]
            yield self.process(near[at : at + FRAME], played)

    def _detect(self, frame: AudioFrame) -> SpeechEvent | None:
        if not self.is_mic_open:
            self._window.clear()
            self._p_speech = 0.0
            return self.segmenter.close(frame.start_s)
        self._window.push(frame.samples)
        if len(self._window) < self._detector.window:
            return None
        window = self._window.pop(self._detector.window)
        end = frame.end - len(self._window)
        self._p_speech = self._detector.probability(window)
        p, level = self._p_speech, level_dbfs(window)
        if self._gate is not None and self._gate.hears_far:
            if self._spotted is not None:
                # It was made for this; the detector takes a bent voice for none and echo for one.
                p = self._spotted.p_voice
                level = max(level, self.segmenter.settings.min_level_dbfs)
            elif self._gate.is_echo(level, is_speech=self.segmenter.is_speech):
                level = SILENT_DBFS
        begin_s, end_s = (end - len(window)) / ENGINE_RATE_HZ, end / ENGINE_RATE_HZ
        return self.segmenter.step(p, level, begin_s, end_s)


class CapturePipeline(FrontEnd):
    """The front end behind the microphone ring of a back end, at any rate.

    All times are on the microphone's clock: samples captured over their rate. Frame k covers
    [k, k + 1) × 10 ms whatever the device's rate is.

    Attributes:
        mic_dbfs: level of the last microphone frame, for meters.
        reference: the loudspeaker's side of the present streams.
    """

    canceller: EchoCanceller

    def __init__(
        self,
        backend: AudioBackend,
        canceller: EchoCanceller,
        detector: VoiceActivityDetector,
        settings: SegmenterSettings | None = None,
        tap: Tap | None = None,
        spotter: WordSpotter | None = None,
    ) -> None:
        super().__init__(canceller, detector, settings, spotter)
        self.mic_dbfs = SILENT_DBFS
        self._tap = tap
        self._n_zero_frames = 0
        self.attach(backend)

    def attach(self, backend: AudioBackend, gap_s: float = 0.0) -> None:
        """Listen to ``backend`` from now on; the clock goes on ``gap_s`` later."""
        self._ring = backend.mic_ring
        self._resampler = StreamResampler(backend.format.mic_rate_hz, ENGINE_RATE_HZ)
        self._pending = SampleQueue()
        self._delay = EchoDelay()
        self.reference = EchoReference(backend.renderer.far_ring, backend.format.out_rate_hz)
        self.skip(gap_s)

    @property
    def is_microphone_dead(self) -> bool:
        """Return whether only exact zeros came for two seconds: muted, or not connected."""
        return self._n_zero_frames >= _DEAD_FRAMES

    def process_available(self) -> list[CaptureOutput]:
        """Process all whole frames in the ring; return the outputs in order of time.

        A speech event precedes the frame whose arrival decided it.
        """
        sound = self._ring.read_in_time()
        if len(sound):
            self._pending.push(self._resampler.process(sound))
        outputs: list[CaptureOutput] = []
        while len(self._pending) >= FRAME and self.reference.is_ready(len(self._pending) - FRAME):
            near = self._pending.pop(FRAME)
            far = self.reference.next_frame(len(self._pending))
            self.mic_dbfs = level_dbfs(near)
            self._n_zero_frames = self._n_zero_frames + 1 if not near.any() else 0
            self._follow_echo(near, far)
            user, event = self.process(near, far)
            if event is not None:
                outputs.append(event)
            outputs.append(user)
            if self._tap is not None:
                self._tap(near if self.is_mic_open else _SILENCE, far, user.clean.samples)
        return outputs

    def _follow_echo(self, near: Samples, far: Samples) -> None:
        """Shift the reference with an echo that suddenly comes sooner or later."""
        later_ms = self._delay.update(near, far)
        if later_ms and self.reference.shift(later_ms):
            self._delay.shifted(later_ms)
