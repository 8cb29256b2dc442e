"""Makes labelled conversations for the duplex predictor.

    python -m model.training.make_duplex_data DATA --real RECORDINGS --minutes 180
    python -m model.training.train_duplex DATA --out resources/duplex

Synthetic and real speech in simulated rooms, through the real canceller, detector and recogniser.
What was made stays: run it again after an interruption, with more minutes, with other features or
another text head, and only what is missing is made. The same seed gives the same scenes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from audio_io.errors import AudioUnavailable
from model.errors import ModelError
from model.store.packages import default_folder
from model.training.duplex.data.data_report import report
from model.training.duplex.data.dataset import CLIPS_A_SHARD, write_lists
from model.training.duplex.data.heard_clips import ClipInfo, read_info
from model.training.duplex.data.labelled_clips import read_marked, read_tests
from model.training.duplex.data.pipeline import (
    TEXTS,
    DataPipeline,
    make_marked,
    make_scenes,
    make_shard,
    make_tests,
)
from model.training.duplex.data.plan import VALIDATION_SHARE, plan_scenes
from model.training.duplex.data.records import DataError
from model.training.duplex.text_head.sources import fetch

MINUTES = 180.0
TINY_MINUTES, TINY_VALIDATION_SHARE = 2.0, 0.4
MOST_WORKERS = 2
_SCENES_A_BATCH = 30

T = TypeVar("T")


class _Bar(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """Without tqdm's watching thread."""

    monitor_interval = 0


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 2 after one line on standard error where something given is wrong."""
    args = _parser().parse_args(argv)
    try:
        workshop = DataPipeline(args.out, args.weights, args.real, is_tiny=args.tiny)
        infos = make(args, workshop)
        text = report(infos, workshop.sound_licences())
    except (ModelError, AudioUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(text)
    return 0


def make(args: argparse.Namespace, workshop: DataPipeline) -> list[ClipInfo]:
    """Returns what the set consists of. Raises ModelError, AudioUnavailable."""
    minutes = TINY_MINUTES if args.tiny else args.minutes
    if minutes <= 0.0:
        raise DataError(f"--minutes {minutes}: must be more than 0")
    if not 1 <= args.workers <= MOST_WORKERS:
        raise DataError(f"--workers {args.workers}: must be 1 to {MOST_WORKERS}")
    out = workshop.out
    out.mkdir(parents=True, exist_ok=True)
    spread = partial(_spread, n_workers=args.workers)
    if not args.tiny:
        fetch(out / TEXTS)
    share = TINY_VALIDATION_SHARE if args.tiny else VALIDATION_SHARE
    orders = plan_scenes(minutes, args.seed, has_mandarin=not args.tiny, validation_share=share)
    spread("scenes", partial(make_scenes, workshop), _batches(orders, _SCENES_A_BATCH))
    tests = tuple(read_tests(args.real)) if args.real else ()
    spread("tests", partial(make_tests, workshop), _batches(tests, _SCENES_A_BATCH))
    marked = tuple(read_marked(args.marked)) if args.marked else ()
    spread("marked moments", partial(make_marked, workshop), _batches(marked, _SCENES_A_BATCH))
    groups = [[clip.id for clip in group] for group in (tests, orders, marked)]
    batches = [batch for group in groups for batch in _batches(group, CLIPS_A_SHARD)]
    shards = list(enumerate(batches))
    spread("features", partial(_make_numbered_shard, workshop), shards)
    infos = [read_info(workshop.heard, name) for batch in batches for name in batch]
    write_lists(out, infos, len(shards), workshop.judges())
    return infos


def _make_numbered_shard(workshop: DataPipeline, numbered: tuple[int, Sequence[str]]) -> None:
    make_shard(workshop, *numbered)


def _batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _spread(what: str, work: Callable[[T], None], batches: Sequence[T], *, n_workers: int) -> None:
    """Does ``work`` for every batch, in so many processes."""
    with _Bar(total=len(batches), desc=what, leave=False) as bar:
        for _ in _done(work, batches, n_workers):
            bar.update()


def _done(work: Callable[[T], None], batches: Sequence[T], n_workers: int) -> Iterable[None]:
    if n_workers == 1:
        yield from map(work, batches)
        return
    with ProcessPoolExecutor(n_workers, get_context("spawn")) as pool:
        for future in as_completed([pool.submit(work, batch) for batch in batches]):
            yield future.result()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.training.make_duplex_data",
        description="Make labelled conversations for the duplex predictor.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the data; is continued")
    parser.add_argument("--real", type=Path, help="folder with recordings and their manifest.jsonl")
    parser.add_argument("--marked", type=Path, help="folder of moments that were marked in use")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=1, help="processes, 1 or 2")
    parser.add_argument("--weights", type=Path, default=default_folder(), help="folder of weights")
    parser.add_argument("--tiny", action="store_true", help="two minutes of tones, no weights")
    return parser


if __name__ == "__main__":
    sys.exit(main())
