"""What is in training data: hours, lengths, languages, and what cannot be used and why.

Reads the headers of recordings only, unless asked for more; needs torch only where tokens are
counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import msgspec
import numpy as np

from model.cascade.language_choice import written_language
from model.training.data.mixture import Entry, Mixture
from model.training.data.problems import BadSample, Fault, SkipLog, Skipped
from model.training.data.samples import Role, Sample
from model.training.data.sounds import read_sound, sound_info

_UNKNOWN_LANGUAGE = "unknown"
_WORD = re.compile(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+")  # an ideograph is a word
_SECONDS_PER_HOUR = 3600.0
_AT_A_TIME = 64  # samples that an interrupted run still finishes

OnProgress = Callable[[int, int], None]


class Encoder(Protocol):
    """What makes tokens of a sample."""

    def encode(self, sample: Sample, system: str = "") -> Sized:
        """Return the tokens; ``system`` says who answers where the sample does not."""
        ...


@dataclass(frozen=True, slots=True)
class Spread:
    """The distribution of some lengths."""

    n: int
    total: float
    shortest: float
    median: float
    p95: float
    longest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of ``values``; zeros where there are none."""
        found = np.percentile(values or (0.0,), (0, 50, 95, 100)).tolist()
        return cls(len(values), float(sum(values)), *found)


@dataclass(frozen=True, slots=True)
class Share:
    """Samples of a kind, a language or a source.

    Attributes:
        heard_h, spoken_h: hours of users' recordings, and of the assistant's.
        n_words: that the assistant says or writes; an ideograph is one.
        n_taken: of them in an epoch; None where that has no meaning.
    """

    name: str
    n: int
    heard_h: float
    spoken_h: float
    n_words: int
    n_taken: int | None = None


@dataclass(frozen=True, slots=True)
class DataReport:
    """What ``survey`` found.

    Attributes:
        heard_s, spoken_s: lengths of users' recordings, and of the assistant's.
        tokens: lengths of samples; None where they were not counted.
        rates_hz: number of recordings by sampling rate.
    """

    n_samples: int
    sources: tuple[Share, ...]
    kinds: tuple[Share, ...]
    languages: tuple[Share, ...]
    heard_s: Spread
    spoken_s: Spread
    rates_hz: dict[int, int]
    tokens: Spread | None
    faults: dict[Fault, int]
    skipped: tuple[Skipped, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        fields = msgspec.to_builtins(self, str_keys=True, enc_hook=str)
        fields["skipped"] = [entry.pop("place") | entry for entry in fields["skipped"]]
        return fields


@dataclass(frozen=True, slots=True)
class _Facts:
    source: str
    kind: str
    language: str
    heard_s: list[float]
    spoken_s: list[float]
    rates_hz: list[int]
    n_words: int
    n_tokens: int | None


def survey(
    mixture: Mixture,
    on_progress: OnProgress | None = None,
    *,
    encoder: Encoder | None = None,
    row_tokens: int = 8192,
    decodes: bool = False,
    n_jobs: int = 1,
) -> DataReport:
    """Look at every line of every file, once, whatever the ratios.

    Args:
        encoder: counts tokens; None: nobody does.
        row_tokens: a sample with more is reported as too long.
        decodes: recordings are read to their end, not their headers only.
        n_jobs: samples looked at side by side.

    Raises:
        DataError: a file cannot be read, or codes cannot be written.
    """
    look = partial(_look, encoder=encoder, row_tokens=row_tokens, decodes=decodes)
    skipped = SkipLog(is_told=False)
    facts: list[_Facts] = []
    entries = [
        Entry(source, file, index) for source, file in mixture.files for index in range(len(file))
    ]
    with ThreadPoolExecutor(n_jobs, "data-check") as pool:
        for begin in range(0, len(entries), _AT_A_TIME):
            batch = entries[begin : begin + _AT_A_TIME]
            results = pool.map(look, batch)
            for entry, result in zip(batch, results, strict=True):
                if isinstance(result, BadSample):
                    skipped.add(entry.place, result)
                else:
                    facts.append(result)
            if on_progress is not None:
                on_progress(begin + len(batch), len(entries))
    return _report(mixture, facts, skipped)


def _look(
    entry: Entry, encoder: Encoder | None, row_tokens: int, *, decodes: bool
) -> _Facts | BadSample:
    try:
        sample = entry.sample()
        seconds: defaultdict[bool, list[float]] = defaultdict(list)
        rates: list[int] = []
        for turn in sample.turns:
            for path in turn.audios:
                info = sound_info(path)
                if decodes:
                    read_sound(path)
                seconds[turn.role is Role.ASSISTANT].append(info.seconds)
                rates.append(info.rate_hz)
        language = sample.language or written_language(sample.answer or sample.said)
        n_tokens = len(encoder.encode(sample, entry.source.system)) if encoder else None
        if n_tokens is not None and n_tokens > row_tokens:
            return BadSample(Fault.TOO_LONG, f"has {n_tokens} tokens and a row {row_tokens}")
        return _Facts(
            source=entry.source.name,
            kind=str(sample.kind),
            language=language or _UNKNOWN_LANGUAGE,
            heard_s=seconds[False],
            spoken_s=seconds[True],
            rates_hz=rates,
            n_words=len(_WORD.findall(sample.answer)),
            n_tokens=n_tokens,
        )
    except BadSample as error:
        return error


def _report(mixture: Mixture, facts: list[_Facts], skipped: SkipLog) -> DataReport:
    taken: Counter[str] = Counter()
    for source, file in mixture.files:
        taken[source.name] += source.n_taken(file)
    tokens = [fact.n_tokens for fact in facts if fact.n_tokens is not None]
    rates = Counter(rate for fact in facts for rate in fact.rates_hz)
    return DataReport(
        n_samples=len(facts),
        sources=tuple(_shares(facts, "source", taken)),
        kinds=tuple(_shares(facts, "kind")),
        languages=tuple(_shares(facts, "language")),
        heard_s=Spread.of([s for fact in facts for s in fact.heard_s]),
        spoken_s=Spread.of([s for fact in facts for s in fact.spoken_s]),
        rates_hz=dict(sorted(rates.items())),
        tokens=Spread.of(tokens) if tokens else None,
        faults=skipped.counts,
        skipped=skipped.entries,
    )


def _shares(facts: list[_Facts], field: str, taken: Counter[str] | None = None) -> Iterator[Share]:
    """Yield the shares, the largest first."""
    groups: defaultdict[str, list[_Facts]] = defaultdict(list)
    for fact in facts:
        groups[getattr(fact, field)].append(fact)
    for name, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        yield Share(
            name,
            len(group),
            sum(s for fact in group for s in fact.heard_s) / _SECONDS_PER_HOUR,
            sum(s for fact in group for s in fact.spoken_s) / _SECONDS_PER_HOUR,
            sum(fact.n_words for fact in group),
            None if taken is None else taken[name],
        )
