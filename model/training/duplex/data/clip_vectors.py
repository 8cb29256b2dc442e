"""Feature vectors of a heard clip, through the very stream that runs in a conversation."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_io.frames import AudioFrame, Samples, UserFrame, level_dbfs
from model.duplex.frame_features import N_FEATURES, FeatureStream
from model.duplex.lexicon import read_lexicons
from model.duplex.offline import FRAME
from model.duplex.smart_turn import WEIGHTS_NAME as SMART_TURN
from model.duplex.smart_turn import TurnClassifier
from model.duplex.text_turn_detector import WEIGHTS_NAME as TEXT_ENCODER
from model.duplex.text_turn_detector import (
    State,
    TextEncoder,
    TextHead,
    TextTurnDetector,
    spoken_words,
)
from model.files.content_cache import Cache, Entry, address
from model.training.duplex.data.heard_clips import Heard
from model.training.duplex.errors import DataError
from model.types import AgentState


class RememberedDetectors:
    """The slow end-of-turn detectors, asked about each sound and each text of a clip once.

    It stands for a TurnClassifier and a TextEncoder. Answers are kept, so that making the vectors
    again costs little.
    """

    last_inference_s = 0.0  # it takes no time that a conversation would notice

    def __init__(self, cache: Cache, classifier: TurnClassifier, encoder: TextEncoder) -> None:
        self._cache = cache
        self._classifier = classifier
        self._encoder = encoder
        self._head = TextHead()
        self._known: dict[str, npt.NDArray[Any]] = {}

    def vectors(self, heard: Heard, where: str) -> npt.NDArray[np.float16]:
        """Return the vectors of the heard clip at the address ``where``."""
        answers = address("answers", where, SMART_TURN, TEXT_ENCODER)
        kept = self._cache.read(answers)
        self._known = dict(kept.tensors) if kept else {}
        n_kept = len(self._known)
        stream = FeatureStream(read_lexicons(), self, TextTurnDetector(self, self._head))
        found = vectors(heard, stream)
        if len(self._known) > n_kept:
            self._cache.write(answers, Entry(self._known))
        return found

    def p_complete(self, samples: Samples) -> float:
        """Return what the classifier says of ``samples``, to five digits."""
        key = "sound " + hashlib.sha1(samples.tobytes(), usedforsecurity=False).hexdigest()[:16]
        if key not in self._known:
            self._known[key] = np.array([round(self._classifier.p_complete(samples), 5)])
        return float(self._known[key][0])

    def state(self, text: str) -> State | None:
        """Return the encoder's state of ``text``; None where it can read no word."""
        words = " ".join(spoken_words(text))
        key = f"text {words}"
        if words and key not in self._known:
            state = self._encoder.state(text)
            if state is None:
                return None
            self._known[key] = np.array(state, np.float32)
        return self._known.get(key)

    def close(self) -> None:
        """Free the weights."""
        self._encoder.close()


def vectors(heard: Heard, stream: FeatureStream) -> npt.NDArray[np.float16]:
    """Return float16 (t, N_FEATURES), one row every 80 ms."""
    rows: list[npt.NDArray[np.float32]] = []
    for i, (text, until_s, agent_text) in enumerate(heard.texts()):
        clean = heard.clean[i * FRAME : (i + 1) * FRAME]
        far = heard.far[i * FRAME : (i + 1) * FRAME]
        user = UserFrame(
            clean=AudioFrame(clean, i * FRAME),
            p_speech=float(heard.p_speech[i]),
            is_speech=bool(heard.is_speech[i]),
            clean_dbfs=level_dbfs(clean),
            far=AudioFrame(far, i * FRAME),
            far_dbfs=level_dbfs(far),
            aec_has_converged=bool(heard.has_converged[i]),
            partial_text=text,
            partial_at_s=until_s,
        )
        agent = AgentState(is_speaking=bool(heard.is_agent_speaking[i]), text_so_far=agent_text)
        row = stream.step(user, agent)
        if row is not None:
            rows.append(row)
    n = len(heard.truth.outcomes)
    if len(rows) != n:
        raise DataError(f"{heard.info.id}: {len(rows)} vectors for {n} steps")
    return np.stack(rows).astype(np.float16) if rows else np.zeros((0, N_FEATURES), np.float16)
