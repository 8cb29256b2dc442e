"""From a plan to shards of labelled vectors: makes clips, hears them, and keeps what is slow.

Clips are heard through the real canceller, detector and recogniser. Shards are made in one process
or in several; each opens the models it needs.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_io.aec import WebRtcEchoCanceller
from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from audio_io.interfaces import VoiceActivityDetector
from audio_io.vad import SileroVad
from model.cascade.recognizer import open_recognizer
from model.cascade.synthesizer import Synthesizer
from model.duplex.frame_features import FeatureStream, table_hash
from model.duplex.labels import MANIFEST
from model.duplex.lexicon import Phrases, read_lexicons
from model.duplex.offline import FRAME, Listener, WordFollower
from model.duplex.smart_turn import WEIGHTS_NAME as SMART_TURN
from model.duplex.smart_turn import SmartTurn
from model.duplex.text_turn_detector import DEFAULT_WEIGHTS as TEXT_HEAD
from model.duplex.text_turn_detector import WEIGHTS_NAME as TEXT_ENCODER
from model.duplex.text_turn_detector import LanguageModelEncoder
from model.files.content_cache import Cache, address, file_hash
from model.training.duplex.data.chance import between
from model.training.duplex.data.clip_vectors import RememberedDetectors, vectors
from model.training.duplex.data.conversation_scenes import SceneContext, make_scene
from model.training.duplex.data.dataset import CACHE, infos_of, shard_path, write_shard
from model.training.duplex.data.heard_clips import STEP_FRAMES, ClipInfo, Heard, changes, heard_in
from model.training.duplex.data.labelled_clips import LabelledTest, MarkedClip, with_marked_truth
from model.training.duplex.data.performance import Performer
from model.training.duplex.data.plan import SceneOrder
from model.training.duplex.data.recordings import (
    CROWD,
    NOISE,
    ROOM,
    Recordings,
    of_kind,
    read_recordings,
)
from model.training.duplex.data.rooms import SoundStock
from model.training.duplex.data.scene import Scene, truth_of
from model.training.duplex.data.speaker_pool import SpeakerPool, Speech, phrase_bank
from model.training.duplex.data.speakers import TEST, TRAIN, VALIDATION, slow_speakers
from model.training.duplex.data.speech import LoudnessDetector, SynthesizedSpeech, ToneSpeech
from model.training.duplex.text_head.corpus import corpus

TEXTS = "texts"
DETECTOR = "silero_vad_16k_op15.onnx"
_FULL_SCALE_24 = 2.0**23  # what is kept is what features are made of, so it is rounded first
# Words are late by 0.05 s (a word) to 0.36 s (6 s of speech) on one 2.5 GHz core.
_PASS_S, _USUAL_PASS_S = (0.05, 0.36), 0.15
_FORMAT = 1  # to be raised when the same plan makes other scenes

_N_TEXTS = 30_000
_TEXT_SEED = 7
_HELD_OUT_PART = 6  # families of text that the text head has not seen: its view is honest there
_VALIDATION_PART = 8
_SPACE_BEFORE_MARK = re.compile(r"\s+([.,!?])")
_SHORTEST_TEXT, _LONGEST_TEXT = 3, 26  # words


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


Clip = SceneOrder | LabelledTest | MarkedClip


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

    def make_shard(self, numbered: tuple[int, Sequence[Clip]]) -> list[ClipInfo]:
        """Make the shard of a number and its clips, unless it is there.

        Raises:
            AudioUnavailable, ModelError: weights or recordings are missing or damaged.
        """
        index, clips = numbered
        path = shard_path(self.out, index)
        with closing(_ClipMaker(self)) as maker:
            addresses = [maker.address(clip) for clip in clips]
            key = "\n".join((table_hash(), self.detectors(), *addresses))
            kept = infos_of(path, key)
            if kept is not None and all(maker.cache.holds(where) for where in addresses):
                return kept
            infos: list[ClipInfo] = []
            tensors: dict[str, npt.NDArray[np.generic]] = {}
            for clip, where in zip(clips, addresses, strict=True):
                heard = maker.heard(clip, where)
                name = heard.info.id
                infos.append(replace(heard.info, heard=where))
                tensors[f"{name}.features"] = maker.vectors(heard, where)
                tensors[f"{name}.outcomes"] = heard.audible_outcomes()
                tensors[f"{name}.is_overlap"] = heard.truth.is_overlap.astype(np.uint8)
        write_shard(path, key, infos, tensors)
        return infos

    def detectors(self) -> str:
        """Name the end-of-turn detectors: with others the vectors are made again."""
        if self.is_tiny:
            return "none"
        head = zlib.crc32(TEXT_HEAD.read_bytes()) if TEXT_HEAD.is_file() else 0
        return f"{SMART_TURN}, {TEXT_ENCODER}, text head {head:08x}"

    def recordings(self) -> Recordings:
        """Read the recordings to learn from. Raises DataError."""
        return read_recordings(self.real) if self.real else ()

    def sound_licences(self) -> tuple[str, ...]:
        """Return those of recorded noises and rooms, which any scene may hold. Raises DataError."""
        rows = of_kind(self.recordings(), NOISE, ROOM, CROWD)
        return tuple(sorted({row.licence for row in rows}))


class _ClipMaker:
    """Makes, hears and measures clips; opens every model when it is first needed."""

    def __init__(self, pipeline: DataPipeline) -> None:
        self._pipeline = pipeline
        self.cache = Cache(pipeline.out / CACHE)
        self._manifest = file_hash(pipeline.real / MANIFEST) if pipeline.real else ""

    def address(self, clip: Clip) -> str:
        """Return where the cache keeps the heard clip."""
        if isinstance(clip, SceneOrder):
            made_of = [repr(clip), self._manifest]
        else:
            made_of = [repr(clip).replace(str(clip.path.parent), ""), file_hash(clip.path)]
        return address("heard", _FORMAT, self._pipeline.is_tiny, *made_of)

    def heard(self, clip: Clip, where: str) -> Heard:
        """Return the clip as the engine hears it; ``where``: its address."""
        return heard_in(self.cache.made(where, lambda: self._hear(clip).entry()))

    def vectors(self, heard: Heard, where: str) -> npt.NDArray[np.float16]:
        """Return float16 (t, N_FEATURES)."""
        if self._detectors is None:
            return vectors(heard, FeatureStream(read_lexicons()))
        return self._detectors.vectors(heard, where)

    def close(self) -> None:
        """Free the weights that hold native memory."""
        if detectors := self.__dict__.get("_detectors"):
            detectors.close()

    def _hear(self, clip: Clip) -> Heard:
        if isinstance(clip, SceneOrder):
            rng = np.random.default_rng([clip.seed, clip.number])
            scene = make_scene(clip.kind, self._contexts[clip.split], clip.language, rng)
            pass_s = between(np.random.default_rng([clip.seed, clip.number, 2]), _PASS_S)
            return self._front_end.hear(scene, _info(clip, scene, clip.split, clip.seed), pass_s)
        scene, split = clip.scene(), TEST if isinstance(clip, LabelledTest) else TRAIN
        heard = self._front_end.hear(scene, _info(clip, scene, split), _USUAL_PASS_S)
        if isinstance(clip, MarkedClip):
            return with_marked_truth(clip.mark, heard, read_lexicons())
        return heard

    @cached_property
    def _detectors(self) -> RememberedDetectors | None:
        if self._pipeline.is_tiny:
            return None
        weights = self._pipeline.weights
        encoder = LanguageModelEncoder(weights / TEXT_ENCODER)
        return RememberedDetectors(self.cache, SmartTurn(weights / SMART_TURN), encoder)

    @cached_property
    def _front_end(self) -> OfflineFrontEnd:
        if self._pipeline.is_tiny:
            return OfflineFrontEnd(LoudnessDetector(), None)
        return OfflineFrontEnd.opened(self._pipeline.weights)

    @cached_property
    def _contexts(self) -> dict[str, SceneContext]:
        pipeline = self._pipeline
        recordings, lexicon = pipeline.recordings(), read_lexicons()["en"]
        speech: Speech = ToneSpeech()
        if not pipeline.is_tiny:
            speech = SynthesizedSpeech(Synthesizer(pipeline.weights), self.cache)
        contexts: dict[str, SceneContext] = {}
        for split in (TRAIN, VALIDATION):
            phrases = () if pipeline.is_tiny else phrase_bank(slow_speakers())
            sentences = () if pipeline.is_tiny else written_sentences(pipeline.out / TEXTS, split)
            pool = SpeakerPool(speech, recordings, split, phrases, sentences)
            stock = SoundStock(recordings, split)
            contexts[split] = SceneContext(pool, Performer(pool, lexicon), stock)
        return contexts


def _info(clip: Clip, scene: Scene, split: str, seed: int = 0) -> ClipInfo:
    return ClipInfo(
        id=clip.id,
        split=split,
        kind=scene.kind,
        language=scene.language,
        source=",".join(scene.sources) or "made sounds",
        speaker=",".join(scene.speakers),
        licence="; ".join(scene.licences),
        seconds=round(len(scene.microphone) / ENGINE_RATE_HZ, 3),
        seed=seed,
    )


def written_sentences(folder: Path, split: str) -> tuple[str, ...]:
    """Return texts that the text head was not trained on; each split has other families."""
    lexicon = read_lexicons()["en"]
    questions = lexicon.question_words | lexicon.question_openers
    return tuple(
        _as_written(turn.text, questions)
        for turn in corpus(folder, _N_TEXTS, _TEXT_SEED)
        if zlib.crc32(turn.family.encode()) % _HELD_OUT_PART == 0
        and (zlib.crc32(f"voice {turn.family}".encode()) % _VALIDATION_PART == 0)
        == (split == VALIDATION)
        and _SHORTEST_TEXT <= len(turn.text.split()) <= _LONGEST_TEXT
        and turn.text.isascii()
    )


def _as_written(text: str, questions: Phrases) -> str:
    """Add the punctuation that the synthesizer's intonation needs."""
    tight = _SPACE_BEFORE_MARK.sub(r"\1", text.strip())
    if tight[-1] not in ".!?":
        tight += "?" if tight.split()[0].lower() in questions else "."
    return tight[0].upper() + tight[1:]
