"""``parley transcribe``, ``answer`` and ``speak``: files and texts instead of a microphone."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from app.batch import entries as entry_list
from app.batch.batch import Batch, Order
from app.batch.entries import Entry, Task
from app.batch.meter import Meter
from app.batch.result_log import ResultLog
from app.batch.sound_file import check_ending
from app.batch.work import Workbench
from app.cli.models import default_model_store
from app.messages.errors import BadInputError, ParleyError, one_line
from audio_io.interfaces import VoiceActivityDetector
from model import catalog
from model.errors import FailureKind, ModelError, described, failure_kind
from model.interfaces import SpeechModel
from model.store.models import PREFIX, ModelStore
from model.store.packages import WeightStore
from model.store.readiness import free_memory, local_readiness

logger = logging.getLogger(__name__)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

Opener = Callable[[], Workbench]

_QUICK = "cascade-quick"
_VAD_WEIGHTS = "silero-vad"
_MOST_THREADS = 4  # more gain little on a small model
_ENDING = ".wav"
_MANIFEST = """\
A manifest has one JSON object a line:
  {%s, "id": "greeting"%s}
Paths are relative to the manifest. The results (--out) are JSON lines too, in the same order:
id, audio, text, reply_text, reply_audio, language, compute_s, duration_s, reply_duration_s,
real_time_factor (work per second of sound heard and made), model, key, error. Run the same command
again to go on where it stopped: finished entries are skipped, failed ones tried again.
"""
_AUDIO_LINE = _MANIFEST % ('"audio": "talks/one.wav"', "")
_TEXT_LINE = _MANIFEST % ('"text": "Good morning."', ', "voice": "heart", "rate": 1.0')
_TRANSCRIBE = f"""\
examples:
  parley transcribe talk.wav                       the words
  parley transcribe *.wav                          one line each: name, tab, words
  parley transcribe talk.flac --json               with times, language and speed
  parley transcribe --manifest in.jsonl --out out.jsonl

{_AUDIO_LINE}"""
_ANSWER = f"""\
examples:
  parley answer question.wav -o reply.wav          prints the reply's words as well
  parley answer *.wav -o replies/                  replies/NAME.wav
  parley answer --manifest in.jsonl -o replies/ --out out.jsonl

{_AUDIO_LINE}"""
_SPEAK = f"""\
examples:
  parley speak "Good morning." -o morning.wav
  parley speak - -o book.flac --voice emma --rate 1.1 < book.txt
  parley speak --manifest lines.jsonl -o lines/ --out out.jsonl

{_TEXT_LINE}"""


def add_task_parsers(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three commands; each runs ``run_task``."""
    for task, text, examples in (
        (Task.TRANSCRIBE, "write down what is said in recordings", _TRANSCRIBE),
        (Task.ANSWER, "answer recorded questions", _ANSWER),
        (Task.SPEAK, "speak texts", _SPEAK),
    ):
        parser = subparsers.add_parser(
            task.value,
            help=text,
            description=f"{text[0].upper()}{text[1:]}, without a microphone.",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_arguments(parser, task)
        parser.set_defaults(run=run_task, task=task)


def _add_arguments(parser: argparse.ArgumentParser, task: Task) -> None:
    if task is Task.SPEAK:
        parser.add_argument("inputs", nargs="*", metavar="TEXT", help='"-" reads it from stdin')
    else:
        text = "WAV, FLAC, OGG or MP3 of any rate and length"
        parser.add_argument("inputs", nargs="*", metavar="FILE", help=text)
    if task is not Task.TRANSCRIBE:
        parser.add_argument(
            "-o",
            dest="sound",
            metavar="FILE|DIR",
            help="where the speech goes: a .wav, .flac, .ogg or .mp3 file; a folder for many",
        )
        parser.add_argument(
            "--voice", default="", metavar="NAME", help="see parley voices; default: by language"
        )
        parser.add_argument(
            "--rate", type=_rate, default=1.0, metavar="X", help="speaking rate, 0.7-1.5"
        )
    parser.add_argument("--model", default="", metavar="NAME|DIR", help="default: the embedded one")
    parser.set_defaults(language="auto")
    if task is not Task.SPEAK:  # of a text the letters say it
        parser.add_argument(
            "--language", choices=("auto", "en", "zh"), help="what is spoken (default: auto)"
        )
    parser.add_argument("--manifest", type=Path, metavar="FILE.jsonl", help="many entries")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="results, one a line")
    parser.add_argument("--json", action="store_true", help="print whole results instead of words")
    parser.add_argument("--quiet", action="store_true", help="no progress, no totals")


