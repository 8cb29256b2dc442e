"""Opens the models and makes clips with them, a batch at a time; what is there already is kept.

Runs in one process or in several; each call opens its own models. Knows no command line.

Scenes and recordings through the real canceller, detector and recogniser.

Knows no labels beyond those a scene carries, and no features.

Events over the assistant that nobody can hear after the canceller: nothing is asked about them.

A label comes from how a scene was built; an event below the echo and the noise is there all the
same, but to learn that silence is an interruption helps nobody. Knows no features.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_io.aec import WebRtcEchoCanceller
from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from audio_io.interfaces import VoiceActivityDetector
from audio_io.vad import SileroVad
from model.cascade.cascade import open_recognizer
from model.cascade.synthesizer import Synthesizer
from model.duplex.frame_features import FeatureStream
from model.duplex.lexicon import Phrases, read_lexicons
from model.duplex.offline import FRAME, HeardFrame, Listener, WordFollower
from model.duplex.outcomes import NOT_SCORED, Outcome
from model.duplex.smart_turn import WEIGHTS_NAME as SMART_TURN
from model.duplex.smart_turn import SmartTurn
from model.duplex.text_turn_detector import DEFAULT_WEIGHTS as TEXT_HEAD
from model.duplex.text_turn_detector import WEIGHTS_NAME as TEXT_READER
from model.duplex.text_turn_detector import LanguageModelEncoder, TextHead, TextTurnDetector
from model.training.duplex.data.casting import BankEntry, SpeakerPool, Speech, bank
from model.training.duplex.data.conversation_scenes import SceneContext
from model.training.duplex.data.dataset import is_made, shard_key, shard_path, write_shard
from model.training.duplex.data.features import RememberedClassifier, RememberedReader, vectors
from model.training.duplex.data.heard_clips import (
    ClipInfo,
    Heard,
    TextChange,
    is_kept,
    keep,
    recall,
)
from model.training.duplex.data.labelled_clips import LabelledTest, MarkedClip, with_marked_truth
from model.training.duplex.data.performance import Performer
from model.training.duplex.data.plan import SceneOrder
from model.training.duplex.data.recordings import CROWD, NOISE, ROOM, Recordings, read_recordings
from model.training.duplex.data.rooms import SoundStock
from model.training.duplex.data.scene import Scene, truth_of
from model.training.duplex.data.speakers import TEST, TRAIN, VALIDATION, slow_speakers
from model.training.duplex.data.speech import LoudnessDetector, SpeechCache, ToneSpeech
from model.training.duplex.text_head.corpus import corpus

STEP_FRAMES = 8
_FULL_SCALE_24 = 2.0**23  # what is kept is what features are made of, so it is rounded first

OpenRecognizer = Callable[[str], WordFollower]


@dataclass(frozen=True, slots=True)
class OfflineFrontEnd:
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
        clean = np.concatenate([heard.user.clean.samples for heard in frames])
        at_s = [heard.user.clean.start_s for heard in frames]
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


_VOICE_P = 0.5
_STEP_FRAMES = 8
_EVENTS = (Outcome.INTERRUPTION, Outcome.BACKCHANNEL)


def audible_outcomes(heard: Heard) -> npt.NDArray[np.int8]:
    """int8 (t,): the truth without events over the assistant in which no window held a voice."""
    outcomes = heard.truth.outcomes.copy()
    n_steps = len(outcomes)
    p_speech = heard.p_speech[: n_steps * _STEP_FRAMES].reshape(n_steps, _STEP_FRAMES)
    is_voice = p_speech.max(axis=1) >= _VOICE_P
    is_event = np.isin(outcomes, _EVENTS)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_event, [False])).astype(np.int8)))
    for first, last in edges.reshape(-1, 2):
        if not is_voice[first:last].any():
            outcomes[first:last] = NOT_SCORED
    return outcomes


DETECTOR = "silero_vad_16k_op15.onnx"
SPEECH, TEXTS, HEARD = "speech", "texts", "heard"
STATES_SUFFIX = ".states"
# Words are late by 0.05 s (a word) to 0.36 s (6 s of speech) on one 2.5 GHz core.
PASS_S = (0.05, 0.36)
_USUAL_PASS_S = 0.15

_N_TEXTS = 30_000
_TEXT_SEED = 7
_HELD_OUT_PART = 6  # families of text that the text head has not seen: its view is honest there
_VALIDATION_PART = 8
_SPACE_BEFORE_MARK = re.compile(r"\s+([.,!?])")
_SHORTEST_TEXT, _LONGEST_TEXT = 3, 26  # words


@dataclass(frozen=True, slots=True)
class DataPipeline:
    """Where everything is.

    Attributes:
        real: folder of recordings with a manifest; None: none.
        is_tiny: tones, no weights, no words: only to see that everything runs.
    """

    out: Path
    weights: Path
    real: Path | None
    is_tiny: bool = False

    @property
    def heard(self) -> Path:
        return self.out / HEARD

    def entries(self) -> tuple[BankEntry, ...]:
        """What the slow voices say; nothing where it is tiny."""
        return () if self.is_tiny else bank(slow_speakers())

    def companies(self) -> dict[str, SceneContext]:
        """By split. Raises DataError, ModelError."""
        recordings = read_recordings(self.real) if self.real else Recordings(())
        speech = self._speech()
        entries = self.entries()
        lexicon = read_lexicons()["en"]
        companies: dict[str, SceneContext] = {}
        for split in (TRAIN, VALIDATION):
            sentences = () if self.is_tiny else _sentences(self.out / TEXTS, split)
            cast = SpeakerPool(speech, recordings, split, entries, sentences)
            stock = SoundStock(recordings, split)
            companies[split] = SceneContext(cast, Performer(cast, lexicon), stock)
        return companies

    def ear(self) -> OfflineFrontEnd:
        """Raises AudioUnavailable, ModelError."""
        if self.is_tiny:
            return OfflineFrontEnd(LoudnessDetector(), None)
        recognizers: dict[str, WordFollower] = {}

        def recognizer_of(language: str) -> WordFollower:
            if language not in recognizers:
                recognizers[language] = open_recognizer(self.weights, language)
            return recognizers[language]

        return OfflineFrontEnd(SileroVad(self.weights / DETECTOR), recognizer_of)

    def sound_licences(self) -> tuple[str, ...]:
        """Of recorded noises and rooms, which any scene may hold. Raises DataError."""
        recordings = read_recordings(self.real) if self.real else Recordings(())
        rows = recordings.of_kind(NOISE, ROOM, CROWD)
        return tuple(sorted({row.licence for row in rows}))

    def _speech(self) -> Speech:
        if self.is_tiny:
            return ToneSpeech()
        return SpeechCache(Synthesizer(self.weights), self.out / SPEECH)

    def judges(self) -> str:
        """Names who judges pauses: with another one the vectors are made again."""
        if self.is_tiny:
            return "none"
        head = zlib.crc32(TEXT_HEAD.read_bytes()) if TEXT_HEAD.is_file() else 0
        return f"{SMART_TURN}, {TEXT_READER}, text head {head:08x}"


def _sentences(folder: Path, split: str) -> tuple[str, ...]:
    """Texts the text head was not trained on; families of validation are another part of them."""
    lexicon = read_lexicons()["en"]
    questions = lexicon.question_words | lexicon.question_openers
    chosen: list[str] = []
    for utterance in corpus(folder, _N_TEXTS, _TEXT_SEED):
        family = utterance.family
        is_validation = zlib.crc32(f"voice {family}".encode()) % _VALIDATION_PART == 0
        n_words = len(utterance.text.split())
        if (
            zlib.crc32(family.encode()) % _HELD_OUT_PART == 0
            and is_validation == (split == VALIDATION)
            and _SHORTEST_TEXT <= n_words <= _LONGEST_TEXT
            and utterance.text.isascii()
        ):
            chosen.append(_as_written(utterance.text, questions))
    return tuple(chosen)


def _as_written(text: str, questions: Phrases) -> str:
    """With the punctuation that the synthesizer's intonation needs."""
    tight = _SPACE_BEFORE_MARK.sub(r"\1", text.strip())
    if tight[-1] not in ".!?":
        tight += "?" if tight.split()[0].lower() in questions else "."
    return tight[0].upper() + tight[1:]


