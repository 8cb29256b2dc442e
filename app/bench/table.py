"""Scorecards as plain text: aligned columns, a footer with command and machine.

Wide cards are printed sideways, a line per column. Does not know what the columns mean.
"""

from __future__ import annotations

from app.bench.scorecard import Row, Scorecard, Value

_GAP = "  "
_ABSENT = "-"
WIDEST = 120  # characters of an ordinary terminal


def render(card: Scorecard, width: int = WIDEST) -> str:
    """Returns lines that end with the footer; numbers are right-aligned."""
    lines = [_render_rows(card.rows, width)] if card.rows else ["(nothing measured)"]
    lines.extend(f"note: {note}" for note in card.notes)
    lines.append(f"command: {card.command}")
    lines.append(f"machine: {card.machine.line()}")
    return "\n".join(lines) + "\n"


def _render_rows(rows: tuple[Row, ...], width: int) -> str:
    columns = list(rows[0])
    grid = [columns, *([cell(row.get(column)) for column in columns] for row in rows)]
    upright = _aligned(grid)
    if max(len(line) for line in upright.splitlines()) <= width:
        return upright
    return "\n\n".join(_sideways(grid[0], grid[1:], width))


def _sideways(columns: list[str], rows: list[list[str]], width: int) -> list[str]:
    """Blocks of as many rows side by side as fit, at least one each."""
    blocks: list[str] = []
    while rows:
        n_rows = len(rows)
        while True:
            block = _aligned([list(line) for line in zip(columns, *rows[:n_rows], strict=True)])
            if n_rows == 1 or max(len(line) for line in block.splitlines()) <= width:
                break
            n_rows -= 1
        blocks.append(block)
        rows = rows[n_rows:]
    return blocks


def _aligned(grid: list[list[str]]) -> str:
    """First column left, the others right; a rule under the first line."""
    widths = [max(len(line[i]) for line in grid) for i in range(len(grid[0]))]
    lines = [
        _GAP.join(
            text.ljust(size) if i == 0 else text.rjust(size)
            for i, (text, size) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in grid
    ]
    return "\n".join([lines[0], _GAP.join("-" * size for size in widths), *lines[1:]])


def cell(value: Value) -> str:
    """None is a dash; 1234.5 is 1234 (or 1235), 12.34 is 12.3, 0.123 is 0.123."""
    if value is None:
        return _ABSENT
    if not isinstance(value, float):
        return str(value)
    if value == 0.0 or abs(value) >= 100.0:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1.0 else f"{value:.3f}"
