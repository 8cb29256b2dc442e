"""Trains the end of a turn: the weights of all evidence, and a point for each endpointing mode.

    python -m model.training.train_end_of_turn WORK --real RECORDINGS --out resources/duplex

Weights come from people of the split *train* whose recordings may be learnt from, and from turns
that synthesizers say; the points from train and tune, each person's scores by weights that never
heard them. *test* is not read. A pause costs about 0.35 s of one core; what was heard stays in
WORK, so that the command goes on where it was interrupted, and hears anew only what another
recogniser or front end would hear differently.
"""

import argparse
import datetime as dt
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import safetensors.numpy

from audio_io.vad import SileroVad
from model.cascade.recognizer import open_final_recognizer
from model.duplex.end_of_turn.weights import CARD_NAME, WEIGHTS_NAME, EndOfTurnCard, write_card
from model.duplex.lexicon import read_lexicons
from model.duplex.policy import EndOdds
from model.duplex.text_evidence import GrammarScorer
from model.duplex.text_turn_detector import WEIGHTS_NAME as LANGUAGE_MODEL
from model.duplex.text_turn_detector import LanguageModelEncoder
from model.errors import ModelError
from model.files.content_cache import Cache, address, file_hash
from model.files.whole_file import SHARED, write_atomically
from model.store.packages import default_folder
from model.training.duplex.end_of_turn.decisions import (
    PROMISES,
    PointScore,
    ScoredTurn,
    best_points,
    only,
    score,
    swept,
)
from model.training.duplex.end_of_turn.learning_set import JudgedTurn, LearningSet
from model.training.duplex.end_of_turn.made_turns import performers
from model.training.duplex.end_of_turn.pauses import PauseFinder
from model.training.duplex.end_of_turn.regression import EndRegression, Example
from model.training.duplex.end_of_turn.turns import (
    Turn,
    made_turns,
    recorded_turns,
    single_words,
)
from model.training.duplex.progress import Progress

PROG = "python -m model.training.train_end_of_turn"
DETECTOR = "silero_vad_16k_op15.onnx"
RECOGNIZERS = (
    ("moonshine-base-en", "encoder_model.ort"),
    ("moonshine-base-en", "decoder_model_merged.ort"),
    ("muggle-speech-zh", "encoder.onnx"),
    ("muggle-speech-zh", "decoder.onnx"),
)
HEARD_FORMAT = 3  # to be raised when the recogniser or the front end hear differently
SEED = 11
N_WORDS, N_MADE = 300, 2000
MANDARIN_PART = 8  # one made turn in so many
N_FOLDS = 10
WEIGHTS = {"recorded": 1.0, "word": 0.5, "made": 0.15}
"""Of a pause, by source: what is made is plentiful, and easier than people."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 2 after one line on standard error where an argument is wrong."""
    args = _parser().parse_args(argv)
    try:
        turns = hear(args)
        report = fit(args, turns)
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(report)
    return 0


def hear(args: argparse.Namespace) -> list[JudgedTurn]:
    """Return all turns with their pauses. Raises ModelError."""
    weights: Path = args.weights
    with closing(LanguageModelEncoder(weights / LANGUAGE_MODEL)) as encoder:
        finder = PauseFinder(
            SileroVad(weights / DETECTOR),
            open_final_recognizer(weights),
            encoder.state,
            GrammarScorer(read_lexicons()),
        )
        found = LearningSet(finder, Cache(args.work / "cache"), heard_by(weights))
        return list(found.judged(_turns(args)))


def heard_by(weights: Path) -> str:
    """Return what stands for all that decides what is heard: the weights, and a number.

    Code is left out: made turns are costly, and small changes do not matter for what is learnt.
    """
    names = (DETECTOR, LANGUAGE_MODEL, *(f"{r}/{name}" for r, name in RECOGNIZERS))
    return address("heard-by", HEARD_FORMAT, [file_hash(weights / name) for name in names])


def _turns(args: argparse.Namespace) -> Iterator[Turn]:
    for split in ("tune", "train"):
        yield from recorded_turns(args.real, split)
        yield from single_words(args.real, split, args.words, SEED)
    if not args.made:
        return
    for language, performer in performers(args.work, args.weights):
        n = args.made if language == "en" else args.made // MANDARIN_PART
        yield from made_turns(performer, n, SEED, language)