def make_scenes(workshop: DataPipeline, orders: Sequence[SceneOrder]) -> None:
    """Makes, hears and keeps those that are not kept yet."""
    missing = [order for order in orders if not is_kept(workshop.heard, order.id)]
    if not missing:
        return
    companies, ear = workshop.companies(), workshop.ear()
    for order in missing:
        scene = order.make(companies[order.split])
        pass_s = float(np.random.default_rng([order.seed, order.number, 2]).uniform(*PASS_S))
        keep(
            workshop.heard, ear.hear(scene, _info(order.id, order.split, scene, order.seed), pass_s)
        )


def make_tests(workshop: DataPipeline, tests: Sequence[LabelledTest]) -> None:
    """Hears and keeps the labelled tests that are not kept yet."""
    missing = [test for test in tests if not is_kept(workshop.heard, test.id)]
    if not missing:
        return
    ear = workshop.ear()
    for test in missing:
        scene = test.scene()
        keep(workshop.heard, ear.hear(scene, _info(test.id, TEST, scene), _USUAL_PASS_S))


def make_marked(workshop: DataPipeline, clips: Sequence[MarkedClip]) -> None:
    """Hears, labels and keeps marked moments that are not kept yet."""
    missing = [clip for clip in clips if not is_kept(workshop.heard, clip.id)]
    if not missing:
        return
    ear, lexicons = workshop.ear(), read_lexicons()
    for clip in missing:
        scene = clip.scene()
        heard = ear.hear(scene, _info(clip.id, TRAIN, scene), _USUAL_PASS_S)
        keep(workshop.heard, with_marked_truth(clip, heard, lexicons))


