"""Makes the spotter's sessions and keeps them: only what is missing is made."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import soundfile as sf

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.synthesizer import Synthesizer
from model.duplex.spotter.recorded_words import (
    SPEAKERS,
    TRAIN,
    WORDS,
    RecordedSpeech,
    class_of,
    recorded_sentences,
    recorded_words,
)
from model.duplex.spotter.vocabulary import OTHER_SPEECH
from model.files.content_cache import Cache, Entry, address, file_hash
from model.files.records import read_jsonl
from model.training.duplex.data import speakers as voices
from model.training.duplex.data.rooms import SoundStock
from model.training.duplex.data.speech import SynthesizedSpeech
from model.training.duplex.errors import DataError
from model.training.duplex.progress import Progress
from model.training.duplex.spotter.people import People
from model.training.duplex.spotter.recordings import OVERLAPS, sound_recordings
from model.training.duplex.spotter.sessions import (
    FRAME,
    Heard,
    Session,
    heard,
    label_voice,
    labels_of_replies,
    make_session,
)
from model.training.duplex.spotter.spoken_words import spoken_phrases
from model.training.duplex.text_head.corpus import corpus
from model.training.duplex.text_head.published_texts import fetch

CACHE, TEXTS = "cache", "texts"
_FORMAT = 2  # to be raised when the same number makes another session
_N_MIXED = 450  # what comes on top of these is dense in single words
_N_TEXTS, _TEXT_SEED = 6000, 11
_WORDS_OF_TEXT = (4, 22)
_SCENE_EVENTS = ("user_interruption", "user_backchannel", "user_turn")


class _Event(msgspec.Struct, frozen=True):
    event: str
    onset: float
    end: float | None = None
    word: str | None = None


class _Scene(msgspec.Struct, frozen=True):
    path: str
    split: str
    train_ok: bool
    events: tuple[_Event, ...] = ()


class SessionStore:
    """Sessions of people in ``real`` and of the synthesizers' voices, kept in ``folder``."""

    def __init__(self, folder: Path, real: Path, weights: Path, seed: int) -> None:
        self._folder = folder
        self._real = real
        self._seed = seed
        self._cache = Cache(folder / CACHE)
        self._speech = SynthesizedSpeech(Synthesizer(weights), self._cache)
        self._sources = [file_hash(real / name) for name in (SPEAKERS, WORDS, OVERLAPS)]

    def speak_phrases(self) -> int:
        """Let the slow voices say everything once; return how many phrases there are."""
        phrases = tuple(spoken_phrases())
        with Progress(len(phrases), "phrases") as progress:
            for phrase in phrases:
                phrase.said(self._speech)
                progress.update()
        return len(phrases)

    def sessions(self, split: str, n: int) -> Iterator[Heard]:
        """Yield ``n`` sessions of the people of ``split``. Raises DataError."""
        people: People | None = None
        stock: SoundStock | None = None
        for number in range(n):
            where = address("session", _FORMAT, split, self._seed, number, *self._sources)
            entry = self._cache.read(where)
            if entry is None:
                if people is None or stock is None:
                    people, stock = self.people(split), self.stock(split)
                rng = np.random.default_rng([self._seed, number, len(split)])
                is_dense = number >= _N_MIXED
                made = make_session(people, stock, rng, is_dense=is_dense)
                entry = _entry(heard(made))
                self._cache.write(where, entry)
            yield _heard_in(entry)

    def scenes(self, split: str) -> Iterator[Heard]:
        """Yield the recorded overlap scenes of ``split``. Raises DataError."""
        for number, (_, scene) in enumerate(
            read_jsonl(self._real / OVERLAPS, _Scene, DataError, remedy="restore it")
        ):
            if scene.split == split and scene.train_ok:
                where = address("scene", _FORMAT, number, *self._sources)
                yield _heard_in(
                    self._cache.made(where, lambda scene=scene: _entry(_scene(self._real, scene)))
                )

    def people(self, split: str) -> People:
        """Return who speaks in the sessions of ``split``. Raises DataError."""
        return People(
            self._speech,
            _learnable(recorded_words(self._real, split)),
            _learnable(recorded_sentences(self._real, split)),
            self._texts,
            split,
        )

    def stock(self, split: str) -> SoundStock:
        """Return the rooms and noises of the sessions of ``split``. Raises DataError."""
        part = voices.TRAIN if split == TRAIN else voices.VALIDATION
        return SoundStock(sound_recordings(self._real, split), part)

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        fetch(self._folder / TEXTS)
        least, most = _WORDS_OF_TEXT
        return tuple(
            f"{turn.text[0].upper()}{turn.text[1:].rstrip('.?! ')}."
            for turn in corpus(self._folder / TEXTS, _N_TEXTS, _TEXT_SEED)
            if turn.text.isascii() and least <= len(turn.text.split()) <= most
        )


def _learnable(speech: Sequence[RecordedSpeech]) -> tuple[RecordedSpeech, ...]:
    return tuple(one for one in speech if one.train_ok)


def _scene(folder: Path, scene: _Scene) -> Heard:
    path = folder / scene.path
    try:
        samples, rate_hz = sf.read(path, dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError) as error:
        raise DataError(f"{path}: not a readable recording ({error})") from error
    if rate_hz != ENGINE_RATE_HZ or samples.shape[1] != 2:
        raise DataError(f"{path}: must have two channels at {ENGINE_RATE_HZ} Hz")
    n = len(samples) // FRAME * FRAME
    microphone: Samples = np.ascontiguousarray(samples[:n, 0])
    loudspeaker: Samples = np.ascontiguousarray(samples[:n, 1])
    labels = labels_of_replies(loudspeaker, has_echo=True)
    for event in scene.events:
        if event.event in _SCENE_EVENTS:
            end_s = len(labels) / 100.0 if event.end is None else event.end
            first, last = round(event.onset * 100.0), round(end_s * 100.0)
            name = OTHER_SPEECH if event.word is None else class_of(event.word)
            label_voice(labels, [slice(0, last - first)], first, name)
    return heard(Session(microphone, loudspeaker, labels))


def _entry(made: Heard) -> Entry:
    return Entry({"mels": made.mels, "labels": made.labels})


def _heard_in(entry: Entry) -> Heard:
    return Heard(entry.tensors["mels"], entry.tensors["labels"])
