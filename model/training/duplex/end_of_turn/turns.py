"""Turns to learn from: recorded ones, single words, and turns that synthesizers say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.duplex.labels import TurnClip, read_channels, read_turns
from model.duplex.scoring import Hold, TurnTruth
from model.duplex.splits import Speakers, read_speakers
from model.files.records import read_jsonl
from model.training.duplex.data.chance import between, pick
from model.training.duplex.data.performance import Performance, Performer
from model.training.duplex.errors import DataError

WORDS = "words/words.jsonl"
Source = Literal["recorded", "word", "made"]

_TAIL_S = 2.6  # of quiet after a turn: longer than any wait that is learnt
_LEAD_S = 0.4
_ROOM_DBFS = (-75.0, -48.0)  # of the quiet around what is made
_KINDS = ("plain", "plain", "hesitant", "numbers", "list", "correction", "story")
_P_PAUSED, _P_BROKEN = 0.5, 0.15
_GAIN_DB = (-12.0, 3.0)
_SHORT_ROLES = ("command", "word", "question", "short_turn")
_P_SHORT = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One turn of one person, with the truth.

    Attributes:
        samples: float32 (n,) at 16 kHz.
        split: of its speaker.
    """

    id: str
    source: Source
    samples: Samples = field(repr=False)
    truth: TurnTruth
    speaker: str
    split: str
    licence: str


def recorded_turns(folder: Path, split: str) -> Iterator[Turn]:
    """Yield the labelled turns of a split; of train, only what may be learnt from.

    Raises:
        LabelsError: labels or a recording cannot be used.
    """
    for clip in read_turns(folder, split):
        if clip.split == "train" and clip.train_ok is not True:
            continue
        yield _recorded(clip)


def _recorded(clip: TurnClip) -> Turn:
    samples = frozen(read_channels(clip.path, 1)[0])
    truth = clip.truth(len(samples) / ENGINE_RATE_HZ)
    name = clip.speaker or clip.id
    return Turn(clip.id, "recorded", samples, truth, name, clip.split or "test", clip.licence)


class WordRow(msgspec.Struct, frozen=True):
    """A line of ``words/words.jsonl``.

    Attributes:
        speech: begin and end of the word in seconds.
        label_sure: False: it may be another word.
    """

    path: str
    word: str
    group: str
    lang: str
    speaker: str
    speech: tuple[float, float]
    licence: str
    split: Literal["train", "test"]
    train_ok: bool = False
    label_sure: bool = True


def single_words(folder: Path, split: str, most: int, seed: int) -> Iterator[Turn]:
    """Yield up to ``most`` turns of a single word, one a person before the second of anybody.

    Raises:
        LabelsError: the list or a recording cannot be used.
    """
    path = folder / WORDS
    if not path.exists():
        return
    speakers = read_speakers(folder)
    rows = [row for _, row in read_jsonl(path, WordRow, DataError)]
    fitting = [
        row for row in rows if row.train_ok and row.label_sure and _split(speakers, row) == split
    ]
    rng = np.random.default_rng(seed)
    order = [fitting[int(i)] for i in rng.permutation(len(fitting))]
    n_of: dict[str, int] = {}
    ranked: list[tuple[int, int]] = []
    for i, row in enumerate(order):
        ranked.append((n_of.get(row.speaker, 0), i))
        n_of[row.speaker] = ranked[-1][0] + 1
    for _, i in sorted(ranked)[:most]:
        yield _word(folder, order[i], split, rng)


def _split(speakers: Speakers, row: WordRow) -> str:
    return speakers.split([row.speaker], row.split)


def _word(folder: Path, row: WordRow, split: str, rng: np.random.Generator) -> Turn:
    said = read_channels(folder / row.path, 1)[0]
    begin_s, end_s = row.speech
    last = min(len(said), round((end_s + 0.1) * ENGINE_RATE_HZ))
    samples = _in_room(said[:last], rng, gain_db=0.0)
    stop_s = _LEAD_S + end_s
    truth = TurnTruth(row.lang, (), stop_s, stop_s, len(samples) / ENGINE_RATE_HZ)
    del begin_s
    return Turn(row.path, "word", samples, truth, row.speaker, split, row.licence)


def made_turns(performer: Performer, n: int, seed: int, language: str = "en") -> Iterator[Turn]:
    """Yield ``n`` turns that synthesizers say: whole, with pauses, or broken off.

    The same seed gives the same turns, whatever ``n`` is.
    """
    for i in range(n):
        rng = np.random.default_rng([seed, i, *language.encode()])
        said = _performed(performer, language, rng)
        yield _made(f"made-{language}-{seed}-{i}", said, rng)


def _performed(performer: Performer, language: str, rng: np.random.Generator) -> Performance:
    drawn = rng.random()
    if drawn < _P_SHORT:
        return performer.short(pick(rng, _SHORT_ROLES), language, rng)
    kind = pick(rng, _KINDS)
    if drawn < _P_SHORT + _P_BROKEN:
        return performer.truncated(kind, language, rng)
    if drawn < _P_SHORT + _P_BROKEN + _P_PAUSED:
        return performer.paused(kind, language, rng)
    return performer.plain(kind, language, rng)


def _made(name: str, said: Performance, rng: np.random.Generator) -> Turn:
    spoken = said.utterance
    samples = _in_room(spoken.samples, rng, gain_db=between(rng, _GAIN_DB))
    stop_s = _LEAD_S + spoken.seconds
    holds = tuple(Hold(_LEAD_S + p.start_s, _LEAD_S + p.end_s, True) for p in said.pauses)
    scored = tuple(hold for hold in holds if hold.is_scored)
    end_s = stop_s if said.is_complete else None
    truth = TurnTruth(spoken.language, scored, end_s, stop_s, len(samples) / ENGINE_RATE_HZ)
    return Turn(name, "made", samples, truth, spoken.speaker, "train", spoken.licence)


def _in_room(said: Samples, rng: np.random.Generator, *, gain_db: float) -> Samples:
    """Put quiet around it, and the noise of a room under all of it."""
    lead, tail = (round(s * ENGINE_RATE_HZ) for s in (_LEAD_S, _TAIL_S))
    whole = np.pad(said * np.float32(10.0 ** (gain_db / 20.0)), (lead, tail))
    noise = rng.standard_normal(len(whole) + 1)
    room = noise[1:] + 0.9 * noise[:-1]  # darker than white
    room *= 10.0 ** (between(rng, _ROOM_DBFS) / 20.0) / np.sqrt(np.mean(room**2))
    return frozen(np.clip(whole + room, -1.0, 1.0).astype(np.float32))
