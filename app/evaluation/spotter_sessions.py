"""Sessions that the word spotter is measured on: people over replies, and hours without them.

Recorded words are said over replies at several levels of echo, in simulated rooms. The same
recordings give the same sessions.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.room_acoustics import EchoPath, level_of_active_speech
from model.duplex.labels import NOISE_FOLDER, LabelsError, read_channels, read_manifest
from model.duplex.spotter.recorded_words import (
    RecordedSpeech,
    recorded_sentences,
    recorded_words,
)

ECHOES_DB: tuple[float | None, ...] = (None, -30.0, -20.0, -10.0, -5.0)  # None: headphones
WORDS, OWN_VOICE, OTHER_TALK, NOISE = "words", "own voice", "other talk", "noise"

_SEED = 20_261_201
_WORDS_A_SESSION, _FIRST_WORD_S, _APART_S = 12, 3.0, (1.8, 2.8)
_STOP = "stop"
_MOST_OF_A_WORD = 60  # no word is asked for more often than this
_ALONE_S, _N_ALONE = 40.0, 8  # sessions of the reply alone, at each echo
_NOISE_S, _NOISES_DBFS = 12.0, (-45.0, -35.0, -25.0)
_REPLY_DBFS, _USER_DBFS, _FLOOR_DBFS = -20.0, (-32.0, -20.0), -72.0
_RT60_S, _DIRECT_DB, _DELAY_S = (0.2, 0.5), (0.0, 8.0), (0.02, 0.12)
_REPLY_GAP_S, _RATES = (0.15, 0.5), (0.9, 1.0, 1.15)
_P_SAYS_A_WORD = 0.15
_ITS_WORDS = ("Stop.", "Wait.", "Hold on.", "Okay.", "Quiet.", "Right.")  # of the assistant's own

Say = Callable[[str, float], Samples]
"""Return a text as the assistant says it, (n,) at 16 kHz; the number is how fast."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word in a session, its class, its begin and end in seconds."""

    word: str
    name: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class SpotterSession:
    """What microphone and loudspeaker had; ``kind``: what it is made to measure."""

    kind: str
    echo_db: float | None
    microphone: Samples
    loudspeaker: Samples
    said: tuple[Said, ...] = ()

    @property
    def seconds(self) -> float:
        """Return the length."""
        return len(self.microphone) / ENGINE_RATE_HZ


class Assistant:
    """Says replies of any length, now and then with a word that a user might say over them."""

    def __init__(self, say: Say, texts: Sequence[str]) -> None:
        self._spoken = {
            (text, rate): say(text, rate) for text in (*texts, *_ITS_WORDS) for rate in _RATES
        }
        self._texts = tuple(texts)

    def reply(self, n: int, rng: np.random.Generator) -> Samples:
        """Return ``n`` samples."""
        parts: list[Samples] = []
        while sum(len(part) for part in parts) < n:
            is_word = rng.random() < _P_SAYS_A_WORD
            text = str(rng.choice(_ITS_WORDS if is_word else self._texts))
            parts.append(leveled(self._spoken[text, float(rng.choice(_RATES))], _REPLY_DBFS))
            parts.append(np.zeros(_n(rng.uniform(*_REPLY_GAP_S)), np.float32))
        return np.concatenate(parts)[:n]


class SpotterSessions:
    """Makes the sessions of one split.

    Args:
        say: the assistant's voice; ``texts``: what it says.
    """

    def __init__(self, folder: Path, split: str, say: Say, texts: Sequence[str]) -> None:
        self._folder = folder
        self._split = split
        self._assistant = Assistant(say, texts)

    def words(self) -> Iterator[SpotterSession]:
        """Yield words over replies: "stop" at every echo, others at two. Raises LabelsError."""
        words = _chosen(recorded_words(self._folder, self._split))
        if not words:
            what = f"has no words of people in {self._split}; choose another split"
            raise LabelsError(f"{self._folder}: {what}")
        for place, echo_db in enumerate(ECHOES_DB):
            here = [w for i, w in enumerate(words) if w.word == _STOP or (i + place) % 5 < 2]
            for i in range(0, len(here), _WORDS_A_SESSION):
                yield self._of_words(here[i : i + _WORDS_A_SESSION], echo_db, i)

    def without_words(self) -> Iterator[SpotterSession]:
        """Yield hours of the reply alone, other talk and noise. Raises LabelsError."""
        for echo_db in ECHOES_DB:
            for number in range(_N_ALONE):
                silence = np.zeros(_n(_ALONE_S), np.float32)
                yield self._session(OWN_VOICE, silence, echo_db, number, has_reply=True)
        for number, one in enumerate(recorded_sentences(self._folder, self._split)):
            rng = _rng("talk", None, number)
            lead = np.zeros(_n(1.0), np.float32)
            talk = np.concatenate([lead, one.samples(), lead])
            near = said_near(talk, rng)
            for echo_db in (None, ECHOES_DB[1 + number % (len(ECHOES_DB) - 1)]):
                has_reply = echo_db is not None
                yield self._session(OTHER_TALK, near, echo_db, number, has_reply=has_reply)
        for number, samples in enumerate(self._noises()):
            for i, dbfs in enumerate(_NOISES_DBFS):
                near = leveled(np.resize(samples, _n(_NOISE_S)), dbfs)
                echo_db = ECHOES_DB[(number + i) % len(ECHOES_DB)]
                yield self._session(NOISE, near, echo_db, 10 * number + i, has_reply=i % 2 == 0)

    def _of_words(
        self, words: Sequence[RecordedSpeech], echo_db: float | None, number: int
    ) -> SpotterSession:
        rng = _rng(WORDS, echo_db, number)
        said: list[Said] = []
        at_s, placed = _FIRST_WORD_S, list[tuple[int, Samples]]()
        for word in words:
            samples = word.samples()
            begin_s, end_s = at_s + _margin_s(samples), at_s + len(samples) / ENGINE_RATE_HZ
            said.append(Said(word.word, word.name, begin_s, end_s - _margin_s(samples)))
            placed.append((_n(at_s), said_near(samples, rng)))
            at_s = end_s + rng.uniform(*_APART_S)
        near = np.zeros(_n(at_s), np.float32)
        for begin, samples in placed:
            near[begin : begin + len(samples)] += samples[: len(near) - begin]
        return self._session(WORDS, near, echo_db, number, has_reply=True, said=tuple(said))

    def _session(
        self,
        kind: str,
        near: Samples,
        echo_db: float | None,
        number: int,
        *,
        has_reply: bool,
        said: tuple[Said, ...] = (),
    ) -> SpotterSession:
        rng = _rng(f"{kind} reply", echo_db, number)
        far = self._assistant.reply(len(near), rng) if has_reply else None
        return mixed(kind, near, far, echo_db, rng, said)

    def _noises(self) -> Iterator[Samples]:
        """Yield noises that may not be learnt from; tune and test have different ones."""
        is_tune = self._split != "test"
        for _, row in read_manifest(self._folder):
            is_of_split = (zlib.crc32(row.id.encode()) % 2 == 0) == is_tune
            if row.path.startswith(NOISE_FOLDER) and row.train_ok is not True and is_of_split:
                yield read_channels(self._folder / row.path, 1)[0]


