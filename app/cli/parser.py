"""The command line: one parser, one function per command.

A known error becomes one line on stderr. Output that nobody reads any more ends a command quietly.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from app import __version__
from app.cli import data as cli_data
from app.cli import evaluate as cli_eval
from app.cli import models as cli_models
from app.cli import replay as cli_replay
from app.cli import tasks as cli_tasks
from app.cli import words as cli_words
from app.messages.errors import BadInputError, ParleyError
from model.duplex.splits import DEFAULT_SPLIT, SPLITS

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_READER_GONE = 141  # what a shell reports of a program that SIGPIPE ended

_OUT = "folder for the recording, timeline, summary and replay"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``parley`` and return the exit code."""
    try:
        try:
            return _run(list(sys.argv[1:] if arguments is None else arguments))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _silence_closed_streams()
        return EXIT_READER_GONE


def _run(raw: list[str]) -> int:
    args = build_parser().parse_args(raw)
    args.command_line = shlex.join(["parley", *raw])
    try:
        return int(args.run(args))
    except ParleyError as error:
        sys.stderr.write(f"parley: {error}\n")
        return EXIT_BAD_INPUT if isinstance(error, BadInputError) else EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _silence_closed_streams() -> None:
    """Point closed streams at the null device: the interpreter flushes them again at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command; the chosen command is `args.run`."""
    parser = argparse.ArgumentParser(
        prog="parley", description="A voice assistant that listens while it speaks."
    )
    parser.add_argument("--version", action="version", version=f"parley {__version__}")
    parser.set_defaults(run=_run_window, first_run=False)
    commands = parser.add_subparsers(metavar="COMMAND")
    window = commands.add_parser("window", help="open the window (the default)")
    window.add_argument("--first-run", action="store_true", help="begin with the set-up page")
    window.set_defaults(run=_run_window)
    _add_scenes(commands)
    _add_bench(
        commands.add_parser(
            "bench", help="measure turn-taking, conversations, latency, decoding speed"
        )
    )
    cli_models.add_models_parser(commands)
    cli_replay.add_replay_parser(commands)
    commands.choices["replay"].set_defaults(run=_run_replay)
    cli_tasks.add_task_parsers(commands)
    cli_data.add_data_parser(commands)
    cli_eval.add_eval_parser(commands)
    cli_words.add_words_parser(commands)
    devices = commands.add_parser("devices", help="list microphones and loudspeakers")
    devices.set_defaults(run=_run_devices)
    voices = commands.add_parser("voices", help="list voices")
    voices.set_defaults(run=_run_voices)
    return parser


def _add_scenes(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    scene = commands.add_parser("scene", help="run a scripted conversation")
    scene.add_argument("file", type=Path, metavar="FILE.toml")
    scene.add_argument("--out", type=Path, required=True, metavar="DIR", help=_OUT)
    scene.add_argument("--virtual-time", action="store_true", help="run as fast as possible")
    scene.add_argument("--seed", type=int, default=0, metavar="N", help="of noise in the room")
    scene.set_defaults(run=_run_scene)
    demo = commands.add_parser("demo", help="hold the bundled conversation, without a window")
    demo.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help=_OUT)
    demo.set_defaults(run=_run_demo)
    for parser in (scene, demo):
        parser.add_argument("--model", default="", metavar="NAME", help="see parley models list")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="bench", required=True, metavar="WHAT")
    for name, text in (
        ("scenes", "every scene below DIR, closed loop"),
        ("duplex", "ends of turns and interruptions on labelled recordings, open loop"),
        ("latency", "recorded questions through the whole engine in real time"),
    ):
        kind = kinds.add_parser(name, help=text)
        if name == "latency":
            kind.add_argument("dir", type=Path, nargs="?", default=None, metavar="DIR")
        else:
            kind.add_argument("dir", type=Path, metavar="DIR")
        kind.add_argument("--model", default="", metavar="NAME")
        cli_eval.add_card_options(kind)
        if name == "duplex":
            kind.add_argument("--mode", action="append", metavar="NAME", help="default: all")
            kind.add_argument(
                "--split",
                choices=tuple(SPLITS),
                default=DEFAULT_SPLIT,
                help="whose recordings; default: test, the people nothing was made or tuned on",
            )
            kind.add_argument(
                "--cache", type=Path, metavar="DIR", help="keep what was heard for the next run"
            )
            kind.add_argument(
                "--honest",
                action="store_true",
                help="choose the points of the timers and Smart Turn on train+tune",
            )
        if name == "scenes":
            kind.add_argument("--virtual-time", action="store_true", help="run as fast as possible")
            kind.add_argument("--seed", type=int, default=0, metavar="N")
    _add_busy(kinds.add_parser("busy", help="a conversation in real time beside other work"))
    spotter = kinds.add_parser("spotter", help="single words over a reply, and hours without any")
    spotter.add_argument("dir", type=Path, metavar="DIR")
    spotter.add_argument("--split", choices=("train", "tune", "test"), default="test")
    spotter.add_argument("--spotter", type=Path, metavar="FOLDER", help="default: ours")
    help_every = "take every Nth session only: quicker, coarser"
    spotter.add_argument("--every", type=int, default=1, metavar="N", help=help_every)
    spotter.add_argument(
        "--set-thresholds", action="store_true", help="choose them by this split, and keep them"
    )
    cli_eval.add_card_options(spotter)
    words = kinds.add_parser("words", help="the recogniser on words, talk, read text and noises")
    words.add_argument("dir", type=Path, metavar="RECORDINGS")
    words.add_argument("--split", choices=("train", "tune", "test"), default="test")
    words.add_argument("--language", choices=("auto", "en", "zh"), default="auto")
    cli_eval.add_card_options(words)
    speech = kinds.add_parser(
        "vita-audio", help="decoding speed of VITA-Audio, with random weights"
    )
    speech.add_argument("--size", default="0.5b", metavar="tiny|0.5b|7b")
    speech.add_argument("--device", default="", metavar="NAME", help="cpu, cuda; default: the best")
    cli_eval.add_card_options(speech)
    parser.set_defaults(run=_run_bench)


