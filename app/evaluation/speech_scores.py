"""Scores of speech: errors against a reference, accepted answers, and their rows in a table.

English is normalised as Whisper's evaluation does (numbers, contractions, British spelling) and
counted in words; Mandarin in characters, its spoken numbers written as digits. Counting is jiwer's.
"""

import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cn2an
import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

from app.evaluation.evaluation_samples import Sample
from app.evaluation.scorecard import Row, share_percent

_NOT_SPOKEN = re.compile(r"(?<!\d)\W+|\W+(?!\d)")  # a decimal point is spoken
MANDARIN = "zh"


class TextNormalizer:
    """A function that writes what sounds the same in the same way."""

    def __init__(self) -> None:
        self._english = EnglishTextNormalizer()

    def __call__(self, text: str, language: str) -> str:
        """Return words, of Mandarin characters, with one space between them."""
        if language != MANDARIN:
            return str(self._english(text)).strip()
        written = unicodedata.normalize("NFKC", text).lower()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of what only looks like a number
            found = cn2an.transform(written, "cn2an")  # pyright: ignore[reportUnknownMemberType]
        digits = str(found)
        return " ".join(_NOT_SPOKEN.sub("", digits))


@dataclass(frozen=True, slots=True)
class Errors:
    """Edits that turn the reference into what was heard; units are words or characters."""

    n_reference: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def rate_percent(self) -> float | None:
        """Return the error rate; None without a reference, over 100 where much was invented."""
        n_wrong = self.substitutions + self.deletions + self.insertions
        return 100.0 * n_wrong / self.n_reference if self.n_reference else None


def total(parts: Iterable[Errors]) -> Errors:
    """Return the sum of edits, so that long texts weigh more than short ones."""
    found = list(parts)
    return Errors(
        sum(part.n_reference for part in found),
        sum(part.substitutions for part in found),
        sum(part.deletions for part in found),
        sum(part.insertions for part in found),
    )


def errors(reference: str, heard: str) -> Errors:
    """Return the edits between two normalised texts."""
    if not reference:
        return Errors(insertions=len(heard.split()))
    found = jiwer.process_words(reference, heard)
    return Errors(len(reference.split()), found.substitutions, found.deletions, found.insertions)


def holds_answer(reply: str, answers: Iterable[str]) -> bool:
    """Return whether a normalised answer stands in the normalised reply, as whole words."""
    padded = f" {reply} "
    return any(f" {answer} " in padded for answer in answers if answer)


_ALL = "all"


@dataclass(frozen=True, slots=True)
class Scored:
    """The result of one sample; None stands for what was not measured.

    Attributes:
        compute_s: computing time for ``sound_s`` seconds of sound that was heard or made.
        opinion: guessed mean opinion score, 1 to 5.
    """

    sample: Sample
    is_done: bool
    errors: Errors | None = None
    compute_s: float = 0.0
    sound_s: float = 0.0
    opinion: float | None = None
    has_text_answer: bool | None = None
    has_spoken_answer: bool | None = None


def rows_of(scored: Sequence[Scored]) -> tuple[Row, ...]:
    """Return one row a language and kind, each language as a whole after its kinds."""
    rows: list[Row] = []
    for language in dict.fromkeys(one.sample.language for one in scored):
        own = [one for one in scored if one.sample.language == language]
        kinds = dict.fromkeys(one.sample.kind for one in own)
        if len(kinds) > 1:
            rows.extend(
                _row(language, kind, [one for one in own if one.sample.kind == kind])
                for kind in kinds
            )
        rows.append(_row(language, _ALL, own))
    columns = dict.fromkeys(column for row in sorted(rows, key=len, reverse=True) for column in row)
    return tuple({column: row.get(column) for column in columns} for row in rows)


def _row(language: str, kind: str, scored: Sequence[Scored]) -> Row:
    done = [one for one in scored if one.is_done]
    row: Row = {
        "language": language,
        "kind": kind,
        "samples": len(scored),
        "failed": len(scored) - len(done),
    }
    found = [one.errors for one in done if one.errors is not None]
    if found:
        row.update(_error_columns(language, total(found)))
    opinions = [one.opinion for one in done if one.opinion is not None]
    if opinions:
        row["opinion_of_5"] = sum(opinions) / len(opinions)
    for column, answers in (
        ("text_answer_percent", [one.has_text_answer for one in scored]),
        ("spoken_answer_percent", [one.has_spoken_answer for one in scored]),
    ):
        if any(answer is not None for answer in answers):
            row[column] = share_percent(sum(answer is True for answer in answers), len(answers))
    row["real_time_factor"] = _factor(done)
    return row


def _error_columns(language: str, errors: Errors) -> Row:
    return {
        "unit": "character" if language == MANDARIN else "word",
        "units": errors.n_reference,
        "error_percent": errors.rate_percent,
        "substituted": errors.substitutions,
        "deleted": errors.deletions,
        "inserted": errors.insertions,
    }


def _factor(done: Iterable[Scored]) -> float | None:
    costs = [(one.compute_s, one.sound_s) for one in done]
    sound_s = sum(sound for _, sound in costs)
    return sum(cost for cost, _ in costs) / sound_s if sound_s else None
