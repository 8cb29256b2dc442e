"""Echo cancellation on WebRTC's audio processing module (AEC3), and the absence of it."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from pywebrtc_audio import AudioProcessor

from audio_io.frames import ENGINE_RATE_HZ, Samples, level_dbfs
from audio_io.linear_canceller import LinearEchoCanceller

FRAME = ENGINE_RATE_HZ // 100  # samples, 10 ms: WebRTC's unit of work

_FAR_ACTIVE_DBFS = -50.0  # quieter far ends leave no echo worth measuring
_ECHO_TAIL_FRAMES = 20  # frames: how long after the far end its echo is still expected
_WINDOW_FRAMES = 100  # frames of far activity in one estimate: one second
_CONVERGED_DB = 15.0  # above what noise suppression alone takes from a steady noise (12 dB)
_LOST_DB = 6.0  # a frame that loses less has passed through
_CONVERGED_AFTER_FRAMES = 100  # sustained for this long: the first second may be luck
_LOST_AFTER_FRAMES = 400  # 4 s: people do not talk that long over a loudspeaker that yields
_NEAR_SPEECH_POWER = 10.0 ** (-55.0 / 10.0)  # residual echo of a converged canceller is softer
_NO_ECHO_DBFS = -65.0  # a microphone this quiet hears no echo
_NO_ECHO_MARGIN_DB = 6.0  # 10 ms levels of a steady noise spread by less
_NO_ECHO_FRAMES = 50  # after the first second: echo of the slowest devices is there by then
_TAKEN_FRAMES = 200  # 2 s that the canceller wants to take away are echo after all
_CHOICE_FRAMES = 10  # 100 ms: levels of single frames are of chance
_CHOICE_LOSS_DB = 12.0  # AEC3 takes 0 to 10 dB of a voice over a reply, and 15 to 30 of an echo
_CHOICE_HANG_FRAMES = 20  # 200 ms: soft consonants belong to the word
_COLD_HANG_FRAMES = 8  # while AEC3 still lets the first syllables of a reply through
_COLD_FRAMES = 100  # of the far end: one second
_SUPPRESSION_LEVEL = 1  # of 0..3 for 6, 12, 18, 21 dB of noise
_FADE = np.linspace(0.0, 1.0, FRAME, dtype=np.float32)
_FLOOR_PERCENTILE = 20.0
_PEAK_PERCENTILE = 80.0


@dataclass(frozen=True, slots=True)
class CancellerSettings:
    """What the processor does besides cancelling.

    Attributes:
        noise_suppression: on by default: residual echo falls by another 12 dB.
        auto_gain_control: off by default: it also lifts residual echo towards the detector.
    """

    noise_suppression: bool = True
    auto_gain_control: bool = False


class EchoLossEstimator:
    """Echo return loss enhancement from levels alone, and whether it can be trusted.

    The estimate is the energy of the microphone over the energy after cancellation, summed over the
    last second in which the far end was active. Once converged, frames that pass through loudly are
    taken for the user's speech and left out, unless they go on for 4 s more than cancelled ones:
    then the canceller has lost the room. It takes one second above 15 dB to converge.
    Headphones leave no echo to measure: when the microphone during far activity is no louder than
    its own floor, that counts as converged too.

    Attributes:
        has_converged: the estimate can be trusted.
        has_no_echo: there is none to cancel; until 2 s of what is heard in spite of that would
            have been cancelled (the headphones were unplugged).
    """

    def __init__(self) -> None:
        self._near: deque[float] = deque(maxlen=_WINDOW_FRAMES)
        self._out: deque[float] = deque(maxlen=_WINDOW_FRAMES)
        self._floor: deque[float] = deque(maxlen=_WINDOW_FRAMES)
        self._since_far = _ECHO_TAIL_FRAMES
        self._n_good = 0
        self._n_bad = 0
        self._n_silent = 0
        self._n_taken = 0
        self.has_converged = False
        self.has_no_echo = False

    def update(self, near: Samples, far: Samples, out: Samples) -> None:
        """Take one frame of each, float32 (160,)."""
        near_power = float(np.dot(near, near)) / len(near)
        out_power = float(np.dot(out, out)) / len(out)
        self._since_far = 0 if level_dbfs(far) > _FAR_ACTIVE_DBFS else self._since_far + 1
        if self._since_far > _ECHO_TAIL_FRAMES:
            self._floor.append(near_power)
            return
        if self.has_no_echo:
            self._doubt_no_echo(near_power, out_power)
        if self.has_converged and self._is_near_speech(near_power, out_power):
            return
        self._near.append(near_power)
        self._out.append(out_power)
        if not self.has_converged:
            self._decide()

    @property
    def echo_return_loss_db(self) -> float | None:
        """Return the estimate; None before there was any far activity."""
        if not self._near:
            return None
        return 10.0 * float(np.log10((sum(self._near) + 1e-12) / (sum(self._out) + 1e-12)))

    def _is_near_speech(self, near_power: float, out_power: float) -> bool:
        if max(near_power, out_power) < _NEAR_SPEECH_POWER:
            return False
        passes = near_power < out_power * 10.0 ** (_LOST_DB / 10.0)
        self._n_bad = self._n_bad + 1 if passes else max(0, self._n_bad - 1)
        if self._n_bad >= _LOST_AFTER_FRAMES:
            self.has_converged = False
            self._n_good = self._n_bad = 0
        return passes

    def _doubt_no_echo(self, near_power: float, out_power: float) -> None:
        """The canceller takes up to 1.5 s of a voice for echo, but lets it through after that."""
        if near_power < _NEAR_SPEECH_POWER:
            return
        is_taken = near_power >= out_power * 10.0 ** (_LOST_DB / 10.0)
        self._n_taken = self._n_taken + 1 if is_taken else max(0, self._n_taken - 1)
        if self._n_taken >= _TAKEN_FRAMES:
            self.has_no_echo = self.has_converged = False
            self._n_good = self._n_silent = self._n_taken = 0

    def _decide(self) -> None:
        loss_db = self.echo_return_loss_db
        if loss_db is None or len(self._near) < _WINDOW_FRAMES // 2:
            return
        hears_none = self._hears_no_echo()
        self._n_good = self._n_good + 1 if hears_none or loss_db >= _CONVERGED_DB else 0
        self.has_converged = self._n_good >= _CONVERGED_AFTER_FRAMES
        self._n_silent = self._n_silent + 1 if hears_none else 0
        self.has_no_echo = self.has_no_echo or self._n_silent >= _NO_ECHO_FRAMES

    def _hears_no_echo(self) -> bool:
        if len(self._near) < _WINDOW_FRAMES:
            return False
        loud = float(np.percentile(self._near, _PEAK_PERCENTILE))
        if loud < 10.0 ** (_NO_ECHO_DBFS / 10.0):
            return True
        if len(self._floor) < _WINDOW_FRAMES:
            return False
        floor = float(np.percentile(self._floor, _FLOOR_PERCENTILE))
        return loud <= floor * 10.0 ** (_NO_ECHO_MARGIN_DB / 10.0)


class WebRtcEchoCanceller:
    """AEC3 with noise suppression; needs no delay hint and follows clock drift.

    The library applies a high-pass filter whenever it cancels echo. Without any echo it takes the
    first second of a voice over the far end away; once that is known, only noise is suppressed.
    """

    def __init__(self, settings: CancellerSettings | None = None) -> None:
        self.settings = settings or CancellerSettings()
        self._processor = self._make(cancels=True)
        self._bypass = self._make(cancels=False)
        self._is_bypassed = False
        self._loss = EchoLossEstimator()
        self._linear = LinearEchoCanceller()
        self._voice_processor = self._make(cancels=False)
        self._choice = VoiceChoice()
        self._voice: Samples | None = None

    @property
    def voice(self) -> Samples | None:
        """Return the last frame as ``VoiceChoice`` took it."""
        return self._voice

    @property
    def has_converged(self) -> bool:
        """Return what the EchoLossEstimator says."""
        return self._loss.has_converged

    @property
    def echo_return_loss_db(self) -> float | None:
        """Return what the EchoLossEstimator says."""
        return self._loss.echo_return_loss_db

    def process(self, near: Samples, far: Samples) -> Samples:
        """Return ``near`` without the echo of ``far``; all float32 (160,)."""
        near, far = np.ascontiguousarray(near), np.ascontiguousarray(far)
        out = self._without_echo(near, far)
        linear = np.ascontiguousarray(self._linear.process(near, far))
        kept = self._voice_processor.process(linear, np.zeros_like(near))
        self._voice = self._choice.between(out, kept, far)
        return out

    def _without_echo(self, near: Samples, far: Samples) -> Samples:
        out = self._processor.process(near, far)
        self._loss.update(near, far, out)
        was_bypassed, self._is_bypassed = self._is_bypassed, self._loss.has_no_echo
        if not (was_bypassed or self._is_bypassed):
            return out
        plain = self._bypass.process(near, np.zeros_like(near))
        if was_bypassed and self._is_bypassed:
            return plain
        old, new = (out, plain) if self._is_bypassed else (plain, out)
        return (old + _FADE * (new - old)).astype(np.float32)

    def _make(self, *, cancels: bool) -> AudioProcessor:
        settings = self.settings
        return AudioProcessor(
            sample_rate=ENGINE_RATE_HZ,
            num_channels=1,
            echo_cancellation=cancels,
            noise_suppression=settings.noise_suppression,
            high_pass_filter=True,
            auto_gain_control=settings.auto_gain_control,
            ns_level=_SUPPRESSION_LEVEL,
        )


class VoiceChoice:
    """What a recogniser hears: the voice as it was spoken, and no reply where nobody speaks.

    While AEC3 lets enough of a frame through somebody speaks, and the linear canceller's sound is
    taken, with some echo and all of the voice. Where AEC3 takes nearly all away it is echo, which a
    recogniser would read.
    """

    def __init__(self) -> None:
        self._clean: deque[float] = deque(maxlen=_CHOICE_FRAMES)
        self._kept: deque[float] = deque(maxlen=_CHOICE_FRAMES)
        self._n_left = 0
        self._n_far = 0
        self._was_kept = False

    def between(self, clean: Samples, kept: Samples, far: Samples) -> Samples:
        """Return AEC3's ``clean`` or the linear canceller's ``kept``, all float32 (160,)."""
        if self._n_far < _COLD_FRAMES:
            self._n_far += level_dbfs(far) > _FAR_ACTIVE_DBFS
        self._clean.append(float(np.dot(clean, clean)))
        self._kept.append(float(np.dot(kept, kept)))
        is_voice = sum(self._clean) >= sum(self._kept) * 10.0 ** (-_CHOICE_LOSS_DB / 10.0)
        hang = _COLD_HANG_FRAMES if self._n_far < _COLD_FRAMES else _CHOICE_HANG_FRAMES
        self._n_left = hang if is_voice else max(0, self._n_left - 1)
        was_kept, self._was_kept = self._was_kept, self._n_left > 0
        old, new = (kept if was_kept else clean), (kept if self._was_kept else clean)
        return new if was_kept == self._was_kept else (old + _FADE * (new - old)).astype(np.float32)


class NullEchoCanceller:
    """Cancels nothing and says so: for half-duplex use, or to measure what cancelling is worth.

    Attributes:
        echo_return_loss_db: 0 dB once the far end was active.
    """

    has_converged = False
    voice: Samples | None = None

    def __init__(self) -> None:
        self.echo_return_loss_db: float | None = None

    def process(self, near: Samples, far: Samples) -> Samples:
        """Return ``near``."""
        if level_dbfs(far) > _FAR_ACTIVE_DBFS:
            self.echo_return_loss_db = 0.0
        return near
