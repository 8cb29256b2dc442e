"""``parley bench``: picks the scorer and publishes its table.

Factories come from the composition root; what is measured is in ``app.evaluation``.
"""

import argparse
import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from app.cli.spotter_bench import spotter_card
from app.engine.factories import Factories
from app.evaluation.busy_bench import run_busy
from app.evaluation.busy_script import Sayings, busy_script, loud_room, recorded_sayings
from app.evaluation.conversations import (
    N_QUESTIONS,
    PAGE_COLUMNS,
    questions_of,
    run_latency,
    run_scenes,
)
from app.evaluation.scorecard import Scorecard, publish, this_machine
from app.evaluation.turn_taking.detector_bench import DetectorFactories, run_duplex
from app.evaluation.turn_taking.predictor_run import CachedTurnClassifier, CachedUtteranceScorer
from app.messages.errors import BadInputError, ParleyError
from app.scenes.run import SceneOptions, SceneResult, run_scene, write_result
from app.scenes.scene_file import Scene
from app.settings.settings import Settings
from audio_io.aec import CancellerSettings, WebRtcEchoCanceller
from audio_io.vad import SileroVad
from model.cascade.mandarin import FOLDER as MANDARIN_FOLDER
from model.cascade.recognizer import open_recognizer
from model.cascade.turn_endings import read_endings
from model.duplex.policy import ENDPOINTING_MODES
from model.duplex.predictor import PredictorSettings, TrainedDuplexPredictor
from model.duplex.predictor_factory import PredictorFactory
from model.duplex.smart_turn import WEIGHTS_NAME as SMART_TURN_NAME
from model.duplex.spotter.stream import spotter_files, spotters
from model.errors import ModelError
from model.files.records import read_jsonl
from model.store.packages import default_store

# The weights that decide what is heard: voice activity and recognisers.
_HEARS = ("silero_vad", "moonshine-", MANDARIN_FOLDER)
_SHORTEST_REQUEST_S = 2.0
_QUESTIONS = (
    Path(__file__).resolve().parents[2] / "resources" / "evaluation" / "latency_questions.txt"
)


def detector_factories() -> DetectorFactories:
    """Return what the open-loop scorer measures; predictors share what is heavy in them."""
    store = default_store()
    kit = PredictorFactory(store.folder)
    network, words = kit.classifier(), kit.scorer()
    classifier = (
        None if network is None else CachedTurnClassifier(network, store.folder / SMART_TURN_NAME)
    )
    scorer = None if words is None else CachedUtteranceScorer(words)

    def predictor(mode: str) -> TrainedDuplexPredictor:
        settings = PredictorSettings(endpointing_mode=mode)
        reader = None if scorer is None else scorer.for_one_recording()
        return kit.predictor(settings, classifier=classifier, scorer=reader)

    return DetectorFactories(
        predictors={mode: partial(predictor, mode) for mode in ENDPOINTING_MODES},
        canceller=lambda: WebRtcEchoCanceller(CancellerSettings()),
        detector=lambda: SileroVad(store.require("silero-vad")),
        recognizer=partial(open_recognizer, store.folder, "auto"),
        classifier=classifier,
        endings=read_endings(),
        n_parameters=dict.fromkeys(ENDPOINTING_MODES, kit.network.n_parameters),
        spotter=spotters(),
        weights=(
            *(
                store.path(weight.name)
                for weight in store.manifest
                if weight.path.startswith(_HEARS) and store.is_present(weight.name)
            ),
            *spotter_files(),
        ),
        close=kit.close,
    )


def run_bench(
    args: argparse.Namespace,
    factories: Callable[[], DetectorFactories],
    scene_factories: Callable[[str], tuple[Settings, Factories]],
) -> int:
    """Print the table and write it where it is asked for; return the exit code.

    Raises ParleyError.
    """
    machine = this_machine()
    match args.bench:
        case "duplex":
            card = _duplex(args, factories())
        case "busy":
            card = _busy(args, scene_factories)
        case "scenes":
            card = _scenes(args, scene_factories)
        case "spotter":
            card = spotter_card(args)
        case "words":
            card = _words(args)
        case "vita-audio":
            card = run_vita_audio(args.size, args.device, args.command_line)
        case _:
            card = _latency(args, scene_factories)
    publish(card, machine, args.json, args.markdown)
    return 0


def _duplex(args: argparse.Namespace, factories: DetectorFactories) -> Scorecard:
    modes = args.mode or tuple(factories.predictors)
    unknown = [mode for mode in modes if mode not in factories.predictors]
    try:
        if unknown:
            what = f"{unknown[0]} is none of {', '.join(factories.predictors)}"
            raise BadInputError(None, "--mode", what, "name one of them")
        return run_duplex(
            args.dir,
            replace(factories, predictors={mode: factories.predictors[mode] for mode in modes}),
            command=args.command_line,
            split=args.split,
            cache=args.cache,
            is_honest=args.honest,
        )
    finally:
        factories.close()


