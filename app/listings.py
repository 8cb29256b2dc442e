"""Lists that a person chooses from: voices, devices, model files. Looks anew at every call.

Part of the composition root: it may know every plane, and nobody but the root knows it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from app.commands import DeviceChoice, VoiceInfo, WeightInfo
from app.session_catalog import SessionCatalog
from app.weight_desk import Report
from audio_io.devices import DeviceInfo, list_devices, load_library
from audio_io.errors import AudioUnavailable
from model.cascade.voices import read_voices, usable
from model.interfaces import VoicePreset
from model.weights import FetchProgress, WeightStore

logger = logging.getLogger(__name__)

_BYTES_PER_MB = 1e6


def session_catalog(store: WeightStore) -> SessionCatalog:
    """What the window's menus show."""
    return SessionCatalog(
        voices=partial(list_voices, store),
        sample_sentence=sample_sentence,
        input_devices=partial(_choices, is_input=True),
        output_devices=partial(_choices, is_input=False),
        models=partial(list_weights, store),
        shelf=Shelf(store),
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


def list_weights(store: WeightStore) -> tuple[WeightInfo, ...]:
    """Every file of the manifest."""
    return tuple(
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


class Shelf:
    """The weights folder as the desk for downloads sees it; see ``WeightShelf``."""

    def __init__(self, store: WeightStore) -> None:
        self._store = store

    def missing(self, names: tuple[str, ...]) -> Mapping[str, int]:
        store = self._store
        return {n: store.manifest.named(n).n_bytes for n in names if not store.is_present(n)}

    def fetch(self, names: tuple[str, ...], report: Report) -> None:
        def tell(progress: FetchProgress) -> None:
            report(progress.name, progress.n_done, progress.note)

        self._store.fetch(names, tell)

    def remove(self, name: str) -> None:
        self._store.remove(name)


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
