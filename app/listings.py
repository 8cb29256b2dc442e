"""Lists that a person chooses from: voices, devices, model files. Looks anew at every call.

Part of the composition root: it may know every plane, and nobody but the root knows it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from app.session.catalog import (
    DeviceChoice,
    Report,
    SessionCatalog,
    SpeechModelInfo,
    VoiceInfo,
    WeightInfo,
)
from app.settings.file import load_settings
from app.settings.paths import app_paths
from app.settings.settings import Settings
from audio_io.devices import DeviceInfo, list_devices, load_library
from audio_io.errors import AudioUnavailable
from model import catalog
from model.cascade.voices import read_voices, usable
from model.memory import free_memory
from model.store.hub import MIRROR_VARIABLE, default_hub_store
from model.store.hub_client import HuggingFaceHub
from model.store.models import LocalModels, ModelStore
from model.store.packages import FetchProgress, WeightStore, default_store
from model.types import VoicePreset

logger = logging.getLogger(__name__)


def default_model_store(mirror: str = "") -> ModelStore:
    """The user's model files.

    The mirror: as given, else PARLEY_HUB_MIRROR, else the setting "model.hub_mirror".
    """
    paths = app_paths()
    wanted = mirror or os.environ.get(MIRROR_VARIABLE, "")
    wanted = wanted or load_settings(paths.settings_file).settings.model.hub_mirror
    local = LocalModels(paths.local_models_file)
    return ModelStore(default_store(), default_hub_store(wanted), local)


_BYTES_PER_MB = 1e6


def session_catalog(model_store: ModelStore) -> SessionCatalog:
    """What the window's menus show."""
    store, mirror = model_store.weights, os.environ.get(MIRROR_VARIABLE, "")

    def apply(settings: Settings) -> None:
        model_store.hub.client = HuggingFaceHub(mirror or settings.model.hub_mirror)

    return SessionCatalog(
        voices=partial(list_voices, store),
        sample_sentence=sample_sentence,
        input_devices=partial(_choices, is_input=True),
        output_devices=partial(_choices, is_input=False),
        models=partial(list_weights, model_store),
        model_store=StoredModelFiles(model_store),
        speech_models=partial(list_speech_models, model_store),
        apply=apply,
    )


def list_voices(store: WeightStore) -> tuple[VoiceInfo, ...]:
    """All voices, whether their weights are here or not."""
    voices = read_voices()
    here = usable(voices, store.folder)
    return tuple(
        VoiceInfo(
            id=voice.preset.id,
            name=voice.preset.name,
            description=_described(voice.preset),
            language=voice.preset.language,
            is_available=name in here,
            needs=voice.preset.needs,
        )
        for name, voice in voices.items()
    )  # fmt: skip


def sample_sentence(preset: str) -> str:
    """What the preset says in a preview; the default voice's for a blend."""
    voices = read_voices()
    first = preset.partition("+")[0]
    voice = voices.get(preset) or voices.get(first) or next(iter(voices.values()))
    return voice.preset.sample_sentence


def list_weights(model_store: ModelStore) -> tuple[WeightInfo, ...]:
    """Every file of the manifest, and every repository of a hub as one."""
    store = model_store.weights
    files = tuple(
        WeightInfo(
            name=weight.name,
            title=weight.purpose,
            megabytes=weight.n_bytes / _BYTES_PER_MB,
            licence=weight.licence,
            is_present=store.is_present(weight.name),
            groups=weight.groups,
        )
        for weight in store.manifest.weights.values()
    )
    return files + tuple(
        WeightInfo(
            name=found.name,
            title=found.purpose,
            megabytes=model_store.n_bytes(found.name) / _BYTES_PER_MB,
            licence=found.licence,
            is_present=model_store.is_present(found.name),
            groups=found.groups,
        )
        for found in model_store.hub.manifest.repositories.values()
    )


def list_speech_models(model_store: ModelStore) -> tuple[SpeechModelInfo, ...]:
    """The embedded model, the large ones and folders of one's own; each with what it lacks here."""
    memory = free_memory()
    infos: list[SpeechModelInfo] = []
    for entry in catalog.catalog():
        if entry.name != catalog.DEFAULT_MODEL and not entry.is_heavy:
            continue  # a matter of "model.answers", or for tests
        state = model_store.readiness(entry.name, memory)
        infos.append(
            SpeechModelInfo(
                entry.name, entry.title, entry.size_mb, entry.licence, state.is_ready, state.reason
            )
        )
    for model in model_store.local.all():
        state = model_store.readiness(model.choice, memory)
        reason = f"{state.reason} ({model.folder})"
        infos.append(
            SpeechModelInfo(model.choice, model.name, 0.0, "", state.is_ready, reason, True)
        )
    return tuple(infos)


class StoredModelFiles:
    """All model files as the desk for downloads sees them; see ``ModelFiles``."""

    def __init__(self, model_store: ModelStore) -> None:
        self._model_store = model_store

    def missing(self, names: tuple[str, ...]) -> Mapping[str, int]:
        model_store = self._model_store
        return {
            name: model_store.n_bytes(name) for name in names if not model_store.is_present(name)
        }

    def fetch(self, names: tuple[str, ...], report: Report) -> None:
        def tell(progress: FetchProgress) -> None:
            report(progress.name, progress.n_done, progress.note, progress.n_bytes)

        self._model_store.fetch(names, tell)

    def remove(self, name: str) -> None:
        self._model_store.remove(name)

    def add(self, folder: str) -> None:
        self._model_store.add(Path(folder))


def devices() -> tuple[DeviceInfo, ...]:
    """What is plugged in; empty without a sound library."""
    try:
        return list_devices(load_library())
    except AudioUnavailable as error:
        logger.info("no devices to list: %s", error)
        return ()


def _choices(*, is_input: bool) -> tuple[DeviceChoice, ...]:
    return tuple(
        DeviceChoice(d.name, d.is_default_input if is_input else d.is_default_output)
        for d in devices()
        if (d.n_inputs if is_input else d.n_outputs)
    )


def _described(preset: VoicePreset) -> str:
    factor = preset.realtime_factor
    speed = "" if factor is None else f", CPU {factor:.0%}"  # of one core, while it speaks
    return f"{preset.accent}, {preset.gender}{speed}"
