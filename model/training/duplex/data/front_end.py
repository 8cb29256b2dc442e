"""Scenes and recordings through the real canceller, detector and recogniser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio_io.aec import WebRtcEchoCanceller
from audio_io.frames import Samples, frozen
from audio_io.interfaces import VoiceActivityDetector
from audio_io.vad import SileroVad
from model.cascade.cascade import open_recognizer
from model.duplex.offline import FRAME, Listener, WordFollower
from model.training.duplex.data.heard_clips import STEP_FRAMES, ClipInfo, Heard, changes
from model.training.duplex.data.scene import Scene, truth_of

DETECTOR = "silero_vad_16k_op15.onnx"
_FULL_SCALE_24 = 2.0**23  # what is kept is what features are made of, so it is rounded first


@dataclass(frozen=True, slots=True)
class OfflineFrontEnd:
    """One set of models for many scenes; a scene is heard the same every time.

    Attributes:
        recognizer_of: returns the recogniser of a language; None: no words.
    """

    detector: VoiceActivityDetector
    recognizer_of: Callable[[str], WordFollower] | None

    @staticmethod
    def opened(weights: Path) -> OfflineFrontEnd:
        """Open the detector, and a recogniser when its language first comes.

        Raises:
            AudioUnavailable, ModelError: weights are missing or damaged.
        """
        recognizers: dict[str, WordFollower] = {}

        def recognizer_of(language: str) -> WordFollower:
            if language not in recognizers:
                recognizers[language] = open_recognizer(weights, language)
            return recognizers[language]

        return OfflineFrontEnd(SileroVad(weights / DETECTOR), recognizer_of)

    def hear(self, scene: Scene, info: ClipInfo, pass_s: float) -> Heard:
        """Return what is heard of ``scene``; ``pass_s``: how late the recogniser's words are."""
        recognizer_of, language = self.recognizer_of, scene.recognizer
        make = None if recognizer_of is None else lambda: recognizer_of(language)
        listener = Listener(lambda: self.detector, WebRtcEchoCanceller, make, pass_s=pass_s)
        listening = listener.hear(scene.microphone, scene.loudspeaker, one_turn=scene.one_turn)
        n = len(listening.frames) // STEP_FRAMES * STEP_FRAMES
        users = [heard.user for heard in listening.frames[:n]]
        at_s = [user.clean.start_s for user in users]
        return Heard(
            info=info,
            clean=frozen(_rounded(np.concatenate([user.clean.samples for user in users]))),
            far=frozen(_rounded(scene.loudspeaker[: n * FRAME])),
            p_speech=np.array([user.p_speech for user in users], np.float32),
            is_speech=np.array([user.is_speech for user in users]),
            has_converged=np.array([user.aec_has_converged for user in users]),
            is_agent_speaking=np.array([scene.is_agent_speaking(t) for t in at_s]),
            words=changes([(user.partial_text, user.partial_at_s) for user in users]),
            agent_text=changes([(scene.agent_text(t), 0.0) for t in at_s]),
            truth=truth_of(scene, n // STEP_FRAMES),
        )


def _rounded(samples: Samples) -> Samples:
    limit = 1.0 - 1.0 / _FULL_SCALE_24
    return np.round(np.clip(samples, -1.0, limit) * _FULL_SCALE_24) / np.float32(_FULL_SCALE_24)
