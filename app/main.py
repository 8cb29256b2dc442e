"""The composition root: the only place that knows every implementation.

Hands makers of each role to those who build an engine from them. No logic of its own.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from app.errors import BadInputError
from app.parts import InlineModelWorker, Parts, Worker
from app.rules import Phrases
from app.settings import Settings
from audio_io.aec import CancellerSettings, NullEchoCanceller, WebRtcEchoCanceller
from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from audio_io.interfaces import EchoCanceller
from audio_io.resampler import resample
from audio_io.vad import SileroVad
from audio_io.watchdog import DeviceWatchdog
from model.catalog import CatalogEntry, catalog
from model.duplex.end_of_turn import BALANCED, EAGER, PATIENT
from model.duplex.lexicon import read_lexicons
from model.duplex.predictor import PredictorSettings, build_predictor
from model.errors import ModelError
from model.events import ModelEvent
from model.interfaces import DuplexPredictor
from model.weights import WeightStore, default_store

logger = logging.getLogger(__name__)

_PATIENCE = {"eager": EAGER, "balanced": BALANCED, "patient": PATIENT}
_VAD_WEIGHTS = "silero-vad"
# What one decision of the end-of-turn network takes on an idle core; charged in virtual time so that
# scenes repeat exactly. `parley bench turns` prints the measured value.
_PREDICTION_S = 0.06


def resources_folder() -> Path:
    """Data files beside the packages."""
    return Path(__file__).resolve().parents[1] / "resources"


def scenes_folder() -> Path:
    return resources_folder() / "scenes"


# -- parts -------------------------------------------------------------------------------------


def make_parts(store: WeightStore) -> Parts:
    """Makers of every role, on real weights. Raises ModelError for broken word lists."""
    lexicons = read_lexicons()
    phrases = Phrases(
        stop=tuple(word for lexicon in lexicons.values() for word in lexicon.stop_words),
        backchannels=tuple(word for lexicon in lexicons.values() for word in lexicon.backchannels),
    )
    return Parts(
        phrases=phrases,
        canceller=_canceller,
        detector=lambda: SileroVad(store.require(_VAD_WEIGHTS)),
        predictor=partial(_predictor, store),
        prediction_cost_s=_prediction_cost_s,
        backend=_backend,
        watchdog=DeviceWatchdog,
        worker=partial(_process_worker, store),
        inline_worker=partial(_inline_worker, store),
        synthesize=_Narrator(store).speak,
    )


def scene_parts(model: str) -> tuple[Settings, Parts]:
    """Default settings (so that results can be compared) and parts. Raises BadInputError."""
    store = default_store()
    settings = Settings()
    if model:
        _entry(model)
        settings = replace(settings, model=replace(settings.model, name=model))
    return settings, make_parts(store)


def _canceller(settings: Settings) -> EchoCanceller:
    audio = settings.audio
    if not audio.echo_cancellation:
        return NullEchoCanceller()
    return WebRtcEchoCanceller(
        CancellerSettings(
            noise_suppression=audio.noise_suppression, auto_gain_control=audio.gain_control
        )
    )


def _predictor(store: WeightStore, settings: Settings) -> DuplexPredictor:
    words = {"en": settings.conversation.extra_stop_words}
    patience = _PATIENCE[settings.conversation.patience]
    return build_predictor(
        store.folder, PredictorSettings(end_of_turn=patience, extra_stop_words=words)
    )


def _prediction_cost_s(predictor: DuplexPredictor) -> float:
    ran = getattr(predictor, "last_inference_s", 0.0) > 0.0
    return _PREDICTION_S if ran else 0.0


def _entry(name: str) -> CatalogEntry:
    entries = {entry.name: entry for entry in catalog()}
    if name not in entries:
        raise BadInputError(None, "--model", f"there is no model {name!r}", f"use one of: {', '.join(entries)}")
    return entries[name]