def _words(args: argparse.Namespace) -> Scorecard:
    from app.evaluation.recognition_bench import run_words

    folder = default_store().folder
    recognizer = partial(open_recognizer, folder, args.language)
    return run_words(args.dir, args.split, recognizer, command=args.command_line)


def _scenes(
    args: argparse.Namespace, scene_factories: Callable[[str], tuple[Settings, Factories]]
) -> Scorecard:
    settings, factories = scene_factories(args.model)
    options = SceneOptions(args.virtual_time, args.model, args.seed)

    def run(scene: Scene) -> SceneResult:
        return run_scene(scene, factories, settings, options)

    clock = "virtual time" if args.virtual_time else "real time"
    return Scorecard(
        "scenes",
        args.command_line,
        run_scenes(args.dir, run),
        notes=(f"clock: {clock}",),
        page_columns=PAGE_COLUMNS,
    )


def _busy(
    args: argparse.Namespace, scene_factories: Callable[[str], tuple[Settings, Factories]]
) -> Scorecard:
    settings, factories = scene_factories(args.model)
    sayings = Sayings() if args.real is None else recorded_sayings(args.real, args.split, args.seed)
    script = busy_script(args.minutes, loud_room(args.echo_db), sayings)
    options = SceneOptions(False, args.model, args.seed, keeps_replay=args.out is not None)

    def run(scene: Scene) -> SceneResult:
        result = run_scene(scene, factories, settings, options)
        if args.out is not None:
            write_result(result, args.out)
        return result

    source = "synthesized" if args.real is None else f"recorded ({args.split})"
    notes = (f"echo {args.echo_db:g} dB; orders and interruptions: {source}",)
    return Scorecard("busy", args.command_line, (run_busy(script, args.loops, run),), notes=notes)


def _latency(
    args: argparse.Namespace, scene_factories: Callable[[str], tuple[Settings, Factories]]
) -> Scorecard:
    settings, factories = scene_factories(args.model)
    wavs = _recordings(args.dir) if args.dir is not None else ()
    source = f"{len(wavs)} recordings of {args.dir}" if wavs else "synthesized questions"

    def run(scene: Scene) -> SceneResult:
        return run_scene(scene, factories, settings, SceneOptions(False, args.model))

    texts = tuple(_QUESTIONS.read_text(encoding="utf-8").splitlines())
    rows = run_latency(questions_of(wavs, texts), run)
    return Scorecard("latency", args.command_line, rows, notes=(f"questions: {source}",))


def run_vita_audio(size: str, device: str, command: str) -> Scorecard:
    """Return the speed of VITA-Audio's language model.

    Raises ParleyError: the extra is not installed, or the machine cannot hold the model.
    """
    try:
        # By name: the command line must start without the extra.
        speed: Any = importlib.import_module("model.vita_audio.benchmark.decoding_speed")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("torch", "transformers"):
            raise
        raise ParleyError(
            f"bench vita-audio needs {error.name}, which is not installed; "
            "install Parley with its speech-lm extra"
        ) from None
    try:
        result = speed.measure(size, device, _say)
    except ModelError as error:
        raise ParleyError(str(error)) from None
    return Scorecard("vita-audio", command, result.rows, notes=result.notes)


def _say(what: str) -> None:
    sys.stderr.write(f"{what} ...\n")


class _Request(msgspec.Struct, frozen=True):
    """A line of a manifest of recordings."""

    kind: str
    path: str
    seconds: float = 0.0
    lang: str | None = None


def _recordings(folder: Path) -> tuple[Path, ...]:
    """Spoken requests: English ones its manifest lists, else the first WAV or FLAC by name."""
    if not folder.is_dir():
        raise BadInputError(folder, "", "is not a folder", "give a folder with recordings")
    manifest = folder / "manifest.jsonl"
    if not manifest.is_file():
        found = sorted([*folder.glob("*.wav"), *folder.glob("*.flac")])
        if not found:
            raise BadInputError(folder, "", "holds no recording", "give a folder with WAV or FLAC")
        return tuple(found[:N_QUESTIONS])
    requests = [
        folder / row.path
        for _, row in read_jsonl(manifest, _Request, BadInputError.of_record)
        if (row.kind, row.lang) == ("command", "en") and row.seconds >= _SHORTEST_REQUEST_S
    ][:N_QUESTIONS]
    missing = [path for path in requests if not path.is_file()]
    if missing or not requests:
        what = f"lists {missing[0]}, which is not there" if missing else "lists no spoken request"
        raise BadInputError(manifest, "", what, "give a folder with recorded requests")
    return tuple(requests)
