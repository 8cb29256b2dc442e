"""The report about training data as text for a terminal."""

from collections.abc import Iterator, Sequence

from model.training.data.statistics import DataReport, Share

_MOST_SHOWN = 5  # skipped samples of one fault

Rows = Iterator[tuple[str, ...]]


def render(report: DataReport) -> str:
    """Return tables, one below the other."""
    rates = ", ".join(f"{n} of {rate} Hz" for rate, n in report.rates_hz.items())
    blocks = [
        _table(_shares("KIND", report.kinds)),
        _table(_shares("LANGUAGE", report.languages)),
        _table(_shares("SOURCE", report.sources)),
        _table(_lengths(report)),
        f"recordings: {rates}" if rates else "",
        "\n".join(_skipped(report)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _shares(title: str, shares: Sequence[Share]) -> Rows:
    has_taken = any(share.n_taken is not None for share in shares)
    yield (title, "SAMPLES", "HEARD H", "SPOKEN H", "WORDS", *(["PER EPOCH"] if has_taken else ()))
    for share in shares:
        hours = (f"{share.heard_h:.3f}", f"{share.spoken_h:.3f}")
        taken = (str(share.n_taken),) if has_taken else ()
        yield (share.name, str(share.n), *hours, str(share.n_words), *taken)


def _lengths(report: DataReport) -> Rows:
    yield ("LENGTH OF", "NUMBER", "SHORTEST", "MEDIAN", "95 %", "LONGEST", "TOTAL")
    for name, spread, digits, unit in (
        ("recordings heard", report.heard_s, 1, " s"),
        ("recordings spoken", report.spoken_s, 1, " s"),
        ("samples", report.tokens, 0, " tokens"),
    ):
        if spread is not None and spread.n:
            values = (spread.shortest, spread.median, spread.p95, spread.longest, spread.total)
            yield (name, str(spread.n), *(f"{value:.{digits}f}{unit}" for value in values))


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


def _table(rows: Rows) -> str:
    """Align the first column left, the others right; return "" for a header alone."""
    listed = list(rows)
    if len(listed) < 2:
        return ""
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in listed
    )
