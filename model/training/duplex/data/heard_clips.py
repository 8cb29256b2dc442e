"""A scene as the engine heard it, with the truth: all that features are made of.

What is slow (synthesis, canceller, recogniser) is in here once and for all; features can be made
from it again in minutes.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile as sf

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.duplex.outcomes import NOT_SCORED, Outcome
from model.files.content_cache import Entry
from model.training.duplex.data.scene import Truth
from model.training.duplex.data.utterance import runs

STEP_FRAMES = 8
_VOICE_P = 0.5
_TRACKS = ("p_speech", "is_speech", "has_converged", "is_agent_speaking")


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a clip is; a line of ``clips.jsonl``.

    Attributes:
        speaker: all of them, joined by commas.
        source: recordings and synthesizers, or "marked".
        heard: address of what was heard, in the cache.
    """

    id: str
    split: Literal["train", "val", "test"]
    kind: str
    language: str
    source: str
    speaker: str
    licence: str
    seconds: float
    seed: int
    heard: str = ""


class TextChange(NamedTuple):
    """From frame ``frame`` on the text is ``text``, which covers the sound up to ``until_s``."""

    frame: int
    text: str
    until_s: float


def changes(texts: Sequence[tuple[str, float]]) -> tuple[TextChange, ...]:
    """Return where the text of every frame, with the time it covers, changes."""
    before = [("", 0.0), *texts]
    return tuple(TextChange(i, *now) for i, now in enumerate(texts) if now != before[i])


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A clip by frames of 10 ms.

    Attributes:
        clean: float32 (160 n,), after the canceller.
        far: float32 (160 n,), what the loudspeaker was given.
        p_speech: float32 (n,).
        is_speech, has_converged, is_agent_speaking: bool (n,).
        words: of the user, as they arrived.
        agent_text: of the assistant, as it was heard.
    """

    info: ClipInfo
    clean: Samples
    far: Samples
    p_speech: npt.NDArray[np.float32]
    is_speech: npt.NDArray[np.bool_]
    has_converged: npt.NDArray[np.bool_]
    is_agent_speaking: npt.NDArray[np.bool_]
    words: tuple[TextChange, ...]
    agent_text: tuple[TextChange, ...]
    truth: Truth

    @property
    def n_frames(self) -> int:
        """The number of frames."""
        return len(self.p_speech)

    def texts(self) -> Iterator[tuple[str, float, str]]:
        """Yield for every frame the user's words, the time they cover, the assistant's words."""
        words = {change.frame: change for change in self.words}
        agent = {change.frame: change for change in self.agent_text}
        word = said = TextChange(0, "", 0.0)
        for i in range(self.n_frames):
            word, said = words.get(i, word), agent.get(i, said)
            yield word.text, word.until_s, said.text

    def audible_outcomes(self) -> npt.NDArray[np.int8]:
        """Return the truth, int8 (t,), without events over the assistant that nobody can hear.

        A label comes from how a scene was built. An event below the echo and the noise is there
        all the same, but to learn that silence is an interruption helps nobody.
        """
        outcomes = self.truth.outcomes.copy()
        p_speech = self.p_speech[: len(outcomes) * STEP_FRAMES].reshape(-1, STEP_FRAMES)
        is_voice = p_speech.max(axis=1) >= _VOICE_P
        for run in runs(np.isin(outcomes, (Outcome.INTERRUPTION, Outcome.BACKCHANNEL))):
            if not is_voice[run].any():
                outcomes[run] = NOT_SCORED
        return outcomes

    def entry(self) -> Entry:
        """Return all of it for the cache; sound is FLAC of 24 bits."""
        sound = io.BytesIO()
        channels = np.stack([self.clean, self.far], axis=1)
        sf.write(sound, channels, ENGINE_RATE_HZ, format="FLAC", subtype="PCM_24")
        tensors = {name: getattr(self, name) for name in _TRACKS}
        truth = {"outcomes": self.truth.outcomes, "is_overlap": self.truth.is_overlap}
        about = {"info": asdict(self.info), "words": self.words, "agent_text": self.agent_text}
        flac = np.frombuffer(sound.getvalue(), np.uint8)
        return Entry({**tensors, **truth, "sound": flac}, about)


def heard_in(entry: Entry) -> Heard:
    """Return what ``Heard.entry`` kept."""
    tensors, about = entry.tensors, entry.about
    sound, _ = sf.read(io.BytesIO(tensors["sound"].tobytes()), dtype="float32")
    return Heard(
        info=ClipInfo(**about["info"]),
        clean=frozen(np.ascontiguousarray(sound[:, 0])),
        far=frozen(np.ascontiguousarray(sound[:, 1])),
        words=tuple(TextChange(*change) for change in about["words"]),
        agent_text=tuple(TextChange(*change) for change in about["agent_text"]),
        truth=Truth(tensors["outcomes"], tensors["is_overlap"]),
        **{name: tensors[name] for name in _TRACKS},
    )