def _add_busy(busy: argparse.ArgumentParser) -> None:
    busy.add_argument("--loops", type=int, default=2, metavar="N", help="endless loops beside it")
    busy.add_argument("--minutes", type=float, default=10.0, metavar="M")
    busy.add_argument("--echo-db", type=float, default=-10.0, metavar="DB")
    busy.add_argument("--real", type=Path, metavar="DIR", help="real orders and interruptions")
    busy.add_argument("--split", choices=tuple(SPLITS), default=DEFAULT_SPLIT, help="of those")
    busy.add_argument("--seed", type=int, default=0, metavar="N", help="their order, the noise")
    busy.add_argument("--model", default="", metavar="NAME")
    busy.add_argument("--out", type=Path, metavar="DIR", help=_OUT)
    cli_eval.add_card_options(busy)


def _run_window(args: argparse.Namespace) -> int:
    from app.cli.system_packages import screen_problem

    problem = screen_problem()  # before anything starts, and before Qt is loaded
    if problem:
        raise ParleyError(problem)
    from app import main as composition

    return composition.open_window(is_first_run=args.first_run)


def _run_scene(args: argparse.Namespace) -> int:
    from app import main as composition
    from app.scenes.run import SceneOptions, run_scene, write_result
    from app.scenes.scene_file import read_scene

    scene = read_scene(args.file)
    options = SceneOptions(args.virtual_time, args.model, args.seed, keeps_replay=True)
    settings, parts = composition.scene_factories(args.model)
    result = run_scene(scene, parts, settings, options)
    write_result(result, args.out)
    sys.stdout.write(json.dumps(result.summary(), ensure_ascii=False, indent=2) + "\n")
    return EXIT_OK


def _run_demo(args: argparse.Namespace) -> int:
    from app.cli.demo import run_demo

    return run_demo(args.out, args.model, sys.stdout)


def _run_bench(args: argparse.Namespace) -> int:
    from app import main as composition
    from app.cli import bench as cli_bench

    return cli_bench.run_bench(args, cli_bench.detector_factories, composition.scene_factories)


def _run_replay(args: argparse.Namespace) -> int:
    from app import main as composition

    return cli_replay.run_replay(args, lambda: composition.scene_factories("")[1])


def _run_devices(args: argparse.Namespace) -> int:
    del args
    from app.session.catalog import devices

    found = devices()
    for device in found:
        directions = f"{'in ' if device.n_inputs else '   '} {'out' if device.n_outputs else '   '}"
        is_default = device.is_default_input or device.is_default_output
        sys.stdout.write(f"{directions} {'*' if is_default else ' '} {device.name}\n")
    if not found:
        sys.stdout.write("no sound device was found\n")
    return EXIT_OK


def _run_voices(args: argparse.Namespace) -> int:
    del args
    from app.main import list_voices
    from model.store.packages import default_store

    for info in list_voices(default_store()):
        missing = "" if info.is_available else "  (parley models get hd-voices)"
        sys.stdout.write(f"{info.id:16} {info.name:16} {info.description}{missing}\n")
    return EXIT_OK
