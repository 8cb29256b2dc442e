"""Opens the models and makes clips with them, a batch at a time; what is there already is kept.

Runs in one process or in several; each call opens its own models. Knows no command line.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ
from audio_io.vad import SileroVad
from model.cascade.cascade import open_recognizer
from model.cascade.synthesizer import Synthesizer
from model.duplex.features import FeatureStream
from model.duplex.lexicon import Phrases, read_lexicons
from model.duplex.listening import WordFollower
from model.duplex.smart_turn import WEIGHTS_NAME as SMART_TURN
from model.duplex.smart_turn import SmartTurn
from model.duplex.text_head import DEFAULT_WEIGHTS as TEXT_HEAD
from model.duplex.text_head import TextHead
from model.duplex.text_reader import WEIGHTS_NAME as TEXT_READER
from model.duplex.text_reader import LanguageModelReader
from model.duplex.utterance_reader import HeadedReader
from model.training.duplex.bank import BankEntry, bank
from model.training.duplex.cast import Cast, Speech
from model.training.duplex.ear import Ear
from model.training.duplex.floor_scenes import Company
from model.training.duplex.heard import ClipInfo, Heard, is_kept, keep, recall
from model.training.duplex.inaudible import audible_outcomes
from model.training.duplex.labelled_tests import LabelledTest
from model.training.duplex.marked_clips import MarkedClip, with_marked_truth
from model.training.duplex.performance import Performer
from model.training.duplex.plan import SceneOrder
from model.training.duplex.recordings import (
    CROWD,
    NOISE,
    ROOM,
    Recordings,
    read_recordings,
)
from model.training.duplex.room import SoundStock
from model.training.duplex.scene import Scene
from model.training.duplex.shards import is_made, shard_key, shard_path, write_shard
from model.training.duplex.speakers import TEST, TRAIN, VALIDATION, slow_speakers
from model.training.duplex.speech_cache import SpeechCache
from model.training.duplex.text_corpus import corpus
from model.training.duplex.tone_speech import LoudnessDetector, ToneSpeech
from model.training.duplex.vectors import RememberedClassifier, RememberedReader, vectors

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
class Workshop:
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

    def companies(self) -> dict[str, Company]:
        """By split. Raises DataError, ModelError."""
        recordings = read_recordings(self.real) if self.real else Recordings(())
        speech = self._speech()
        entries = self.entries()
        lexicon = read_lexicons()["en"]
        companies: dict[str, Company] = {}
        for split in (TRAIN, VALIDATION):
            sentences = () if self.is_tiny else _sentences(self.out / TEXTS, split)
            cast = Cast(speech, recordings, split, entries, sentences)
            stock = SoundStock(recordings, split)
            companies[split] = Company(cast, Performer(cast, lexicon), stock)
        return companies

    def ear(self) -> Ear:
        """Raises AudioUnavailable, ModelError."""
        if self.is_tiny:
            return Ear(LoudnessDetector(), None)
        recognizers: dict[str, WordFollower] = {}

        def recognizer_of(language: str) -> WordFollower:
            if language not in recognizers:
                recognizers[language] = open_recognizer(self.weights, language)
            return recognizers[language]

        return Ear(SileroVad(self.weights / DETECTOR), recognizer_of)

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


def make_scenes(workshop: Workshop, orders: Sequence[SceneOrder]) -> None:
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


def make_tests(workshop: Workshop, tests: Sequence[LabelledTest]) -> None:
    """Hears and keeps the labelled tests that are not kept yet."""
    missing = [test for test in tests if not is_kept(workshop.heard, test.id)]
    if not missing:
        return
    ear = workshop.ear()
    for test in missing:
        scene = test.scene()
        keep(workshop.heard, ear.hear(scene, _info(test.id, TEST, scene), _USUAL_PASS_S))


def make_marked(workshop: Workshop, clips: Sequence[MarkedClip]) -> None:
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


def make_shard(workshop: Workshop, index: int, names: Sequence[str]) -> None:
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
            RememberedReader(LanguageModelReader(weights / TEXT_READER)),
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
        reader = HeadedReader(judges.reader, judges.head)
        features = vectors(heard, FeatureStream(read_lexicons(), judges.classifier, reader))
        judges.classifier.save()
        judges.reader.save()
    return {
        f"{name}.features": features,
        f"{name}.outcomes": audible_outcomes(heard),
        f"{name}.is_overlap": heard.truth.is_overlap.astype(np.uint8),
    }
