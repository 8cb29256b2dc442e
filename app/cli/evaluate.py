"""``parley eval``: how well a model hears, speaks and answers, as one table."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

from app.batch.meter import Meter
from app.batch.work import Workbench
from app.cli.models import default_model_store
from app.cli.tasks import Choice, chosen, detector, expected_language, loaded, told
from app.evaluation.evaluation_samples import Sample, Subject, read_samples
from app.messages.errors import BadInputError, ParleyError
from model.store.packages import WeightStore

if TYPE_CHECKING:
    from app.evaluation.scorecard import Scorecard
    from audio_io.frames import Samples

EXIT_OK = 0
EXIT_FAILED = 1

_RESOURCES = Path(__file__).resolve().parents[2] / "resources" / "evaluation"
_BUNDLED = {
    Subject.ASR: _RESOURCES / "sentences.jsonl",
    Subject.TTS: _RESOURCES / "sentences.jsonl",
    Subject.SQA: _RESOURCES / "questions.jsonl",
}
_QUALITY_WEIGHTS = "dnsmos-p835"
_SCORERS = ("jiwer", "whisper_normalizer")
_EPILOG = """\
examples:
  parley eval asr --data talks/manifest.jsonl     recordings with their texts
  parley eval tts                                 28 bundled sentences, English and Mandarin
  parley eval sqa --model local:mine --json s.json

A manifest has one JSON object a line: "audio" (relative to the manifest), "text", "language"
(en or zh), "kind" to group by, and for questions "answers", a list of which any is right.
What has no recording is spoken first by the embedded model. --out DIR keeps sounds and results;
run the same command again to go on where it stopped.
"""


def add_eval_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``eval``, which runs ``run_eval``."""
    text = "evaluate a model: recognition, synthesis, spoken questions"
    parser = subparsers.add_parser(
        "eval",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = "asr: recognition, tts: synthesis read back, sqa: spoken questions"
    parser.add_argument("subject", choices=[subject.value for subject in Subject], help=kinds)
    parser.add_argument("--model", default="", metavar="NAME|DIR", help="default: the embedded one")
    parser.add_argument(
        "--data", type=Path, metavar="MANIFEST|DIR", help="default: bundled samples"
    )
    parser.add_argument("--language", choices=("auto", "en", "zh"), default="auto")
    parser.add_argument("--kind", action="append", default=[], help="use only samples of this kind")
    parser.add_argument("--limit", type=_count, default=None, metavar="N", help="use the first N")
    parser.add_argument(
        "--voice", default="", metavar="NAME", help="one that `parley voices` lists"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep sounds and results")
    add_card_options(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=run_eval)


def add_card_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where a measured table goes."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON, too")
    parser.add_argument(
        "--markdown",
        nargs="?",
        type=Path,
        const=Path("-"),
        metavar="FILE",
        help="print the table as Markdown, or put it between its markers in FILE",
    )


def _count(text: str) -> int:
    with contextlib.suppress(ValueError):
        if (value := int(text)) > 0:
            return value
    raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")


def run_eval(args: argparse.Namespace) -> int:
    """Print the table; return 1 where samples failed. Raises ParleyError."""
    subject = Subject(args.subject)
    samples = _samples(args, subject)
    missing = [name for name in _SCORERS if find_spec(name) is None]
    if missing:
        raise ParleyError(f"{missing[0]} is not installed; run: python3 packaging/launch.py")
    from app.evaluation.scorecard import publish, this_machine

    machine = this_machine()
    with contextlib.ExitStack() as stack:
        folder = args.out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        card = _evaluated(args, subject, samples, folder, stack)
    publish(card, machine, args.json, args.markdown)
    return EXIT_FAILED if any(row["failed"] for row in card.rows) else EXIT_OK


def _samples(args: argparse.Namespace, subject: Subject) -> tuple[Sample, ...]:
    data: Path = args.data or _BUNDLED[subject]
    samples = read_samples(data, subject)
    if args.language != "auto":
        samples = tuple(sample for sample in samples if sample.language == args.language)
    if args.kind:
        samples = tuple(sample for sample in samples if sample.kind in args.kind)
    if not samples:
        raise BadInputError(data, "", "holds no sample of that language and kind")
    return samples[: args.limit]


def _evaluated(
    args: argparse.Namespace,
    subject: Subject,
    samples: tuple[Sample, ...],
    folder: Path,
    stack: contextlib.ExitStack,
) -> Scorecard:
    from app.evaluation.scorecard import Scorecard
    from app.evaluation.speech_evaluation import Evaluation, EvaluationSetup

    model_store = default_model_store()
    store = model_store.weights
    choice, reader = chosen(model_store, args.model), chosen(model_store, "")
    open_model = _opener(store, choice, args.language, stack)
    is_same = choice.name == reader.name
    open_reader = open_model if is_same else _opener(store, reader, args.language, stack)
    watch = stack.enter_context(_Watch(is_quiet=args.quiet))

    quality = _quality(store) if subject is Subject.TTS else None
    setup = EvaluationSetup(choice.name, open_model, reader.name, open_reader, told, watch, quality)
    evaluation = Evaluation(setup, folder, args.language)
    match subject:
        case Subject.ASR:
            rows = evaluation.asr(samples)
        case Subject.TTS:
            rows = evaluation.tts(samples, args.voice)
        case Subject.SQA:
            rows = evaluation.sqa(samples, args.voice)
    notes = (f"model: {choice.name}; read back by: {reader.name}", *_notes(subject, quality))
    return Scorecard(f"eval {subject}", args.command_line, rows, notes=notes)


def _notes(subject: Subject, quality: object) -> tuple[str, ...]:
    match subject:
        case Subject.ASR:
            return ("English normalised as Whisper's evaluation does; Mandarin by characters",)
        case Subject.TTS:
            guess = "DNSMOS P.835, overall" if quality else "needs: parley models get evaluation"
            return ("errors include the recogniser's own", f"opinion: {guess}")
        case Subject.SQA:
            return ("counted: an accepted answer, as whole words, in text or sound of the reply",)


class _Watch:
    """A factory of progress bars that writes a line of totals after each step."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._meter: Meter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_step()

    def __call__(self, step: str, n_entries: int) -> Meter:
        self._end_step()
        self._meter = Meter(sys.stderr, is_quiet=self._is_quiet)
        self._meter.begin_many(n_entries, lambda _row: None, step)
        return self._meter

    def _end_step(self) -> None:
        if self._meter is not None:
            self._meter.tell_totals()


def _opener(
    store: WeightStore, choice: Choice, language: str, stack: contextlib.ExitStack
) -> Callable[[], Workbench]:
    """A function that loads the model when it is first needed."""

    @cache
    def opened() -> Workbench:
        model = stack.enter_context(loaded(store, choice, language))
        return Workbench(model, partial(detector, store), expected_language(language))

    return opened


def _quality(store: WeightStore) -> Callable[[Samples], float] | None:
    """A guess of the opinion score; None where its weights were not fetched."""
    if not store.is_present(_QUALITY_WEIGHTS):
        return None
    from app.evaluation.dnsmos import SpeechQuality

    network = SpeechQuality(store.require(_QUALITY_WEIGHTS))
    return lambda samples: network.score(samples).overall