def _rate(text: str) -> float:
    least, most = entry_list.MIN_RATE, entry_list.MAX_RATE
    with contextlib.suppress(ValueError):
        if least <= (value := float(text)) <= most:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")


def run_task(args: argparse.Namespace) -> int:
    """Run one of the commands and return the exit code. Raises ParleyError."""
    meter = Meter(sys.stderr, is_quiet=args.quiet)
    try:
        entries = _entries(args)
        outputs = _outputs(args, entries)
        model_store = default_model_store()
        store, choice = model_store.weights, chosen(model_store, args.model)
        order = Order(
            args.task,
            choice.name,
            getattr(args, "voice", ""),
            getattr(args, "rate", 1.0),
            args.language,
            outputs,
            args.out.parent if args.out else None,
        )
        with contextlib.ExitStack() as stack, meter:

            def opened() -> Workbench:
                model = stack.enter_context(loaded(store, choice, args.language))
                _check_voices(order, model)
                return Workbench(model, partial(detector, store), expected_language(args.language))

            if _is_single(args, entries):
                return _run_single(order, entries[0], opened, meter, is_json=args.json)
            return _run_many(order, entries, opened, meter, args)
    except KeyboardInterrupt:
        hint = "; the same command goes on from here" if args.out else ""
        sys.stderr.write(f"parley: interrupted, {meter.n_ended} done{hint}\n")
        return EXIT_INTERRUPTED


# -- what is asked -----------------------------------------------------------------------------


def _entries(args: argparse.Namespace) -> tuple[Entry, ...]:
    task: Task = args.task
    inputs: list[str] = args.inputs
    if args.manifest is not None:
        if inputs:
            what = f"got a manifest and {one_line(inputs[0])!r}"
            raise BadInputError(None, "--manifest", what, "give one or the other")
        return entry_list.read_manifest(args.manifest, task)
    if not inputs:
        wanted = "a text" if task is Task.SPEAK else "a sound file"
        raise BadInputError(None, "", f"nothing to {task}", f"give {wanted}, or --manifest")
    if task is not Task.SPEAK:
        return entry_list.of_files(inputs)
    texts = [sys.stdin.read() if text == "-" else text for text in inputs]
    if not all(text.strip() for text in texts):
        raise BadInputError(None, "", "the text is empty", "give some words")
    return entry_list.of_texts(texts)


def _is_single(args: argparse.Namespace, entries: Sequence[Entry]) -> bool:
    return len(entries) == 1 and args.manifest is None and args.out is None


def _outputs(args: argparse.Namespace, entries: Sequence[Entry]) -> Mapping[str, Path]:
    """Return files for speech by id. Raises BadInputError where one would replace an input."""
    if args.manifest and args.out and _is_same(args.manifest, args.out):
        raise BadInputError(args.out, "--out", "is the manifest", "choose another file")
    place: str | None = getattr(args, "sound", None)
    if place is None:
        if args.task is Task.SPEAK or (args.task is Task.ANSWER and args.manifest):
            raise BadInputError(None, "-o", "is missing", "say where the speech goes")
        return {}
    path = Path(place)
    is_folder = path.is_dir() or place.endswith(("/", os.sep)) or not _is_single(args, entries)
    if not is_folder:
        check_ending(path)
        outputs = {entries[0].id: path}
    elif path.exists() and not path.is_dir():
        raise BadInputError(path, "-o", "is a file", "give a folder for more than one")
    else:
        names = entry_list.output_names(entries, _ENDING)
        outputs = {name: path / file for name, file in names.items()}
    inputs = {os.path.realpath(entry.audio) for entry in entries if entry.audio is not None}
    for out in outputs.values():
        if os.path.realpath(out) in inputs:
            raise BadInputError(out, "-o", "is one of the recordings", "choose another place")
    return outputs


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


# -- the model ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A model and what the catalog needs to make it."""

    name: str
    options: Mapping[str, str]


