"""Fits the regression that says what a voice over the reply is.

    python -m model.training.train_overlap DATA --real RECORDINGS --out resources/duplex

The word spotter is too sure of the people that it was trained on, so the regression, which has a
few dozen weights, is fitted to people it has not met: the recorded scenes of *tune* and sessions
made of its words in DATA, as ``train_spotter`` makes them. What was heard is kept there. The same
seed gives the same weights.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from audio_io.aec import CancellerSettings, WebRtcEchoCanceller
from audio_io.errors import AudioUnavailable
from audio_io.vad import SileroVad
from model.cascade.recognizer import open_recognizer
from model.duplex.labels import read_channels, read_overlaps
from model.duplex.listening_cache import CachedListener, fingerprint
from model.duplex.offline import Listener
from model.duplex.overlap_classifier import CARD_NAME, FEATURES, OverlapCard, write_overlap_card
from model.duplex.predictor_factory import PredictorFactory
from model.duplex.spotter.recorded_words import TUNE
from model.duplex.spotter.stream import spotter_files, spotters
from model.errors import ModelError
from model.files.content_cache import Cache
from model.store.packages import default_store
from model.training.duplex.errors import DataError
from model.training.duplex.overlap.fit import Fitted, fit, point_of, scores_of
from model.training.duplex.overlap.steps import Step, of_scene, of_session, steps_of
from model.training.duplex.progress import Progress
from model.training.duplex.spotter.session_store import SessionStore
from model.training.duplex.spotter.sessions import make_session

HEARD, DETECTOR = "heard", "silero_vad_16k_op15.onnx"
_PASS_S = 0.1  # one pass of the recogniser on an idle core
_N_SESSIONS = 120
_SEED_OF_SESSIONS = 90_001  # others than those the spotter learns from


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 2 after one line on standard error where an argument is wrong."""
    args = _parser().parse_args(argv)
    try:
        text = train(args)
    except (ModelError, AudioUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(text)
    return 0


def train(args: argparse.Namespace) -> str:
    """Hear what is new, fit, write the weights and return a report. Raises ModelError."""
    if args.sessions < 0:
        raise DataError(f"--sessions {args.sessions}: must not be negative")
    with closing(PredictorFactory(default_store().folder, args.out)) as kit:
        recorded = _recorded(args, kit)
        made = _made(args, kit, first=len(recorded))
        steps = recorded + made
        fitted = fit(steps)
        point = point_of(fitted, steps)
        command = (
            "python -m model.training.train_overlap DATA --real RECORDINGS --out resources/duplex "
            f"--sessions {args.sessions}"
        )
        scores = dict(scores_of(fitted, steps, point))
        card = OverlapCard(
            features=FEATURES,
            weights=fitted.weights,
            point=point,
            set_by=f"tune: {command}",
            trained=datetime.now(UTC).date().isoformat(),
            scores=scores,
        )
        write_overlap_card(args.out / CARD_NAME, card)
    lines = [f"{len(recorded)} steps of recorded scenes, {len(made)} of made sessions"]
    lines += [f"{name}: {score:.3f}" for name, score in scores.items()]
    lines += [_row(fitted, name) for name in FEATURES]
    return "\n".join(lines) + f"\n{point}\n"


def _row(fitted: Fitted, name: str) -> str:
    at = FEATURES.index(name)
    return f"{name:>18}: " + " ".join(f"{row[at]:7.2f}" for row in fitted.weights)


def _recorded(args: argparse.Namespace, kit: PredictorFactory) -> list[Step]:
    hears, steps = _listener(args), list[Step]()
    scenes = read_overlaps(args.real, TUNE)
    with Progress(len(scenes), "scenes") as progress:
        for number, scene in enumerate(scenes):
            mic, far = read_channels(scene.path, 2)
            steps += steps_of(number, (mic, far), of_scene(scene), hears, kit)
            progress.update()
    return steps


def _made(args: argparse.Namespace, kit: PredictorFactory, first: int) -> list[Step]:
    store = SessionStore(args.data, args.real, args.weights, args.seed)
    hears, steps = _listener(args), list[Step]()
    if not args.sessions:
        return steps
    people, stock = store.people(TUNE), store.stock(TUNE)
    with Progress(args.sessions, "sessions") as progress:
        for number in range(args.sessions):
            rng = np.random.default_rng([args.seed, _SEED_OF_SESSIONS, number])
            session = make_session(people, stock, rng)
            recording = (session.microphone, session.loudspeaker)
            steps += steps_of(first + number, recording, of_session(session), hears, kit)
            progress.update()
    return steps


def _listener(args: argparse.Namespace) -> CachedListener:
    spotter = spotters(args.out)

    def opened() -> Listener:
        return Listener(
            lambda: SileroVad(args.weights / DETECTOR),
            lambda: WebRtcEchoCanceller(CancellerSettings()),
            partial(open_recognizer, args.weights, "auto"),
            pass_s=_PASS_S,
            spotter_factory=spotter,
        )

    weights = (*sorted(args.weights.glob("moonshine*/*")), *spotter_files(args.out))
    return CachedListener(opened, Cache(args.data / HEARD), fingerprint(weights, _PASS_S), spotter)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.training.train_overlap",
        description="Fit the regression that says what a voice over the reply is.",
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the data; is continued")
    parser.add_argument("--real", type=Path, required=True, help="folder with recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--sessions", type=int, default=_N_SESSIONS, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--weights", type=Path, default=default_store().folder, help="folder of weights"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
