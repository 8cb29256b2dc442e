"""Scenes and recordings through the real canceller, detector and recogniser.

Knows no labels beyond those a scene carries, and no features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from audio_io.aec import WebRtcEchoCanceller
from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from audio_io.interfaces import VoiceActivityDetector
from model.duplex.listening import FRAME, HeardFrame, Listener, WordFollower
from model.training.duplex.heard import ClipInfo, Heard, TextChange
from model.training.duplex.scene import Scene, truth_of

STEP_FRAMES = 8
_FULL_SCALE_24 = 2.0**23  # what is kept is what features are made of, so it is rounded first

OpenRecognizer = Callable[[str], WordFollower]


@dataclass(frozen=True, slots=True)
class Ear:
    """One set of models for many scenes; a scene is heard the same every time.

    Attributes:
        recognizer_of: opens the recogniser of a language; None: no words.
    """

    detector: VoiceActivityDetector
    recognizer_of: OpenRecognizer | None

    def hear(self, scene: Scene, info: ClipInfo, pass_s: float) -> Heard:
        """``pass_s``: how late the recogniser's words are."""
        recognizer_of, language = self.recognizer_of, scene.recognizer
        make = None if recognizer_of is None else lambda: recognizer_of(language)
        listener = Listener(lambda: self.detector, WebRtcEchoCanceller, make, pass_s=pass_s)
        listening = listener.hear(scene.microphone, scene.loudspeaker, one_turn=scene.one_turn)
        n = len(listening.frames) // STEP_FRAMES * STEP_FRAMES
        frames = listening.frames[:n]
        clean = np.concatenate([heard.user.frame.samples for heard in frames])
        at_s = [heard.user.frame.start_s for heard in frames]
        return Heard(
            info=info,
            clean=frozen(_rounded(clean)),
            far=frozen(_rounded(scene.loudspeaker[: n * FRAME])),
            p_speech=np.array([heard.user.p_speech for heard in frames], np.float32),
            is_speech=np.array([heard.user.is_speech for heard in frames]),
            has_converged=np.array([heard.user.aec_has_converged for heard in frames]),
            is_agent_speaking=np.array([scene.is_agent_speaking(t) for t in at_s]),
            words=_words(frames),
            agent_text=_changes([scene.agent_text(t) for t in at_s]),
            truth=truth_of(scene, n // STEP_FRAMES),
        )


def _rounded(samples: Samples) -> Samples:
    limit = 1.0 - 1.0 / _FULL_SCALE_24
    return np.round(np.clip(samples, -1.0, limit) * _FULL_SCALE_24) / np.float32(_FULL_SCALE_24)


def _words(frames: Sequence[HeardFrame]) -> tuple[TextChange, ...]:
    changes: list[TextChange] = []
    last = ("", 0.0)
    for i, heard in enumerate(frames):
        now = (heard.user.partial_text, heard.user.partial_at_s)
        if now != last:
            changes.append(TextChange(i, *now))
            last = now
    return tuple(changes)


def _changes(texts: Sequence[str]) -> tuple[TextChange, ...]:
    changes: list[TextChange] = []
    for i, text in enumerate(texts):
        if text != (changes[-1].text if changes else ""):
            changes.append(TextChange(i, text, i * FRAME / ENGINE_RATE_HZ))
    return tuple(changes)
