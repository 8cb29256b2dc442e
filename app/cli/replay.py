"""``parley replay``: decides a recorded conversation again, explains it, redacts it."""

from __future__ import annotations

import argparse
import sys
from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]
from collections.abc import Callable
from pathlib import Path

from app.engine.factories import Factories
from app.replay.bundle import read_bundle
from app.replay.comparison import replay
from app.replay.explanation import (
    decision_lines,
    render_decisions,
    render_difference,
    render_inputs,
    render_weights,
)
from app.replay.redaction import redact

EXIT_SAME = 0
EXIT_DIFFERENT = 1

_ABOUT = """\
examples:
  parley scene talk.toml --out out && parley replay out     every decision, recorded and replayed
  parley replay out --explain 12.4                          all that was known at 12.4 s
  parley replay out --redact report                         without sound and words, to attach

Exit code 1: something was decided differently; the first difference is named. A redacted bundle
holds levels, probabilities and events; its controller is replayed, its predictor cannot be.
"""


def add_replay_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``replay``; ``run_replay`` takes the parsed arguments."""
    parser = subparsers.add_parser(
        "replay",
        help="decide a recorded conversation again, bit for bit",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dir", type=Path, metavar="DIR")
    parser.add_argument("--explain", type=float, metavar="SECONDS", help="the inputs at that time")
    parser.add_argument("--redact", type=Path, metavar="OUT", help="write one without the words")


def run_replay(args: argparse.Namespace, factories: Callable[[], Factories]) -> int:
    """Replay, explain or redact; return the exit code. Raises BadInputError."""
    bundle = read_bundle(args.dir)
    if args.redact is not None:
        sys.stdout.write(redact(bundle, args.redact))
        return EXIT_SAME
    made = factories()
    if bundle.manifest.is_redacted:
        sys.stdout.write(
            "redacted: the controller is replayed with the predictions that were recorded\n"
        )
    else:
        sys.stdout.write(render_weights(bundle.manifest.weights, made.predictor_weights()))
    found = replay(bundle, made.predictor)
    if args.explain is not None:
        sys.stdout.write(render_inputs(bundle, found, args.explain))
        return EXIT_SAME
    sys.stdout.write(render_decisions(decision_lines(bundle, found)))
    sys.stdout.write(render_difference(found))
    return EXIT_SAME if found.difference is None else EXIT_DIFFERENT
