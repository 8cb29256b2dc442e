"""``parley bench spotter``: opens what the word spotter is measured with."""

import argparse
from itertools import chain, islice
from pathlib import Path

import msgspec
import soxr

from app.evaluation.scorecard import Scorecard
from app.evaluation.spotter_bench import run_spotter
from app.evaluation.spotter_sessions import Say, SpotterSessions
from app.messages.errors import BadInputError, ParleyError
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.engines import RATE_HZ
from model.cascade.synthesizer import Synthesizer
from model.duplex.lexicon import DEFAULT_FOLDER
from model.duplex.spotter.network import read_spotter
from model.errors import ModelError
from model.files.records import read_jsonl
from model.store.packages import default_folder
from model.types import VoiceChoice

_TEXTS = Path(__file__).resolve().parents[2] / "resources" / "evaluation" / "sentences.jsonl"


class _Text(msgspec.Struct, frozen=True):
    text: str
    language: str


def spotter_card(args: argparse.Namespace) -> Scorecard:
    """Measure. Raises ParleyError."""
    if args.set_thresholds and args.split == "test":
        raise BadInputError(None, "--set-thresholds", "test is only printed", "give --split tune")
    if args.every < 1:
        raise BadInputError(None, "--every", f"must be 1 or more, got {args.every}")
    folder = args.spotter or DEFAULT_FOLDER
    try:
        network = read_spotter(folder)
        sessions = SpotterSessions(args.dir, args.split, _assistant(), spoken_texts("en"))
        return run_spotter(
            chain(
                islice(sessions.words(), 0, None, args.every),
                islice(sessions.without_words(), 0, None, args.every),
            ),
            network,
            command=args.command_line,
            card_folder=folder if args.set_thresholds else None,
            set_by=f"parley bench spotter RECORDINGS --split {args.split} --every {args.every} "
            "--set-thresholds",
        )
    except ModelError as error:
        raise ParleyError(str(error)) from None


def _assistant() -> Say:
    """Return the bundled voice, which is here on every machine."""
    synthesizer = Synthesizer(default_folder())
    voice = synthesizer.resolve(VoiceChoice(), "en")

    def say(text: str, rate: float) -> Samples:
        spoken = synthesizer.speak(text, voice, rate)
        return soxr.resample(spoken.samples, RATE_HZ, ENGINE_RATE_HZ, "HQ")

    return say


def spoken_texts(language: str) -> tuple[str, ...]:
    """Return sentences that the voices can say."""
    found = read_jsonl(_TEXTS, _Text, BadInputError.of_record)
    return tuple(row.text for _, row in found if row.language == language)
