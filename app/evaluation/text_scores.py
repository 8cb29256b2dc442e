"""Scores of texts: errors against a reference, and whether a reply holds an answer.

English is normalised as Whisper's evaluation does (numbers, contractions, British spelling) and
counted in words; Mandarin in characters, its spoken numbers written as digits. Counting is jiwer's.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import cn2an
import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

_NOT_SPOKEN = re.compile(r"(?<!\d)\W+|\W+(?!\d)")  # a decimal point is spoken
MANDARIN = "zh"


class TextNormalizer:
    """Writes what sounds the same in the same way."""

    def __init__(self) -> None:
        self._english = EnglishTextNormalizer()

    def __call__(self, text: str, language: str) -> str:
        """Words apart by one space; of Mandarin, the characters."""
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
        """None without a reference; more than 100 where much was invented."""
        n_wrong = self.substitutions + self.deletions + self.insertions
        return 100.0 * n_wrong / self.n_reference if self.n_reference else None


def total(parts: Iterable[Errors]) -> Errors:
    """Sums edits, so that long texts weigh more than short ones."""
    found = list(parts)
    return Errors(
        sum(part.n_reference for part in found),
        sum(part.substitutions for part in found),
        sum(part.deletions for part in found),
        sum(part.insertions for part in found),
    )


def errors(reference: str, heard: str) -> Errors:
    """Compares two normalised texts."""
    if not reference:
        return Errors(insertions=len(heard.split()))
    found = jiwer.process_words(reference, heard)
    return Errors(len(reference.split()), found.substitutions, found.deletions, found.insertions)


def holds_answer(reply: str, answers: Iterable[str]) -> bool:
    """Whether one of the normalised answers stands in the normalised reply, as whole words."""
    padded = f" {reply} "
    return any(f" {answer} " in padded for answer in answers if answer)
