"""What the user says in the conversation of ``parley bench busy``, and whether it was heard."""

from dataclasses import dataclass
from enum import Enum, auto
from itertools import cycle, islice
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from app.messages.errors import BadInputError
from app.scenes.scene_file import Cue, EndPlan, Label, RoomPlan, Scene, Utterance
from model.cascade.reply import spoken_words
from model.duplex.splits import SPLITS, Speakers, Split, read_speakers
from model.files.records import read_jsonl

_ROOT = Path(__file__).resolve().parents[2]
_ROOM = Path("resources") / "scenes" / "sounds" / "living_room.flac"
_START_S = 2.0
_BETWEEN_S = 1.5
_PATIENCE_S = 12.0  # quiet after which the user goes on: something was lost, and that is counted
_SHORTEST_TURN_S = 8.0  # no conversation has more lines than one in so many seconds
_LONGEST_CLIP_S = 6.0

_QUESTIONS = (
    "Please tell me a long story about a dragon and a princess.",
    "Explain in detail how bread is made, from the field to the table.",
    "Tell me everything that you know about the moon.",
    "Describe a walk through a forest in autumn, in many sentences.",
    "What happens when water boils? Explain it in detail.",
    "Tell me a long story about a sailor who comes home.",
    "Describe a busy market in a small town, in many sentences.",
    "How does a bicycle stay upright? Explain it in detail.",
)
_INTERRUPTIONS = (
    "Actually, tell me what the biggest planet is.",
    "Wait a moment. What is the capital of Italy?",
    "I would rather hear something about the sea.",
)
_ACKNOWLEDGEMENTS = ("Mm-hm.", "Yeah.", "Okay.", "Right.")
_STOPS = ("Stop.", "Stop it!", "Wait!", "Be quiet!")
# What is said over the replies, one after the other; most of them are only listened to.
_OVER_REPLIES = (None, Label.INTERRUPTION, None, Label.BACKCHANNEL, None, Label.STOP)
_DELAY_S = {Label.INTERRUPTION: 2.0, Label.BACKCHANNEL: 1.5, Label.STOP: 2.5}


@dataclass(frozen=True, slots=True)
class Said:
    """A text to be synthesized, or a recording of these words."""

    text: str
    recording: Path | None = None


@dataclass(frozen=True, slots=True)
class Sayings:
    """What there is to say over replies; each kind is said in turn."""

    interruptions: tuple[Said, ...] = tuple(map(Said, _INTERRUPTIONS))
    acknowledgements: tuple[Said, ...] = tuple(map(Said, _ACKNOWLEDGEMENTS))
    stops: tuple[Said, ...] = tuple(map(Said, _STOPS))


@dataclass(frozen=True, slots=True)
class BusyScript:
    """A scene, and the words of each of its lines."""

    scene: Scene
    words: tuple[str, ...]


def busy_script(minutes: float, room: RoomPlan, sayings: Sayings) -> BusyScript:
    """Return a conversation of at most ``minutes``."""
    n_lines = max(2, int(minutes * 60.0 / _SHORTEST_TURN_S))
    kinds = {
        Label.INTERRUPTION: cycle(sayings.interruptions),
        Label.BACKCHANNEL: cycle(sayings.acknowledgements),
        Label.STOP: cycle(sayings.stops),
    }
    questions, users, words = cycle(map(Said, _QUESTIONS)), list[Utterance](), list[str]()

    def say(said: Said, label: Label, after: Cue, delay_s: float) -> None:
        is_first = not users
        users.append(
            Utterance(
                label=label,
                wav="" if said.recording is None else str(said.recording),
                text=said.text if said.recording is None else "",
                at_s=_START_S if is_first else None,
                after=None if is_first else after,
                delay_s=0.0 if is_first else delay_s,
                patience_s=None if is_first else _PATIENCE_S,
            )
        )
        words.append(said.text)

    after = Cue.ASSISTANT_ENDED
    for over in islice(cycle(_OVER_REPLIES), n_lines):
        say(next(questions), Label.QUESTION, after, _BETWEEN_S)
        after = Cue.ASSISTANT_ENDED
        if over is not None:
            say(next(kinds[over]), over, Cue.ASSISTANT_STARTED, _DELAY_S[over])
        if over is Label.STOP:  # nothing answers it, and the reply that it ended is no cue
            after = Cue.USER_ENDED
    end = EndPlan(after_silence_s=2.0 * _PATIENCE_S, at_most_s=60.0 * minutes)
    return BusyScript(Scene("busy", _ROOT / "busy.toml", room, tuple(users), end), tuple(words))


