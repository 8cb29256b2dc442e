"""Signal-plane fakes: loud is a voice, the canceller subtracts the far end."""

from __future__ import annotations

import numpy as np

from audio_io.frames import AudioFrame, Samples, UserFrame, frozen, level_dbfs
from model.cascade.turn_endings import HEARD, Ending, vector_size
from model.duplex.offline import FRAME, HeardFrame

VOICE_DBFS = -40.0


class LevelVad:
    """A loud window holds a voice."""

    window = 512

    def probability(self, window: Samples) -> float:
        return 0.95 if level_dbfs(window) > VOICE_DBFS else 0.02

    def reset(self) -> None:
        pass


class SubtractingCanceller:
    """Knows the room: the echo is the far end as it is."""

    has_converged = True
    echo_return_loss_db = 40.0
    voice: Samples | None = None

    def process(self, near: Samples, far: Samples) -> Samples:
        return np.asarray(near - far, np.float32)

    def reset(self) -> None:
        pass


class ScriptedWords:
    """Says ``text`` once it heard more than ``after_s`` of a turn."""

    def __init__(self, text: str, after_s: float = 0.3) -> None:
        self._text, self._after_s = text, after_s
        self.partial_text, self.end_s, self._heard_s = "", 0.0, 0.0

    def restart(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.partial_text, self._heard_s = "", 0.0

    def hear(self, frame: AudioFrame) -> bool:
        self.end_s = frame.end_s
        self._heard_s += frame.end_s - frame.start_s
        had = self.partial_text
        self.partial_text = self._text if self._heard_s >= self._after_s else ""
        return self.partial_text != had

    def guess(self) -> None:
        return None

    def ending(self) -> Ending | None:
        """How the speech stopped, which is always the same."""
        vector = np.linspace(-1.0, 1.0, vector_size(HEARD["heard.en"]), dtype=np.float32)
        return Ending("en", vector, self.end_s) if self.partial_text else None

    def finish(self) -> str:
        return self.partial_text


def heard_voice(*stretches: tuple[float, bool]) -> tuple[HeardFrame, ...]:
    """Frames of (seconds, is there a voice?) after each other, as a detector would tell them."""
    silence = frozen(np.zeros(FRAME, np.float32))
    frames: list[HeardFrame] = []
    for seconds, is_voice in stretches:
        for _ in range(round(100 * seconds)):
            at = len(frames) * FRAME
            frame = AudioFrame(silence, at)
            level = -30.0 if is_voice else -90.0
            user = UserFrame(frame, 0.95 if is_voice else 0.02, is_voice, level)
            frames.append(HeardFrame(user, None))
    return tuple(frames)