def _info(name: str, split: str, scene: Scene, seed: int = 0) -> ClipInfo:
    return ClipInfo(
        id=name,
        split=split,
        kind=scene.kind,
        language=scene.language,
        source=",".join(scene.sources) or "made sounds",
        speaker=",".join(scene.speakers),
        licence="; ".join(scene.licences),
        seconds=round(len(scene.microphone) / ENGINE_RATE_HZ, 3),
        seed=seed,
    )


def make_shard(workshop: DataPipeline, index: int, names: Sequence[str]) -> None:
    """Vectors of the clips ``names``, unless they are there."""
    path, key = shard_path(workshop.out, index), shard_key(names, workshop.judges())
    if is_made(path, key):
        return
    judges = None if workshop.is_tiny else _Judges.opened(workshop.weights)
    try:
        tensors: dict[str, npt.NDArray[np.generic]] = {}
        for heard in map(partial(recall, workshop.heard), names):
            tensors |= _tensors(heard, workshop.heard, judges)
    finally:
        if judges is not None:
            judges.reader.close()
    write_shard(path, tensors, key)


@dataclass(frozen=True, slots=True)
class _Judges:
    """The slow ones, asked once about everything."""

    classifier: RememberedClassifier
    reader: RememberedReader
    head: TextHead

    @staticmethod
    def opened(weights: Path) -> _Judges:
        return _Judges(
            RememberedClassifier(SmartTurn(weights / SMART_TURN)),
            RememberedReader(LanguageModelEncoder(weights / TEXT_READER)),
            TextHead(),
        )


def _tensors(
    heard: Heard, folder: Path, judges: _Judges | None
) -> dict[str, npt.NDArray[np.generic]]:
    name = heard.info.id
    if judges is None:
        features = vectors(heard, FeatureStream(read_lexicons()))
    else:
        judges.classifier.open(folder / f"{name}.opinions.json")
        judges.reader.open(folder / f"{name}{STATES_SUFFIX}")
        reader = TextTurnDetector(judges.reader, judges.head)
        features = vectors(heard, FeatureStream(read_lexicons(), judges.classifier, reader))
        judges.classifier.save()
        judges.reader.save()
    return {
        f"{name}.features": features,
        f"{name}.outcomes": audible_outcomes(heard),
        f"{name}.is_overlap": heard.truth.is_overlap.astype(np.uint8),
    }
