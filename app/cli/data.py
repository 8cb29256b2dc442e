"""``parley data``: what is in training data, and speech made of written dialogues."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.messages.errors import BadInputError, ParleyError, one_line
from app.messages.progress_bar import ProgressBar
from model.errors import ModelError
from model.store.packages import default_store
from model.types import VoicePreset

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

_ROW_TOKENS = 8192
_MOST_JOBS = 8
_CHECK = """\
A line of training data is a JSON object:
  {"messages": [{"role": "user", "content": "<|audio|>"},
                {"role": "assistant", "content": "It is noon.\\n<|audio|>"}],
   "audios": ["question.wav", "answer.wav"]}
Recordings are named in the order of the tags, relative to the file. Recognition asks "Convert the
speech to text." before the tag, synthesis "Convert the text to speech." before the text; text has
no recordings. A mixture names such files and how much of each is taken:
  [sources.questions]
  files = ["speech_to_speech.jsonl"]
  ratio = 2.0
"""
_SYNTHESIZE = """\
Dialogues are JSON lines, {"turns": ["What time is it?", "It is noon."]}, or two columns of text
apart by a tab (.tsv, .txt) or a comma (.csv). The folder then holds recordings of both sides and
files for all four kinds of training, with a mixture of them. The same command goes on where it was
stopped.
"""


def add_data_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``data`` and its commands; each runs ``run_data``."""
    data = subparsers.add_parser("data", help="check and make training data of speech models")
    commands = data.add_subparsers(dest="data_command", required=True, metavar="COMMAND")
    _add_check(commands.add_parser(
        "check",
        help="hours, lengths, languages, and what cannot be used and why",
        epilog=_CHECK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ))  # fmt: skip
    _add_synthesize(commands.add_parser(
        "synthesize",
        help="make speech data of written dialogues, with the bundled voices",
        epilog=_SYNTHESIZE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ))  # fmt: skip
    data.set_defaults(run=run_data)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="samples (.jsonl) or mixture (.toml)"
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="count tokens with this model's vocabulary; makes and keeps the codes of recordings",
    )
    parser.add_argument(
        "--speech-tokenizer", type=Path, metavar="DIR", help="default: in or beside the model"
    )
    parser.add_argument("--device", default="cpu", metavar="NAME", help="of the speech tokenizer")
    parser.add_argument(
        "--row-tokens",
        type=_whole_from(1),
        default=_ROW_TOKENS,
        metavar="N",
        help=f"longest sample in tokens (default: {_ROW_TOKENS})",
    )
    parser.add_argument("--decode", action="store_true", help="read recordings to their end")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    _add_jobs(parser)


def _add_synthesize(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dialogues", type=Path, metavar="DIALOGUES")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder that is made or continued")
    parser.add_argument(
        "--voices", type=_names, default=(), metavar="A,B", help="default: all that are here"
    )
    parser.add_argument(
        "--assistant", type=_names, default=(), metavar="A,B", help="voices of the answers only"
    )
    parser.add_argument(
        "--held-out",
        type=_part,
        default=0.0,
        metavar="PART",
        help="of the dialogues, as 0.1, in a mixture of their own: held_out.toml",
    )
    parser.add_argument(
        "--seed", type=_whole_from(0), default=0, metavar="N", help="who speaks what"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    _add_jobs(parser)


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    n_jobs = min(_MOST_JOBS, os.cpu_count() or 1)
    parser.add_argument(
        "--jobs",
        type=_whole_from(1),
        default=n_jobs,
        metavar="N",
        help="side by side; default: cores",
    )


def _whole_from(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least}")
        return int(text)

    return read


def _part(text: str) -> float:
    with suppress(ValueError):
        if 0.0 <= (value := float(text)) < 1.0:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to below 1")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def run_data(args: argparse.Namespace) -> int:
    """Run one of the commands; return the exit status. Raises ParleyError."""
    try:
        return _check(args) if args.data_command == "check" else _synthesize(args)
    except ModelError as error:
        raise ParleyError(one_line(str(error))) from error
    except KeyboardInterrupt:
        sys.stderr.write("parley: interrupted; the same command goes on from here\n")
        return EXIT_INTERRUPTED


def _check(args: argparse.Namespace) -> int:
    from model.training.data.mixture import read_mixture
    from model.training.data.statistics import survey
    from model.training.data.statistics_table import render

    encoder = None
    if args.model is not None:
        try:
            from model.training.data.sample_encoder import SampleEncoder
            from model.vita_audio.decoding.schedule import BOOST
        except ImportError as error:
            raise ParleyError(f"counting tokens needs the speech-lm extra ({error})") from error
        encoder = SampleEncoder.from_directory(
            args.model,
            BOOST.pattern,
            speech_tokenizer=args.speech_tokenizer,
            device=args.device,
        )
    with ProgressBar(sys.stderr, unit=" samples", disable=args.quiet) as bar:
        report = survey(
            read_mixture(args.file),
            bar.show,
            encoder=encoder,
            row_tokens=args.row_tokens,
            decodes=args.decode,
            n_jobs=args.jobs,
        )
    if args.json:
        sys.stdout.write(json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(render(report))
    return EXIT_FAILED if report.skipped else EXIT_OK


def _synthesize(args: argparse.Namespace) -> int:
    from model.training.data.dialogues import read_dialogues
    from model.training.data.problems import SkipLog
    from model.training.data.synthesis import DataSynthesis
    from model.training.data.voice_assignment import BundledSpeaker, VoiceAssignment

    skipped = SkipLog()
    dialogues = read_dialogues(args.dialogues, skipped)
    folder = default_store().folder
    speakers = [BundledSpeaker(folder) for _ in range(args.jobs)]
    voices = _chosen(speakers[0].voices(), args.voices, "--voices")
    assistants = _chosen(voices, args.assistant, "--assistant")
    assignment = VoiceAssignment(voices, args.seed, [voice.id for voice in assistants])
    synthesis = DataSynthesis(args.out, assignment, speakers, skipped)
    with ProgressBar(sys.stderr, unit=" recordings", disable=args.quiet) as bar:
        made = synthesis.run(dialogues, bar.show, args.held_out)
    sys.stdout.write(
        f"{made.n_recordings} recordings ({made.n_made} new), "
        + ", ".join(f"{n} in {name}" for name, n in made.lines.items())
        + f"\n{made.mixture}\n"
    )
    if skipped:
        sys.stderr.write(f"parley: {skipped.summary()}\n")
    return EXIT_FAILED if skipped else EXIT_OK


def _chosen(
    voices: tuple[VoicePreset, ...], names: tuple[str, ...], option: str
) -> tuple[VoicePreset, ...]:
    """Return the voices named, all where none is. Raises BadInputError for one not here."""
    known = {voice.id: voice for voice in voices}
    for name in names:
        if name not in known:
            remedy = f"choose of {', '.join(known)}"
            raise BadInputError(None, option, f"{name!r} is not here", remedy)
    return tuple(known[name] for name in names) or voices
