"""Tells what is left of an echo from a voice, by levels, where the detector hears only a voice."""

from collections import deque

import numpy as np

from audio_io.frames import Samples

_WINDOW_FRAMES = 4  # 10 ms frames: one window of the detector and what it overlaps
_TAIL_FRAMES = 30  # frames after the far end fell silent in which its echo may still arrive
_FAR_ACTIVE_DBFS = -50.0
_MEMORY_FRAMES = 100  # frames of echo that its level is averaged over
# A window that lost more than this to the canceller is echo. Measured at echoes of -20 to 0 dB:
# windows of the user lose 0 to 6 dB, residual echo that sounds like speech 9 to 45 (median 20).
_LOSS_DB = 12.0
# Speech does not begin this much below the echo before cancellation: the reverberant end of a loud
# word leaks that softly. Speech that has begun is not gated.
_BELOW_ECHO_DB = 6.0


class EchoGate:
    """Follows microphone, far end and clean signal; answers for the detector's latest window."""

    def __init__(self) -> None:
        self._near: deque[float] = deque(maxlen=_WINDOW_FRAMES)
        self._clean: deque[float] = deque(maxlen=_WINDOW_FRAMES)
        self._since_far = _TAIL_FRAMES + 1
        self._echo_power = 0.0
        self._n_echo_frames = 0

    def update(self, near: Samples, far_dbfs: float, clean: Samples, *, is_quiet: bool) -> None:
        """Take one frame; ``is_quiet`` says that the user is not speaking in it."""
        power = float(np.dot(near, near)) / len(near)
        self._near.append(power)
        self._clean.append(float(np.dot(clean, clean)) / len(clean))
        self._since_far = 0 if far_dbfs > _FAR_ACTIVE_DBFS else self._since_far + 1
        if is_quiet and self.hears_far:
            self._n_echo_frames = min(self._n_echo_frames + 1, _MEMORY_FRAMES)
            self._echo_power += (power - self._echo_power) / self._n_echo_frames

    @property
    def hears_far(self) -> bool:
        """Return whether the far end sounds, or its echo may still arrive."""
        return self._since_far <= _TAIL_FRAMES

    def is_echo(self, level_dbfs: float, *, is_speech: bool) -> bool:
        """Return whether the latest window is echo; ``is_speech``: the user already speaks.

        Only while the far end sounds.
        """
        if not self.hears_far:
            return False
        if sum(self._near) > 10.0 ** (_LOSS_DB / 10.0) * sum(self._clean):
            return True
        echo_dbfs = 10.0 * float(np.log10(self._echo_power + 1e-12))
        return not is_speech and level_dbfs < echo_dbfs - _BELOW_ECHO_DB
