"""``parley bench``: picks the scorer, prints its table, writes its JSON.

Makers come from the composition root; what is measured is in ``app.bench``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.engine.factories import Factories
from app.evaluation.latency import N_QUESTIONS, asked, run_latency
from app.evaluation.scenes import run_scenes
from app.evaluation.scorecard import Scorecard, render
from app.evaluation.turn_taking.detector_bench import DuplexMakers, run_duplex
from app.evaluation.vita_audio import run_vita_audio
from app.messages.errors import BadInputError
from app.scenes.run import SceneOptions, SceneResult, run_scene
from app.scenes.scene_file import Scene
from app.settings.settings import Settings

_SHORTEST_REQUEST_S = 2.0

QUESTIONS = (
    "What is the capital of France?",
    "How do I make a cup of tea?",
    "Can you tell me a fun fact about cats?",
    "What is the biggest animal in the ocean?",
    "Why is the sky blue?",
    "How many days are there in a week?",
    "What should I cook for dinner tonight?",
    "Who wrote Romeo and Juliet?",
    "How can I fall asleep faster?",
    "What is a good name for a puppy?",
    "Where does chocolate come from?",
    "What is the largest planet?",
    "How do birds find their way?",
    "Can you recommend a good hobby?",
    "What does a heart do?",
    "How far away is the moon?",
    "What is the opposite of happy?",
    "Why do leaves turn red?",
    "What is your favourite season?",
    "How do I say thank you politely?",
)


def run_bench(
    args: argparse.Namespace,
    makers: Callable[[], DuplexMakers],
    scene_factories: Callable[[str], tuple[Settings, Factories]],
) -> int:
    """Prints the table; returns the exit code. Raises BadInputError."""
    match args.bench:
        case "duplex":
            card = _duplex(args, makers())
        case "scenes":
            card = _scenes(args, scene_factories)
        case "vita-audio":
            card = run_vita_audio(args.size, args.device, args.command_line)
        case _:
            card = _latency(args, scene_factories)
    sys.stdout.write(render(card))
    if args.json is not None:
        try:
            card.write_json(args.json)
        except OSError as error:
            raise BadInputError(args.json, "", f"cannot be written: {error}") from None
    return 0


def _duplex(args: argparse.Namespace, makers: DuplexMakers) -> Scorecard:
    modes = args.mode or tuple(makers.predictors)
    unknown = [mode for mode in modes if mode not in makers.predictors]
    try:
        if unknown:
            what = f"{unknown[0]} is none of {', '.join(makers.predictors)}"
            raise BadInputError(None, "--mode", what, "name one of them")
        return run_duplex(
            args.dir,
            replace(makers, predictors={mode: makers.predictors[mode] for mode in modes}),
            command=args.command_line,
            only_held_out=args.split == "test",
        )
    finally:
        makers.close()


def _scenes(
    args: argparse.Namespace, scene_factories: Callable[[str], tuple[Settings, Factories]]
) -> Scorecard:
    settings, parts = scene_factories(args.model)
    options = SceneOptions(args.virtual_time, args.model, args.seed)

    def run(scene: Scene) -> SceneResult:
        return run_scene(scene, parts, settings, options)

    clock = "virtual time" if args.virtual_time else "real time"
    return Scorecard(
        "scenes", args.command_line, run_scenes(args.dir, run), notes=(f"clock: {clock}",)
    )


def _latency(
    args: argparse.Namespace, scene_factories: Callable[[str], tuple[Settings, Factories]]
) -> Scorecard:
    settings, parts = scene_factories(args.model)
    wavs = _recordings(args.dir) if args.dir is not None else ()
    source = f"{len(wavs)} recordings of {args.dir}" if wavs else "synthesized questions"

    def run(scene: Scene) -> SceneResult:
        return run_scene(scene, parts, settings, SceneOptions(False, args.model))

    rows = run_latency(asked(wavs, QUESTIONS), run)
    return Scorecard("latency", args.command_line, rows, notes=(f"questions: {source}",))


def _recordings(folder: Path) -> tuple[Path, ...]:
    """Spoken requests: those its manifest.jsonl lists, else the first WAV or FLAC by name."""
    if not folder.is_dir():
        raise BadInputError(folder, "", "is not a folder", "give a folder with recordings")
    manifest = folder / "manifest.jsonl"
    if manifest.is_file():
        return _listed(manifest)
    found = sorted([*folder.glob("*.wav"), *folder.glob("*.flac")])
    if not found:
        raise BadInputError(folder, "", "holds no recording", "give a folder with WAV or FLAC")
    return tuple(found[:N_QUESTIONS])


def _listed(manifest: Path) -> tuple[Path, ...]:
    """English requests of at least two seconds, in the manifest's order."""
    found: list[Path] = []
    for n, line in enumerate(manifest.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            is_request = row["kind"] == "command" and row["lang"] == "en"
            if is_request and row["seconds"] >= _SHORTEST_REQUEST_S:
                found.append(manifest.parent / row["path"])
        except (ValueError, KeyError, TypeError) as error:
            what = f"is no recording with kind, lang, seconds and path ({error!r})"
            raise BadInputError(manifest, f"line {n}", what, "correct that line") from None
    missing = [path for path in found[:N_QUESTIONS] if not path.is_file()]
    if missing or not found:
        what = f"lists {missing[0]}, which is not there" if missing else "lists no spoken request"
        raise BadInputError(manifest, "", what, "give a folder with recorded requests")
    return tuple(found[:N_QUESTIONS])