def fit(args: argparse.Namespace, turns: Sequence[JudgedTurn]) -> str:
    """Write weights and card; return what they come to, for people."""
    scored = out_of_fold(turns)
    real = only(scored, lambda turn: turn.source == "recorded")
    points = best_points(real, PROMISES)
    regression = EndRegression(_examples(turn for turn in turns if turn.split == "train"))
    args.out.mkdir(parents=True, exist_ok=True)
    content = safetensors.numpy.save(dict(regression.tensors()))
    write_atomically(args.out / WEIGHTS_NAME, content, mode=SHARED)
    lines = [_size(turns)]
    tune = [
        ScoredTurn(turn, _odds(regression, turn))
        for turn in turns
        if turn.split == "tune" and turn.source == "recorded"
    ]
    for share in (0.05, 0.10):
        lines.append(f"out of fold, at most {share:.0%} cut: {swept(real, share, 2250.0)}")
        lines.append(f"tune, swept, at most {share:.0%} cut: {swept(tune, share, 2250.0)}")
    for mode, found in points.items():
        lines.append(f"{mode}, out of fold: {found}")
        lines.append(f"{mode}, tune: {score(tune, found.point)}")
    _write_card(args, turns, points)
    return "\n".join(lines) + "\n"


def out_of_fold(turns: Sequence[JudgedTurn]) -> list[ScoredTurn]:
    """Return people's turns scored by weights that never heard their speaker."""
    folds = [zlib.crc32(turn.speaker.encode()) % N_FOLDS for turn in turns]
    found: list[ScoredTurn] = []
    with Progress(N_FOLDS, "folds") as progress:
        for fold in range(N_FOLDS):
            left = [t for t, at in zip(turns, folds, strict=True) if at != fold]
            regression = EndRegression(_examples(left))
            asked = (t for t, at in zip(turns, folds, strict=True) if at == fold)
            found += [
                ScoredTurn(turn, _odds(regression, turn)) for turn in asked if turn.source != "made"
            ]
            progress.update()
    return found


def _examples(turns: Iterable[JudgedTurn]) -> list[Example]:
    return [
        Example(pause, outcome, WEIGHTS[turn.source])
        for turn in turns
        for pause, outcome in zip(turn.pauses, turn.outcomes, strict=True)
    ]


def _odds(regression: EndRegression, turn: JudgedTurn) -> tuple[EndOdds, ...]:
    if not turn.pauses:
        return ()
    return tuple(
        EndOdds(float(at), float(rise))
        for at, rise in zip(*regression.odds(turn.pauses), strict=True)
    )


def _write_card(
    args: argparse.Namespace, turns: Sequence[JudgedTurn], points: dict[str, PointScore]
) -> None:
    """Write what the weights come with."""
    scores = {
        f"{mode}.{name}": round(value, 4)
        for mode, found in points.items()
        for name, value in asdict(found).items()
        if isinstance(value, float)
    }
    learnt = [turn for turn in turns if turn.split == "train"]
    card = EndOfTurnCard(
        points={mode: found.point for mode, found in points.items()},
        split="train+tune, each person by weights that never heard them",
        command=f"{PROG} WORK --real RECORDINGS --out resources/duplex",
        trained=dt.datetime.now(dt.UTC).date().isoformat(),
        data={
            "pauses": _size(learnt),
            "licences": "; ".join(sorted({turn.licence for turn in learnt})),
        },
        scores=scores,
    )
    write_card(args.out / CARD_NAME, card)


def _size(turns: Sequence[JudgedTurn]) -> str:
    parts: list[str] = []
    for source in WEIGHTS:
        of = [turn for turn in turns if turn.source == source]
        counts = Counter(outcome.value for turn in of for outcome in turn.outcomes)
        people = len({turn.speaker for turn in of})
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
        parts.append(f"{source}: {len(of)} turns of {people} speakers ({kinds})")
    return "; ".join(parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROG, description="Train the end of a turn.")
    parser.add_argument("work", type=Path, metavar="WORK", help="folder of what was heard")
    parser.add_argument("--real", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go")
    parser.add_argument("--words", type=int, default=N_WORDS, help="single words of each split")
    parser.add_argument("--made", type=int, default=N_MADE, help="turns of synthesizers")
    parser.add_argument("--weights", type=Path, default=default_folder(), help="folder of weights")
    return parser


if __name__ == "__main__":
    sys.exit(main())
