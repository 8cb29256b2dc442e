"""Scored samples as the rows of a table: by language and kind, then each language as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.bench.scorecard import Row, share_percent
from app.evaluation.samples import Sample
from app.evaluation.text_scores import MANDARIN, Errors, total

_ALL = "all"


@dataclass(frozen=True, slots=True)
class Scored:
    """What one sample came to; None where it was not measured.

    Attributes:
        compute_s: work, for ``sound_s`` of sound that was heard or made.
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
    """One row a language and kind in order of appearance, each language's sum after its kinds."""
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
