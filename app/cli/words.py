"""``parley words``: wake phrases and stop words of the user's own."""

from __future__ import annotations

import argparse
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.messages.errors import BadInputError, ParleyError
from app.settings.paths import app_paths
from model.errors import ModelError

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage]

    from app.evaluation.own_words import OwnWordTrainer, Speak
    from model.cascade.synthesizer import Synthesizer
    from model.duplex.spotter.network import SpotterNetwork
    from model.duplex.spotter.own_words import Meaning
    from model.types import VoicePreset

EXIT_OK = 0
EXIT_FAILED = 1
_LONGEST_LETTERS, _SHORTEST_LETTERS = 40, {"en": 4, "zh": 2}
_N_REMEMBERED = 400  # phrases of one voice
_FAST_ENGINE = "hibari"
_MOST_SLOW_TALKERS = 2  # where the language has no fast voice


def add_words_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``words`` and its commands; each runs ``run_words``."""
    words = subparsers.add_parser("words", help="wake phrases and stop words of your own")
    words.set_defaults(run=run_words)
    commands = words.add_subparsers(dest="words_command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="what Parley listens for beside its own words")
    add = commands.add_parser("add", help="learn a phrase from the voices; takes some minutes")
    add.add_argument("phrase", metavar="PHRASE")
    add.add_argument("--stop", action="store_true", help="it stops the reply; default: it wakes")
    add.add_argument("--language", choices=("en", "zh"), default="en")
    remove = commands.add_parser("remove", help="forget a phrase")
    remove.add_argument("phrase", metavar="PHRASE")


def run_words(args: argparse.Namespace) -> int:
    """Run one of the commands; return the exit code. Raises ParleyError."""
    folder = app_paths().own_words
    try:
        match args.words_command:
            case "add":
                return _add(folder, args.phrase, "stop" if args.stop else "wake", args.language)
            case "remove":
                return _remove(folder, args.phrase)
            case _:
                return _list(folder)
    except ModelError as error:
        raise ParleyError(str(error)) from None


def _list(folder: Path) -> int:
    from model.duplex.spotter.own_words import read_own_words

    if not folder.is_dir():
        return EXIT_OK
    for word in read_own_words(folder, _network()):
        card = word.card
        scores = f"heard {card.scores.get('heard', 0.0):.0%} of the voices that it was checked with"
        sys.stdout.write(f"{card.phrase} ({card.meaning}, {card.language}): {scores}\n")
    return EXIT_OK


def _remove(folder: Path, phrase: str) -> int:
    from model.duplex.spotter.own_words import remove_own_word

    if not remove_own_word(folder, phrase):
        raise BadInputError(None, "PHRASE", f'there is no "{phrase}"', "see parley words list")
    return EXIT_OK


def _add(folder: Path, phrase: str, meaning: Meaning, language: str) -> int:
    from app.evaluation.own_words import LEAST_HEARD, MOST_FALSE_AN_HOUR
    from model.duplex.spotter.own_words import write_own_word

    phrase = " ".join(phrase.split())
    n_letters = sum(c.isalpha() for c in phrase)
    if not _SHORTEST_LETTERS[language] <= n_letters <= _LONGEST_LETTERS:
        what = f"must have {_SHORTEST_LETTERS[language]} to {_LONGEST_LETTERS} letters"
        raise BadInputError(None, "PHRASE", what, "choose another phrase")
    sys.stderr.write(f'learning "{phrase}" from the voices: some minutes ...\n')
    word, check = _trainer(phrase, meaning, language).train()
    what = f"heard {check.heard:.0%}, {check.false_an_hour:.1f} false alarms an hour"
    if not check.is_good_enough:
        sys.stderr.write(
            f'"{phrase}" is not taken: {what}; at least {LEAST_HEARD:.0%} and at most '
            f"{MOST_FALSE_AN_HOUR:g} are needed; choose a longer phrase of rarer words\n"
        )
        return EXIT_FAILED
    write_own_word(folder, word)
    sys.stdout.write(f'"{phrase}" is taken ({what}) and heard from the next start on\n')
    return EXIT_OK


def _trainer(phrase: str, meaning: Meaning, language: str) -> OwnWordTrainer:
    from app.evaluation.own_words import OwnWordTrainer
    from model.cascade.synthesizer import Synthesizer
    from model.duplex.spotter.own_words import OwnWordCard, fingerprint
    from model.store.packages import default_folder

    network = _network()
    synthesizer = Synthesizer(default_folder())
    presets = [voice for voice in synthesizer.voices() if voice.language == language]
    if not presets:
        what = f"no voice for {language} is installed"
        raise BadInputError(None, "--language", what, "see parley voices")
    voices = [_speak(synthesizer, preset, language) for preset in presets]
    fast = [v for v, p in zip(voices, presets, strict=True) if p.engine == _FAST_ENGINE]
    card = OwnWordCard(phrase, language, meaning, fingerprint(network), 1.0)
    talkers = fast or voices[:_MOST_SLOW_TALKERS]
    return OwnWordTrainer(network, card, voices, talkers, _texts(language))


def _speak(synthesizer: Synthesizer, preset: VoicePreset, language: str) -> Speak:
    import soxr

    from audio_io.frames import ENGINE_RATE_HZ
    from model.cascade.engines import RATE_HZ
    from model.types import VoiceChoice

    voice = synthesizer.resolve(VoiceChoice(preset.id), language)

    @lru_cache(_N_REMEMBERED)
    def speak(text: str, rate: float):  # noqa: ANN202
        spoken = synthesizer.speak(text, voice, rate)
        return soxr.resample(spoken.samples, RATE_HZ, ENGINE_RATE_HZ, "HQ")

    return speak


def _network() -> SpotterNetwork:
    from model.duplex.lexicon import DEFAULT_FOLDER
    from model.duplex.spotter.network import read_spotter

    return read_spotter(DEFAULT_FOLDER)


def _texts(language: str) -> tuple[str, ...]:
    from app.cli.spotter_bench import spoken_texts

    return spoken_texts(language)
