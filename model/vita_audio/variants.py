"""The VITA-Audio models of the catalog, and those of local folders."""

import logging
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path

from model.cascade.recognizer import open_recognizer
from model.errors import ModelError, WeightsError
from model.files.records import as_record
from model.vita_audio.conversation.loading import VitaAudioOptions, load_model
from model.vita_audio.conversation.speech_model import VitaAudioModel
from model.vita_audio.conversation.transcription import Recognizer

logger = logging.getLogger(__name__)

Options = Mapping[str, str | int | float | bool]
FOLDER = "vita-audio"  # below the weights folder; a folder for each hub repository


def build_local(weights_dir: Path, options: Options) -> VitaAudioModel:
    """Return the model in ``options["folder"]``. Raises ModelError without a folder."""
    folder = str(options.get("folder", ""))
    if not folder:
        raise ModelError("no folder was given; run: parley models add DIR")
    return _made(str(options.get("name", "local")), Path(folder), weights_dir, options)


def _build(name: str, repository: str, weights_dir: Path, options: Options) -> VitaAudioModel:
    return _made(name, weights_dir / FOLDER / repository, weights_dir, options)


build_boost = partial(_build, "vita-audio-boost", "VITA-Audio-Boost")
build_balance = partial(_build, "vita-audio-balance", "VITA-Audio-Balance")
build_plus_vanilla = partial(_build, "vita-audio-plus-vanilla", "VITA-Audio-Plus-Vanilla")
build_plus_boost = partial(_build, "vita-audio-plus-boost", "VITA-Audio-Plus-Boost")


def _made(name: str, folder: Path, weights_dir: Path, options: Options) -> VitaAudioModel:
    """Options: those of ``VitaAudioOptions`` by name, and ``language`` of the recogniser."""
    known = {one.name for one in fields(VitaAudioOptions)}
    given = {name: value for name, value in options.items() if name in known}
    chosen = as_record(given, VitaAudioOptions, ModelError)
    recognizer = partial(_recognizer, weights_dir, str(options.get("language", "auto")))
    return VitaAudioModel(name, partial(load_model, folder, chosen, recognizer))


def _recognizer(weights_dir: Path, language: str) -> Recognizer | None:
    """The embedded default's, where its weights are: it writes down what the user says."""
    try:
        return open_recognizer(weights_dir, language)
    except WeightsError as error:
        logger.info("what the user says is not written down: %s", error)
        return None
