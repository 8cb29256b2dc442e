"""A linear echo canceller for the recogniser: less echo is taken away, and nothing of the voice.

AEC3 ends in a suppressor, which turns down every band in which echo may be left. That is right for
voice activity, and wrong for words: over a reply it takes the consonants of the user, too. A linear
filter subtracts what it knows of the echo and cannot touch a voice that is not in the loudspeaker's
signal. What it leaves of the echo, some 12 dB less, harms words less than a suppressor does.

It is the partitioned-block Kalman filter in the frequency domain (Enzner and Vary,
"Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free telephones", Signal
Processing 86, 2006; partitioned: Kuech et al., ICASSP 2014): the uncertainty of each bin of the
echo path sets its step, so double talk slows it down without a detector.
"""

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ, Samples

_BLOCK = ENGINE_RATE_HZ // 100  # samples, 10 ms
_FFT = 2 * _BLOCK
_N_BINS = _BLOCK + 1
_N_PARTITIONS = 30  # 300 ms: the slowest device's delay and most of the room
_KEEP = 0.999**2  # of the echo path from one block to the next: rooms change within seconds
_PATH_POWER = 0.01  # of a partition of the echo path nobody has measured yet: -20 dB
_ERROR_KEEP = 0.8  # smoothing of the error's spectrum, 50 ms
_ERROR_POWER = 1e-3  # of the error before anything was heard
_TINY = 1e-9
_POWER_KEEP = 0.9  # smoothing of the levels that are compared, 100 ms

_Spectra = npt.NDArray[np.complex64]
_Powers = npt.NDArray[np.float32]


class LinearEchoCanceller:
    """Subtracts the echo; a filter that adds some is left out, and begins anew.

    About 1 % of one core. Frames must not be skipped: the loudspeaker's last 300 ms are kept.
    """

    def __init__(self) -> None:
        self._far = np.zeros(_FFT, np.float32)
        self._far_spectra: _Spectra = np.zeros((_N_PARTITIONS, _N_BINS), np.complex64)
        self._error_power: _Powers = np.full(_N_BINS, _ERROR_POWER, np.float32)
        self._near_level = 0.0
        self._out_level = 0.0
        self._forget()

    def process(self, near: Samples, far: Samples) -> Samples:
        """Return ``near`` without the linear echo of ``far``; all float32 (160,)."""
        self._far = np.concatenate([self._far[_BLOCK:], far])
        self._far_spectra[1:] = self._far_spectra[:-1].copy()
        self._far_spectra[0] = np.fft.rfft(self._far)
        if not self._far_spectra.any():
            return near
        echo = np.fft.irfft((self._path * self._far_spectra).sum(axis=0), _FFT)[_BLOCK:]
        out = (near - echo).astype(np.float32)
        self._learn(out)
        return out if self._is_of_use(near, out) else near

    def _learn(self, out: Samples) -> None:
        padded = np.concatenate([np.zeros(_BLOCK, np.float32), out])
        error: _Spectra = np.fft.rfft(padded).astype(np.complex64)
        power = np.square(np.abs(error))
        self._error_power = (_ERROR_KEEP * self._error_power + (1.0 - _ERROR_KEEP) * power).astype(
            np.float32
        )
        far = self._far_spectra
        echo_doubt = 0.5 * self._doubt * (np.square(far.real) + np.square(far.imag))
        gain = self._doubt / (echo_doubt.sum(axis=0) + self._error_power + _TINY)
        step = np.fft.irfft(gain * error * np.conj(far), _FFT, axis=1)
        step[:, _BLOCK:] = 0.0  # a partition of the path is one block long
        self._path += np.fft.rfft(step, axis=1).astype(np.complex64)
        drift = np.square(np.abs(self._path)) + _PATH_POWER
        self._doubt = (_KEEP * (self._doubt - gain * echo_doubt) + (1.0 - _KEEP) * drift).astype(
            np.float32
        )

    def _is_of_use(self, near: Samples, out: Samples) -> bool:
        """A path that has changed, or a clipping loudspeaker, makes the filter add an echo."""
        mix = 1.0 - _POWER_KEEP
        self._near_level = _POWER_KEEP * self._near_level + mix * float(np.dot(near, near))
        self._out_level = _POWER_KEEP * self._out_level + mix * float(np.dot(out, out))
        if self._out_level > 2.0 * self._near_level:  # 3 dB
            self._forget()
            self._out_level = self._near_level
        return self._out_level <= self._near_level

    def _forget(self) -> None:
        self._path: _Spectra = np.zeros((_N_PARTITIONS, _N_BINS), np.complex64)
        self._doubt: _Powers = np.full((_N_PARTITIONS, _N_BINS), _PATH_POWER, np.float32)
