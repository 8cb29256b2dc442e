"""The VITA-Audio models of the catalog, and local directories."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from model.cascade.cascade import open_recognizer
from model.errors import ModelError, WeightsError
from model.vita_audio.conversation.loading import VitaAudioOptions, load_parts
from model.vita_audio.conversation.speech_model import VitaAudioModel
from model.vita_audio.conversation.transcription import Recognizer

logger = logging.getLogger(__name__)

Options = Mapping[str, str | int | float | bool]
FOLDER = "vita-audio"  # below the weights folder; a folder for each hub repository


def build_boost(weights_dir: Path, options: Options) -> VitaAudioModel:
    return _build(weights_dir, options, "vita-audio-boost", "VITA-Audio-Boost")


def build_balance(weights_dir: Path, options: Options) -> VitaAudioModel:
    return _build(weights_dir, options, "vita-audio-balance", "VITA-Audio-Balance")


def build_plus_vanilla(weights_dir: Path, options: Options) -> VitaAudioModel:
    return _build(weights_dir, options, "vita-audio-plus-vanilla", "VITA-Audio-Plus-Vanilla")


def build_plus_boost(weights_dir: Path, options: Options) -> VitaAudioModel:
    return _build(weights_dir, options, "vita-audio-plus-boost", "VITA-Audio-Plus-Boost")


def build_local(weights_dir: Path, options: Options) -> VitaAudioModel:
    """Options: ``folder``, and ``name`` to go by. Raises ModelError without a folder."""
    folder = str(options.get("folder", ""))
    if not folder:
        raise ModelError("no folder was given; run: parley models add DIR")
    return _made(str(options.get("name", "local")), Path(folder), weights_dir, options)


def _build(weights_dir: Path, options: Options, name: str, repository: str) -> VitaAudioModel:
    return _made(name, weights_dir / FOLDER / repository, weights_dir, options)


def _made(name: str, folder: Path, weights_dir: Path, options: Options) -> VitaAudioModel:
    """Options: those of ``VitaAudioOptions`` by name, and ``language`` of the recogniser."""
    default = VitaAudioOptions()
    chosen = VitaAudioOptions(
        schedule=str(options.get("schedule", default.schedule)),
        device=str(options.get("device", default.device)),
        precision=str(options.get("precision", default.precision)),
        notes_manner=bool(options.get("notes_manner", default.notes_manner)),
        threads=int(options.get("threads", default.threads)),
        seed=int(options.get("seed", default.seed)),
        most_tokens=int(options.get("most_tokens", default.most_tokens)),
    )
    recognizer = partial(_recognizer, weights_dir, str(options.get("language", "auto")))
    return VitaAudioModel(name, partial(load_parts, folder, chosen, recognizer))


def _recognizer(weights_dir: Path, language: str) -> Recognizer | None:
    """The embedded default's, where its weights are: it writes down what the user says."""
    try:
        return open_recognizer(weights_dir, language)
    except WeightsError as error:
        logger.info("what the user says is not written down: %s", error)
        return None