_BLOCK = ENGINE_RATE_HZ // 100


def _chosen(words: Sequence[RecordedSpeech]) -> list[RecordedSpeech]:
    """Return the words in an order that mixes them, each at most ``_MOST_OF_A_WORD`` times."""
    mixed = sorted(words, key=lambda word: zlib.crc32(str(word.path.name).encode()))
    n_of: dict[str, int] = {}
    chosen: list[RecordedSpeech] = []
    for word in mixed:
        n_of[word.word] = n_of.get(word.word, 0) + 1
        if n_of[word.word] <= _MOST_OF_A_WORD:
            chosen.append(word)
    return chosen


def mixed(
    kind: str,
    near: Samples,
    far: Samples | None,
    echo_db: float | None,
    rng: np.random.Generator,
    said: tuple[Said, ...] = (),
) -> SpotterSession:
    """Return a session of what is said near the microphone, and of a reply and its echo."""
    microphone = near + rng.standard_normal(len(near)) * 10.0 ** (_FLOOR_DBFS / 20.0)
    if far is not None and echo_db is not None:
        path = EchoPath(_response(rng), echo_db, _n(rng.uniform(*_DELAY_S)))
        microphone[: len(far) // _BLOCK * _BLOCK] += _played(path, far)
    clipped = np.clip(microphone, -1.0, 1.0).astype(np.float32)
    loudspeaker = np.zeros(len(near), np.float32) if far is None else far
    return SpotterSession(kind, echo_db, clipped, loudspeaker, said)


def said_near(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return what a microphone in a room hears of a user at one of the usual levels."""
    return leveled(_through(samples, rng), rng.uniform(*_USER_DBFS))


def _played(path: EchoPath, far: Samples) -> Samples:
    n = len(far) // _BLOCK * _BLOCK
    return np.concatenate([path.process(far[i : i + _BLOCK]) for i in range(0, n, _BLOCK)])


def _through(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return what a microphone in a room hears of somebody; as long as ``samples``."""
    n = -(-len(samples) // _BLOCK) * _BLOCK
    padded = np.pad(samples, (0, n - len(samples)))
    return _played(EchoPath(_response(rng), 0.0, 0), padded)[: len(samples)]


def _response(rng: np.random.Generator) -> Samples:
    """Return direct sound and an exponential tail."""
    rt60_s, direct_db = rng.uniform(*_RT60_S), rng.uniform(*_DIRECT_DB)
    n = _n(rt60_s)
    tail = rng.standard_normal(n) * 10.0 ** (-3.0 * np.arange(n) / n)
    tail /= np.sqrt(np.sum(tail**2))
    tail[0] = 10.0 ** (direct_db / 20.0)
    return tail.astype(np.float32)


def leveled(samples: Samples, dbfs: float) -> Samples:
    """Scale so that what is no pause has this level."""
    gain_db = dbfs - level_of_active_speech(samples)
    return (samples * 10.0 ** (min(gain_db, 60.0) / 20.0)).astype(np.float32)


def _margin_s(samples: Samples) -> float:
    return min(0.03, len(samples) / ENGINE_RATE_HZ / 4.0)


def _rng(kind: str, echo_db: float | None, number: int) -> np.random.Generator:
    echo = 0 if echo_db is None else round(-echo_db)
    return np.random.default_rng([_SEED, zlib.crc32(kind.encode()), echo, number])


def _n(seconds: float) -> int:
    return round(seconds * ENGINE_RATE_HZ)