def chosen(model_store: ModelStore, asked: str) -> Choice:
    """Return the model asked for, else the default, or the quick one where only that is here.

    Args:
        asked: a name of the catalog, "local:NAME" of a folder that was added, or a folder.

    Raises:
        BadInputError: there is no such model.
        ParleyError: it cannot run here, and why.
    """
    name = asked or catalog.DEFAULT_MODEL
    try:
        if os.sep in asked or asked.startswith("."):
            folder = Path(asked).absolute()
            name = f"{PREFIX}{folder.name}"
            state = local_readiness(folder, catalog.entry(name), free_memory())
            options = {catalog.DIRECTORY: str(folder), catalog.NAME: name}
        else:
            state = model_store.readiness(name)
            options = model_store.options_for(name)
            if not asked and not state.is_ready and model_store.readiness(_QUICK).is_ready:
                return Choice(_QUICK, {})
    except ModelError as error:
        raise BadInputError(None, "--model", str(error)) from None
    if not state.is_ready:
        raise ParleyError(one_line(f"model {name!r} cannot be used: {state.reason}"))
    return Choice(name, options)


@contextlib.contextmanager
def loaded(store: WeightStore, choice: Choice, language: str) -> Generator[SpeechModel]:
    """Load a model for the time of the context; it may use every core: no sound could stutter."""
    n_threads = min(_MOST_THREADS, os.cpu_count() or 1)
    options = {**choice.options, "llm_threads": n_threads, "language": language}
    model: SpeechModel | None = None
    try:
        model = catalog.build(choice.name, store.folder, options)
        model.load(lambda _: None)
        yield model
    except (ParleyError, BrokenPipeError):
        raise
    except Exception as error:
        raise ParleyError(one_line(f"{choice.name}: {told(error)}")) from error
    finally:
        if model is not None:
            model.close()


def told(error: Exception) -> str:
    """Return one line about a failure of the model; a bug is logged with its traceback."""
    if failure_kind(error) is FailureKind.CRASHED:
        logger.error("the model failed", exc_info=error)
    return described(error)


def detector(store: WeightStore) -> VoiceActivityDetector:
    """Return a fresh detector. Raises WeightsError where its weights are missing."""
    from audio_io.vad import SileroVad

    return SileroVad(store.require(_VAD_WEIGHTS))


def expected_language(language: str) -> str:
    """Return the language to begin with where it will be recognised: English."""
    return "en" if language == "auto" else language


def _check_voices(order: Order, model: SpeechModel) -> None:
    """Raise BadInputError for a voice that is not here; two joined by "+" are a blend."""
    if order.task is Task.TRANSCRIBE:
        return
    known = [preset.id for preset in model.voices()]
    first, _, second = order.voice.partition(":")[0].partition("+")
    for voice in filter(None, (first, second)):
        if known and voice not in known:
            names = ", ".join(known)
            raise BadInputError(None, "--voice", f"{voice!r} is not here", f"choose one of {names}")


# -- the work ----------------------------------------------------------------------------------


def _run_single(order: Order, entry: Entry, opened: Opener, meter: Meter, *, is_json: bool) -> int:
    meter.begin_one(order.task)
    row = Batch(order, opened, told).do(entry, meter)
    meter.ended(entry, row, was_done=False)
    if is_json:
        sys.stdout.write(json.dumps(row, ensure_ascii=False, indent=2) + "\n")
    elif order.task is not Task.SPEAK:
        sys.stdout.write(_words(order.task, row) + "\n")
    sys.stdout.flush()
    meter.tell_totals()
    return EXIT_OK


def _run_many(
    order: Order,
    entries: Sequence[Entry],
    opened: Opener,
    meter: Meter,
    args: argparse.Namespace,
) -> int:
    """Write one line per result on stdout, unless they go to a file."""

    def show(row: Mapping[str, Any]) -> None:
        if args.json:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        elif args.out is None and row["error"] is None and order.task is not Task.SPEAK:
            sys.stdout.write(f"{one_line(row['id'])}\t{one_line(_words(order.task, row))}\n")
        sys.stdout.flush()

    log = ResultLog(args.out) if args.out is not None else None
    try:
        meter.begin_many(len(entries), show)
        n_failed = Batch(order, opened, told, log).run(entries, meter)
    finally:
        if log is not None:
            log.close()
    meter.tell_totals()
    return EXIT_FAILED if n_failed else EXIT_OK


def _words(task: Task, row: Mapping[str, Any]) -> str:
    return str(row["reply_text" if task is Task.ANSWER else "text"] or "")
