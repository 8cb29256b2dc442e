"""Notices that the echo of the loudspeaker comes sooner or later than before, within 0.3 s.

A wireless loudspeaker or a sound server changes its buffer without telling anybody. A canceller
takes a second to find the echo again and lets some of it through meanwhile.
"""

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples

_FRAME = ENGINE_RATE_HZ // 100
_RATE_HZ = ENGINE_RATE_HZ // 2  # enough for 0.1 ms, and speech has little above 4 kHz
_WINDOW = 2048  # samples at 8 kHz of the microphone that are looked for: 256 ms
_LONGEST = 3200  # samples at 8 kHz, 400 ms: no echo comes later
_N_FFT = 8192  # >= window + window + longest, so that nothing wraps around
_EVERY_FRAMES = 4  # looks, 40 ms apart
_WHITENING = 0.8  # 1 would count every frequency alike, and noise with them
_SURE = 12.0  # peak over the root mean square of all delays; without an echo it stays below 9
_N_AGREE = 3  # looks in a row that must say the same ...
_SAME_MS = 1.0  # ... within this
_JUMP_MS = 4.0  # smaller steps are left to the canceller
_ACTIVE_POWER = 10.0 ** (-50.0 / 10.0)
_ACTIVE_SHARE = 0.5  # of the window in which the loudspeaker must play
_BLIND_FRAMES = (_WINDOW + _LONGEST) * ENGINE_RATE_HZ // _RATE_HZ // _FRAME  # after a shift


class EchoDelay:
    """Follows the delay between reference and microphone by generalised cross-correlation.

    (Knapp and Carter 1976, with partial whitening.) Costs 0.2 ms of a core for 40 ms of sound.

    Attributes:
        delay_ms: of the echo against the reference; None while there was none to be sure of.
        n_jumps: how often it jumped.
    """

    def __init__(self) -> None:
        self.delay_ms: float | None = None
        self.n_jumps = 0
        self._near = np.zeros(_WINDOW, dtype=np.float32)
        self._far = np.zeros(_WINDOW + _LONGEST, dtype=np.float32)
        self._agreed: list[float] = []
        self._n_frames = 0
        self._n_blind = 0

    def update(self, near: Samples, far: Samples) -> float:
        """Take one frame of microphone and reference, float32 (160,) each.

        Returns:
            By how many milliseconds the echo comes later than before, negative for sooner; 0 while
            it stays. The caller shifts the reference by as much, so that it comes as before.
        """
        self._near = _shifted(self._near, near)
        self._far = _shifted(self._far, far)
        self._n_frames += 1
        if self._n_blind:
            self._n_blind -= 1
            return 0.0
        if self._n_frames % _EVERY_FRAMES or not self._is_playing():
            return 0.0
        found_ms = self._look()
        if found_ms is None:
            self._agreed.clear()
            return 0.0
        if self._agreed and abs(found_ms - self._agreed[-1]) > _SAME_MS:
            self._agreed.clear()
        self._agreed.append(found_ms)
        if len(self._agreed) < _N_AGREE:
            return 0.0
        del self._agreed[0]
        return self._settle(found_ms)

    def _settle(self, found_ms: float) -> float:
        before_ms, self.delay_ms = self.delay_ms, found_ms
        if before_ms is None or abs(found_ms - before_ms) < _JUMP_MS:
            return 0.0
        self.n_jumps += 1
        return found_ms - before_ms

    def shifted(self, ms: float) -> None:
        """Note that the reference was delayed by ``ms``; what is remembered lies on both sides."""
        if self.delay_ms is not None:
            self.delay_ms -= ms
        self._agreed.clear()
        self._n_blind = _BLIND_FRAMES

    def _is_playing(self) -> bool:
        frames = self._far[-_WINDOW:].reshape(-1, _WINDOW // 16)
        is_active = np.mean(np.square(frames), axis=1) > _ACTIVE_POWER
        return int(np.count_nonzero(is_active)) >= _ACTIVE_SHARE * len(is_active)

    def _look(self) -> float | None:
        """Return the delay at which the window fits best; None where none fits well."""
        near, far = np.fft.rfft(self._near, _N_FFT), np.fft.rfft(self._far, _N_FFT)
        cross = near * np.conj(far)
        cross /= np.abs(cross) ** _WHITENING + 1e-9
        fits = np.abs(np.fft.irfft(cross)[np.arange(-_LONGEST, 1)])  # [0]: the longest delay ago
        best = int(np.argmax(fits))
        if fits[best] <= _SURE * float(np.sqrt(np.mean(np.square(fits)))):
            return None
        return 1000.0 * best / _RATE_HZ


def _shifted(history: Samples, frame: Samples) -> Samples:
    """Forget the oldest samples for those of ``frame`` at half the rate."""
    halved = frame.reshape(-1, 2).mean(axis=1)
    return np.concatenate((history[len(halved) :], halved))
