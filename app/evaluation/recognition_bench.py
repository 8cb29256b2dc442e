"""``parley bench words``: the recogniser on single words, on talk, on read text and on noises.

Every clip is one turn, heard in messages of 40 ms as in a conversation; the final words count.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from app.evaluation.recognition_clips import NOISE, RecognitionClip, read_recognition_clips
from app.evaluation.scorecard import MS, Row, Scorecard, of_text, percentile, with_progress
from app.evaluation.speech_scores import MANDARIN, Errors, TextNormalizer, errors, total
from app.messages.errors import BadInputError
from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples, frozen
from model.duplex.labels import LabelsError, read_channels

_MESSAGE = ENGINE_RATE_HZ // 25  # samples, 40 ms
_ENDINGS_IN_DOUBT = (",", "，")  # "Yes," promises more, and the turn seems to go on
_N_DRAWS = 1000  # of people, for the interval
_SEED = 1
_NOTES = (
    "error_percent: of words, in Mandarin of characters, after Whisper's normalisation",
    "interval: 95 % of 1000 draws of people",
    "written: clips with any words; of noise that should be none",
    "comma: clips whose last words end in a comma",
    "final_ms: CPU time of the last pass, median",
)


class TurnRecognizer(Protocol):
    """A streaming recogniser of one turn at a time."""

    def begin(self) -> None:
        """Begin a turn."""
        ...

    def hear(self, frame: AudioFrame) -> bool:
        """Take the next audio of the turn."""
        ...

    def finish(self) -> str:
        """Return the words of the turn."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """One clip after it was heard; ``final_s`` is CPU time of the last pass."""

    clip: RecognitionClip
    text: str
    errors: Errors
    final_s: float


def run_words(
    folder: Path,
    split: str,
    open_recognizer: Callable[[], TurnRecognizer],
    *,
    command: str,
    is_quiet: bool = False,
) -> Scorecard:
    """Return a card with one row a kind of recording.

    Raises:
        BadInputError: bad labels or recordings, or nothing to hear.
    """
    clips = read_recognition_clips(folder, split)
    recognizer, normalized = open_recognizer(), TextNormalizer()
    heard = [
        hear_clip(clip, recognizer, normalized)
        for clip in with_progress(clips, "clips", is_quiet=is_quiet)
    ]
    return Scorecard("words", command, rows_of_words(heard), notes=_NOTES)


def hear_clip(
    clip: RecognitionClip, recognizer: TurnRecognizer, normalized: TextNormalizer
) -> Heard:
    """Transcribe one clip. Raises BadInputError."""
    recognizer.begin()
    for frame in _messages(_sound(clip.path)):
        recognizer.hear(frame)
    begun_s = time.thread_time()
    text = recognizer.finish()
    final_s = time.thread_time() - begun_s
    reference = normalized(clip.text, clip.language)
    return Heard(clip, text, errors(reference, normalized(text, clip.language)), final_s)


def _sound(path: Path) -> Samples:
    try:
        return read_channels(path, 1)[0]
    except LabelsError as error:
        raise BadInputError(None, "", str(error)) from error


def _messages(samples: Samples) -> Iterable[AudioFrame]:
    for start in range(0, len(samples), _MESSAGE):
        yield AudioFrame(frozen(samples[start : start + _MESSAGE]), start)


def rows_of_words(heard: Sequence[Heard]) -> tuple[Row, ...]:
    """Return one row a kind, the noises last."""
    kinds = sorted({one.clip.kind for one in heard}, key=lambda kind: (kind == NOISE, kind))
    return tuple(_row(kind, [one for one in heard if one.clip.kind == kind]) for kind in kinds)


def _row(kind: str, heard: Sequence[Heard]) -> Row:
    is_noise = kind == NOISE
    found = total(one.errors for one in heard)
    n_written = sum(bool(one.text) for one in heard)
    n_commas = sum(one.text.endswith(_ENDINGS_IN_DOUBT) for one in heard)
    return {
        "kind": kind,
        "clips": len(heard),
        "people": None if is_noise else len({one.clip.person for one in heard}),
        "unit": "character" if heard[0].clip.language == MANDARIN else "word",
        "units": found.n_reference or None,
        "error_percent": found.rate_percent,
        "interval": None if is_noise else _interval(heard),
        "written": of_text(n_written, len(heard)),
        "comma": of_text(n_commas, len(heard)),
        "final_ms": percentile([MS * one.final_s for one in heard], 50.0),
    }


def _interval(heard: Sequence[Heard]) -> str | None:
    """Bootstrap over people: their recordings are not independent of each other."""
    people = sorted({one.clip.person for one in heard})
    sums = [total(one.errors for one in heard if one.clip.person == person) for person in people]
    if len(people) < 2:
        return None
    n_wrong = np.array([one.substitutions + one.deletions + one.insertions for one in sums])
    n_units = np.array([one.n_reference for one in sums])
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(0, len(people), (_N_DRAWS, len(people)))
    rates = 100.0 * n_wrong[drawn].sum(axis=1) / np.maximum(1, n_units[drawn].sum(axis=1))
    low, high = np.percentile(rates, [2.5, 97.5])
    return f"{low:.0f}-{high:.0f}"
