"""Makes labelled conversations for the duplex predictor.

    python -m model.training.make_duplex_data DATA --real RECORDINGS --minutes 180
    python -m model.training.train_duplex DATA --out resources/duplex

Synthetic and real speech in simulated rooms, through the real canceller, detector and recogniser.
What was made stays: run it again after an interruption, with more minutes, with other features or
another text head, and only what is missing is made. The same seed gives the same scenes.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from audio_io.errors import AudioUnavailable
from model.errors import ModelError
from model.files.content_cache import Cache
from model.store.packages import default_folder
from model.training.duplex.data.dataset import CACHE, CLIPS_A_SHARD, write_lists
from model.training.duplex.data.heard_clips import ClipInfo
from model.training.duplex.data.labelled_clips import read_marked, read_tests
from model.training.duplex.data.pipeline import TEXTS, Clip, DataPipeline
from model.training.duplex.data.plan import VALIDATION_SHARE, plan_scenes
from model.training.duplex.data.speakers import TEST
from model.training.duplex.errors import DataError
from model.training.duplex.progress import Progress
from model.training.duplex.text_head.published_texts import fetch

MINUTES = 180.0
TINY_MINUTES, TINY_VALIDATION_SHARE = 2.0, 0.4
MOST_WORKERS = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 2 after one line on standard error where an argument is wrong."""
    args = _parser().parse_args(argv)
    try:
        pipeline = DataPipeline(args.out, args.weights, args.real, is_tiny=args.tiny)
        text = report(make(args, pipeline), pipeline.sound_licences())
    except (ModelError, AudioUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    kept = Cache(args.out / CACHE).trim()
    text += "".join(f"cache: {n} {kind}, {size / 1e6:.0f} MB\n" for kind, (n, size) in kept.items())
    sys.stdout.write(text)
    return 0


def make(args: argparse.Namespace, pipeline: DataPipeline) -> list[ClipInfo]:
    """Make the set and return what it consists of. Raises ModelError, AudioUnavailable."""
    minutes = TINY_MINUTES if args.tiny else args.minutes
    if minutes <= 0.0:
        raise DataError(f"--minutes {minutes}: must be more than 0")
    if not 1 <= args.workers <= MOST_WORKERS:
        raise DataError(f"--workers {args.workers}: must be 1 to {MOST_WORKERS}")
    pipeline.out.mkdir(parents=True, exist_ok=True)
    if not args.tiny:
        fetch(pipeline.out / TEXTS)
    share = TINY_VALIDATION_SHARE if args.tiny else VALIDATION_SHARE
    groups: tuple[tuple[Clip, ...], ...] = (
        tuple(read_tests(args.real)) if args.real else (),
        plan_scenes(minutes, args.seed, has_mandarin=not args.tiny, validation_share=share),
        tuple(read_marked(args.marked)) if args.marked else (),
    )
    shards = [
        group[i : i + CLIPS_A_SHARD]
        for group in groups
        for i in range(0, len(group), CLIPS_A_SHARD)
    ]
    infos: list[ClipInfo] = []
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(len(shards), "shards of clips"))
        work = map
        if args.workers > 1:
            pool = ProcessPoolExecutor(args.workers, get_context("spawn"))
            work = stack.enter_context(pool).map
        for made in work(pipeline.make_shard, enumerate(shards)):
            infos += made
            progress.update()
    write_lists(pipeline.out, infos, len(shards), pipeline.detectors())
    return infos


def report(infos: Sequence[ClipInfo], sound_licences: Sequence[str]) -> str:
    """Return what a set consists of: minutes by kind, speakers, licences of speech and sounds."""
    lines = [_size("", infos)]
    for key in ("split", "language", "kind"):
        groups: dict[str, list[ClipInfo]] = {}
        for info in infos:
            groups.setdefault(getattr(info, key), []).append(info)
        lines += [_size(f"  {key} {name}: ", groups[name]) for name in sorted(groups)]
    for split in sorted({info.split for info in infos}):
        speakers = {s for i in infos if i.split == split for s in i.speaker.split(",") if s}
        lines.append(f"speakers in {split}: {len(speakers)}")
    learnt = [info for info in infos if info.split != TEST]
    licences = {name for info in learnt for name in info.licence.split("; ") if name}
    lines.append("speech to learn from: " + ("; ".join(sorted(licences)) or "none"))
    lines.append("noises and rooms: " + ("; ".join(sound_licences) or "made"))
    return "\n".join(lines) + "\n"


def _size(title: str, infos: Sequence[ClipInfo]) -> str:
    minutes = sum(info.seconds for info in infos) / 60.0
    return f"{title}{len(infos)} clips, {minutes:.1f} min"


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
