"""The report about training data as text for a terminal. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from model.training.data.statistics import DataReport, Share, Spread

_MOST_SHOWN = 5  # skipped samples of one fault


def render(report: DataReport) -> str:
    """Tables, one below the other."""
    blocks = [
        _table(_shares("KIND", report.kinds)),
        _table(_shares("LANGUAGE", report.languages)),
        _table(_shares("SOURCE", report.sources)),
        _table(list(_lengths(report))),
        _rates(report),
        "\n".join(_skipped(report)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _shares(title: str, shares: Sequence[Share]) -> list[tuple[str, ...]]:
    has_taken = any(share.n_taken is not None for share in shares)
    header = (title, "SAMPLES", "HEARD H", "SPOKEN H", "WORDS")
    rows = [(*header, "PER EPOCH") if has_taken else header]
    for share in shares:
        row = (
            share.name,
            str(share.n),
            f"{share.heard_h:.3f}",
            f"{share.spoken_h:.3f}",
            str(share.n_words),
        )
        rows.append((*row, str(share.n_taken)) if has_taken else row)
    return rows if shares else []


def _lengths(report: DataReport) -> Iterator[tuple[str, ...]]:
    yield ("LENGTH OF", "NUMBER", "SHORTEST", "MEDIAN", "95 %", "LONGEST", "TOTAL")
    if report.heard_s.n:
        yield _length("recordings heard", report.heard_s, 1, " s")
    if report.spoken_s.n:
        yield _length("recordings spoken", report.spoken_s, 1, " s")
    if report.tokens is not None:
        yield _length("samples", report.tokens, 0, " tokens")


def _length(name: str, spread: Spread, digits: int, unit: str) -> tuple[str, ...]:
    values = (spread.shortest, spread.median, spread.p95, spread.longest, spread.total)
    return (name, str(spread.n), *(f"{value:.{digits}f}{unit}" for value in values))


def _rates(report: DataReport) -> str:
    rates = ", ".join(f"{n} of {rate} Hz" for rate, n in report.rates_hz.items())
    return f"recordings: {rates}" if rates else ""


def _skipped(report: DataReport) -> Iterator[str]:
    n_skipped = len(report.skipped)
    yield f"{report.n_samples} samples can be used, {n_skipped} cannot" + (":" if n_skipped else "")
    for fault, n in report.faults.items():
        yield f"  {n} {fault}"
        of_fault = [entry for entry in report.skipped if entry.fault is fault]
        for entry in of_fault[:_MOST_SHOWN]:
            yield f"    {entry.place}: {entry.reason}"
        if n > _MOST_SHOWN:
            yield f"    and {n - _MOST_SHOWN} more"


def _table(rows: list[tuple[str, ...]]) -> str:
    """The first column to the left, the others to the right; nothing for a header alone."""
    if len(rows) < 2:
        return ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join((first.ljust(widths[0]), *cells)))
    return "\n".join(lines)
