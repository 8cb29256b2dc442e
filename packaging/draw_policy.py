"""Draws the turn-taking policy out of its own rules, and lists its numbers.

Run: python packaging/draw_policy.py  (writes docs/turn-taking.svg and the tables of the page)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from model.duplex import policy  # noqa: E402 - beside the path above
from model.duplex.end_of_turn.weights import read_end_of_turn  # noqa: E402
from model.duplex.overlap_classifier import read_overlap_classifier  # noqa: E402
from model.duplex.policy import (  # noqa: E402
    EndOdds,
    OverlapEvidence,
    Thresholds,
    overlap_verdict,
    wait_by_odds,
)
from model.duplex.predictor_card import read_card  # noqa: E402

PAGE, FIGURE = ROOT / "docs" / "turn-taking.md", ROOT / "docs" / "turn-taking.svg"
COMMAND = "python packaging/draw_policy.py"
CARD = read_card(ROOT / "resources" / "duplex" / "predictor.json")
ENDINGS = read_end_of_turn(ROOT / "resources" / "duplex").card
OVERLAP = read_overlap_classifier(ROOT / "resources" / "duplex" / "overlap.json").card

WIDTH, HEIGHT = 880, 660
INKS = {"eager": "#c2571a", "balanced": "#1f5fa8", "patient": "#3d7a37"}
FILLS = {"goes on": "#d9ead3", "softer": "#eeeeee", "held": "#fbe3b3", "cut": "#e6a08c"}
MAP_MS, MAP_STEP_MS, MAP_STEPS = 1400, 50, 40
VOICES: tuple[tuple[str, dict[str, bool]], ...] = (
    ("no words yet", {}),
    ("words", {"has_words": True}),
    ("“yeah, yeah”", {"has_words": True, "acknowledges": True}),
)

Point = tuple[float, float]


def figure() -> str:
    """Return the SVG: waits above, the fate of the reply below."""
    body = [*_waits(70.0, 50.0, 760.0, 230.0)]
    for n, (title, words) in enumerate(VOICES):
        body += _fate(70.0 + 265.0 * n, 370.0, 230.0, 200.0, title, words)
    body += _legend(70.0, 625.0)
    root = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12" fill="#222222"'
    page_colour = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join((f"<svg {root} {style}>", page_colour, *body, "</svg>\n"))


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}"{more}>{text}</text>'


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}" '
        'shape-rendering="crispEdges"/>'
    )


def _line(points: Iterator[Point], ink: str, more: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"{more}/>'


def _frame(left: float, top: float, width: float, height: float) -> str:
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" fill="none" '
        'stroke="#888888"/>'
    )


def _waits(left: float, top: float, width: float, height: float) -> Iterator[str]:
    """How much silence ends a turn, by what all evidence says of its end."""
    lowest, highest = -4.0, 6.0

    def x_of(log_odds: float) -> float:
        return left + width * (log_odds - lowest) / (highest - lowest)

    def curve(mode: str, threshold_p: float) -> Iterator[Point]:
        for n in range(101):
            log_odds = lowest + (highest - lowest) * n / 100.0
            odds = EndOdds(log_odds, rise=1.0)
            wait = wait_by_odds(ENDINGS.points[mode], odds, silence_ms=0.0, threshold_p=threshold_p)
            y = top + height * (1.0 - wait.wait_ms / policy.LONGEST_WAIT_MS)
            yield x_of(log_odds), y

    yield _text(left, top - 20, "Silence that ends a turn", ' font-weight="bold"')
    for ms in range(0, 3001, 500):
        y = top + height * (1.0 - ms / policy.LONGEST_WAIT_MS)
        yield f'<path d="M{left:g} {y:g}h{width:g}" stroke="#dddddd"/>'
        yield _text(left - 8, y + 4, f"{ms / 1000:g} s", ' text-anchor="end"')
    for mode in policy.ENDPOINTING_MODES:
        yield _line(curve(mode, policy.END_P), INKS[mode])
    for threshold_p in (0.2, 0.8):
        dashes = ' stroke-dasharray="3 4"'
        yield _line(curve(policy.DEFAULT_MODE, threshold_p), INKS[policy.DEFAULT_MODE], dashes)
    for n, mode in enumerate(policy.ENDPOINTING_MODES):
        yield _text(left + 520 + 85 * n, top - 20, mode, f' fill="{INKS[mode]}" font-weight="bold"')
    yield _text(left + 170, top - 20, "dashed: balanced with “End of turn at” at 0.2 and 0.8")
    for log_odds in range(round(lowest), round(highest) + 1, 2):
        yield _text(x_of(log_odds), top + height + 16, f"{log_odds:+d}", ' text-anchor="middle"')
    what = "what speaks for the end after 0.5 s of silence, log-odds"
    yield _text(left + 230, top + height + 34, what)
    yield _frame(left, top, width, height)


def _fate(
    left: float, top: float, width: float, height: float, title: str, words: dict[str, bool]
) -> Iterator[str]:
    """What happens to the reply, by how long the voice lasts and what the network says of it."""
    columns, cell_h = MAP_MS // MAP_STEP_MS, height / MAP_STEPS
    cell_w = width / columns
    for row in range(MAP_STEPS):
        p = (row + 0.5) / MAP_STEPS
        y = top + height - (row + 1) * cell_h
        for fate, begin, n in _runs(lambda column, p=p: _decided(p, column, words), columns):
            yield _rect(left + begin * cell_w, y, n * cell_w, cell_h, FILLS[fate])
    yield _text(left, top - 8, f"A voice over the reply: {title}", ' font-weight="bold"')
    for p in (0.0, 0.5, 1.0):
        yield _text(left - 6, top + height * (1.0 - p) + 4, f"{p:g}", ' text-anchor="end"')
    at_x = left + width * policy.DECIDE_MS / MAP_MS
    yield f'<path d="M{at_x:g} {top:g}v{height:g}" stroke="#222222" stroke-dasharray="2 3"/>'
    for ms in (0, 400, 800, 1200):
        x = left + width * ms / MAP_MS
        yield _text(x, top + height + 16, f"{ms / 1000:g} s", ' text-anchor="middle"')
    yield _frame(left, top, width, height)


def _decided(p: float, column: int, words: dict[str, bool]) -> str:
    ms = (column + 0.5) * MAP_STEP_MS
    rest = 1.0 - p
    seen = OverlapEvidence(
        p, 0.5 * rest, 0.5 * rest, voice_ms=ms, span_ms=ms, is_spotted=True, **words
    )
    verdict, at = overlap_verdict(seen, OVERLAP.point), Thresholds()
    if verdict.p_interruption >= at.cut_p:
        return "cut"
    if max(verdict.p_backchannel, verdict.p_noise) >= at.resume_p:
        return "goes on"
    return "held" if verdict.p_interruption >= at.hold_p else "softer"


def _runs(of: Callable[[int], str], n: int) -> Iterator[tuple[str, int, int]]:
    """Equal neighbours as (value, first, how many)."""
    begin = 0
    for at in range(1, n + 1):
        if at == n or of(at) != of(begin):
            yield of(begin), begin, at - begin
            begin = at


def _legend(left: float, top: float) -> Iterator[str]:
    yield _text(
        left,
        top - 20,
        "across: voice so far; up: the probability that it wants the floor; dotted: "
        "“Decide within”, when whoever still speaks has the floor",
    )
    meanings = {
        "goes on": "the reply goes on",
        "softer": f"softer by {-policy.DUCK_GAIN_DB:g} dB",
        "held": "held: silent, ready to go on",
        "cut": "cut",
    }
    for n, (fate, meaning) in enumerate(meanings.items()):
        yield _rect(left + 190 * n, top - 8, 20, 14, FILLS[fate])
        yield _text(left + 190 * n + 28, top + 3, meaning)


@dataclass(frozen=True, slots=True)
class Number:
    """A constant of ``policy.py``; ``source`` is "" where it says none."""

    section: str
    name: str
    value: str
    reason: str
    source: str


def listed(text: str) -> Iterator[Number]:
    """Yield the constants of a policy file that have a comment, with the source of each.

    The source is in brackets: in the number's own comment, else on a line above it, as far up as
    there is no empty line.
    """
    section = source = ""
    for line in text.splitlines():
        if named := re.fullmatch(r"# -- (.*?) -+", line):
            section = named[1][0].upper() + named[1][1:]
        elif not line.strip():
            source = ""
        elif above := re.fullmatch(r"# \[(.+)\]", line):
            source = above[1]
        elif found := re.fullmatch(r"(_?[A-Z]\w+) = (.+?)  # (.*)", line):
            reason, _, own = found[3].partition("  [")
            yield Number(section, found[1], found[2], reason, own.rstrip("]") or source)


def numbers() -> str:
    """Return the numbers of ``policy.py`` with their reasons, a table for each of its sections."""
    lines: list[str] = []
    section = ""
    for number in listed(Path(policy.__file__).read_text(encoding="utf-8")):
        if number.name.startswith("_"):
            continue
        if number.section != section:
            section = number.section
            lines += ["", f"### {section}", "", "| Name | Value | What it is | Source |"]
            lines.append("|---|---|---|---|")
        reason = number.reason.replace("``", "`")
        lines.append(f"| `{number.name}` | {number.value} | {reason} | {number.source} |")
    return "\n".join(lines[1:]) + "\n"


def points() -> str:
    """Return the operating points of the bundled weights, with what they came to."""
    lines = [
        "| Mode | Enough after 0.5 s | Sure end | Unlikely end | Cuts natural, inserted pauses |",
        "|---|---|---|---|---|",
    ]
    for name in policy.ENDPOINTING_MODES:
        point, scores = ENDINGS.points[name], ENDINGS.scores
        waits = f"{point.shortest_ms:g} ms | {point.longest_ms:g} ms"
        cuts = [100.0 * scores[f"{name}.{kind}"] for kind in ("natural", "inserted")]
        lines.append(
            f"| {name} | {point.log_odds:+.1f} | {waits} | {cuts[0]:.0f} %, {cuts[1]:.0f} % |"
        )
    lines += ["", f"Measured on {ENDINGS.split}."]
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Return the page with its tables written again between their markers."""
    for name, table in (("points", points()), ("numbers", numbers())):
        begin, end = f"<!-- begin: {COMMAND} {name} -->\n", f"<!-- end: {COMMAND} {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    FIGURE.write_text(figure(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