def loud_room(echo_db: float) -> RoomPlan:
    """Return a living room in which the loudspeaker is ``echo_db`` loud at the microphone."""
    return RoomPlan(impulse_response=str(_ROOM), echo_db=echo_db)


class _Recording(msgspec.Struct, frozen=True):
    """A line of ``turns_more/labels.jsonl``: what somebody said to a machine."""

    path: str
    kind: str
    lang: str
    text: str
    speaker: str
    split: Split
    seconds: float


class _Word(msgspec.Struct, frozen=True):
    """A line of ``words/words.jsonl``."""

    path: str
    word: str
    group: str
    lang: str
    speaker: str
    split: Literal["train", "test"]
    label_sure: bool = True


def recorded_sayings(folder: Path, split: str, seed: int = 0) -> Sayings:
    """Return real people's orders and interruptions of a split; acknowledgements stay synthetic.

    Of those there are too few recordings that answer somebody.

    Raises:
        BadInputError: a manifest is broken or has none of them.
    """
    speakers, wanted = read_speakers(folder), SPLITS[split]
    turns = folder / "turns_more" / "labels.jsonl"
    words = folder / "words" / "words.jsonl"
    said = [
        Said(row.text, folder / row.path)
        for _, row in read_jsonl(turns, _Recording, BadInputError.of_record)
        if (row.kind, row.lang) == ("complete", "en")
        and row.seconds <= _LONGEST_CLIP_S
        and _split(speakers, row.speaker, row.split) in wanted
    ]
    stops = [
        Said(row.word, folder / row.path)
        for _, row in read_jsonl(words, _Word, BadInputError.of_record)
        if (row.group, row.lang, row.label_sure) == ("stop", "en", True)
        and _split(speakers, row.speaker, row.split) in wanted
    ]
    for path, found in ((turns, said), (words, stops)):
        if not found:
            what = f"has no recording of split {split} for this"
            raise BadInputError(path, "", what, "name another split")
    return Sayings(_mixed(said, seed), stops=_mixed(stops, seed))


def _split(speakers: Speakers, speaker: str, said: Split) -> Split:
    return speakers.speakers.get(speaker, said)


def _mixed(said: list[Said], seed: int) -> tuple[Said, ...]:
    """In an order that the seed chooses, so that neighbours in a manifest do not follow."""
    order = np.random.default_rng(seed).permutation(len(said))
    return tuple(said[int(i)] for i in order)


class Heard(Enum):
    """What became of the first word that somebody said."""

    RIGHT = auto()
    WRONG = auto()
    LOST = auto()


def first_word(said: str, transcript: str) -> Heard:
    """Return what the transcript has of the first word; one that is merely misread is wrong.

    It is lost where the best alignment of the two leaves it out, or nothing was written at all.
    """
    wanted, found = spoken_words(said), spoken_words(transcript)
    if not found:
        return Heard.LOST
    if found[0] == wanted[0]:
        return Heard.RIGHT
    cost = _n_edits(wanted[1:], found)
    return Heard.WRONG if _n_edits(wanted[1:], found[1:]) <= cost else Heard.LOST


def _n_edits(wanted: tuple[str, ...], found: tuple[str, ...]) -> int:
    """Return how many words must be changed, added or left out to turn one into the other."""
    row = list(range(len(found) + 1))
    for i, word in enumerate(wanted, start=1):
        before, row = row, [i]
        for j, other in enumerate(found, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other)))
    return row[-1]
