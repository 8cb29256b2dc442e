"""The composition root: the only place that knows every implementation of every role."""

import hashlib
import logging
import os
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from pathlib import Path

import numpy as np
import psutil

from app.engine.factories import Factories, Worker
from app.engine.rules import Phrases, thresholds
from app.engine.virtual_time import VirtualTimeWorker
from app.history.opening import open_history
from app.messages.errors import BadInputError
from app.messages.logs import logging_to
from app.replay.recorder import Recorder
from app.session.catalog import SessionCatalog, VoiceInfo, device_choices
from app.session.session import Session
from app.settings.file import load_settings, save_settings
from app.settings.paths import app_paths
from app.settings.settings import Settings
from audio_io.aec import CancellerSettings, NullEchoCanceller, WebRtcEchoCanceller
from audio_io.errors import AudioUnavailable
from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from audio_io.interfaces import EchoCanceller
from audio_io.portaudio import PortAudioBackend
from audio_io.resampler import resample
from audio_io.thread_priority import SystemPriority, ThreadPriority
from audio_io.vad import SileroVad
from audio_io.virtual_room import SilentBackend
from audio_io.watchdog import DeviceWatchdog, RestartableBackend
from model import catalog, duplex
from model.cascade.clauses import ClauseSplitter
from model.cascade.engines import RATE_HZ as SYNTHESIS_RATE_HZ
from model.cascade.synthesizer import Synthesizer
from model.cascade.voices import read_voices, usable
from model.duplex.lexicon import read_lexicons
from model.duplex.predictor import PredictorSettings, TrainedDuplexPredictor
from model.duplex.predictor_factory import PredictorFactory
from model.duplex.spotter.stream import spotters
from model.errors import ModelError
from model.events import ModelEvent
from model.interfaces import DuplexPredictor
from model.store.models import PREFIX, LocalModels, ModelStore, default_model_store
from model.store.network import NETWORK
from model.store.packages import WeightStore, default_store
from model.types import VoiceChoice
from model.worker.worker import InlineWorker, ProcessWorker

logger = logging.getLogger(__name__)

_MOST_THREADS = 4
_QUICK = "cascade-quick"
_VAD_WEIGHTS = "silero-vad"
_PREDICTOR_WEIGHTS = ("smart-turn", "smollm2-135m")
_PREDICTOR_FILES = (".toml", ".json", ".safetensors")
# What judging the sound of a pause and reading its words take on an idle core; charged in virtual
# time so that scenes repeat exactly. `parley bench duplex` prints the measured values.
_SOUND_S = 0.06
_READING_S = 0.1


RESOURCES = Path(__file__).resolve().parents[1] / "resources"
"""Data files beside the packages."""


# -- factories ---------------------------------------------------------------------------------


def make_factories(store: WeightStore) -> Factories:
    """Return factories of every role, on real weights. Raises ModelError for broken word lists."""
    lexicons = read_lexicons()
    phrases = Phrases(
        stop=tuple(word for lexicon in lexicons.values() for word in lexicon.stop_words),
        backchannels=tuple(word for lexicon in lexicons.values() for word in lexicon.backchannels),
    )
    priority = SystemPriority()
    return Factories(
        phrases=phrases,
        canceller=_canceller,
        detector=lambda: SileroVad(store.require(_VAD_WEIGHTS)),
        predictor=_predictors(store),
        prediction_cost_s=_prediction_cost_s,
        spotter=spotters(own_words=app_paths().own_words),
        backend=partial(_backend, priority),
        watchdog=DeviceWatchdog,
        worker=partial(_process_worker, store),
        inline_worker=partial(_inline_worker, store),
        synthesize=_narrator(store),
        resident_mb=_resident_mb,
        is_heavy=partial(_is_heavy, store),
        predictor_weights=partial(_predictor_weights, store),
        priority=priority,
    )


def scene_factories(model: str) -> tuple[Settings, Factories]:
    """Return default settings, so that results can be compared, and factories.

    Raises:
        BadInputError: there is no such model.
    """
    store = default_store()
    settings = Settings()
    if model:
        try:
            catalog.entry(model)
            if model.startswith(PREFIX):
                _local_models().named(model)
        except ModelError as error:
            raise BadInputError(None, "--model", str(error)) from None
        settings = settings.with_value("model", "name", model)
    return settings, make_factories(store)


def _resident_mb() -> float:
    return psutil.Process().memory_info().rss / (1 << 20)


def _canceller(settings: Settings) -> EchoCanceller:
    audio = settings.audio
    if not audio.echo_cancellation:
        return NullEchoCanceller()
    return WebRtcEchoCanceller(
        CancellerSettings(
            noise_suppression=audio.noise_suppression, auto_gain_control=audio.gain_control
        )
    )


def _predictors(store: WeightStore) -> Callable[[Settings], DuplexPredictor]:
    """Return what makes predictors; they share weights, which are read when first needed."""
    shared = cache(lambda: PredictorFactory(store.folder))

    def predictor(settings: Settings) -> DuplexPredictor:
        conversation = settings.conversation
        return shared().predictor(
            PredictorSettings(
                endpointing_mode=conversation.endpointing_mode,
                thresholds=thresholds(settings),
                longest_wait_ms=conversation.endpoint_max_wait_ms,
                extra_stop_words={"en": conversation.extra_stop_words},
            )
        )

    return predictor


def _prediction_cost_s(predictor: DuplexPredictor) -> float:
    if not isinstance(predictor, TrainedDuplexPredictor):
        return 0.0
    sound_s = _SOUND_S if predictor.detectors.last_sound_s > 0.0 else 0.0
    return sound_s + (_READING_S if predictor.detectors.last_text_s > 0.0 else 0.0)


def _predictor_weights(store: WeightStore) -> dict[str, str]:
    """Return checksums of what predictors read and of their code; "" for a missing weight."""
    known = store.manifest.entries
    weights = {
        name: known[name].sha256 if store.is_present(name) else "" for name in _PREDICTOR_WEIGHTS
    }
    own = (RESOURCES / "duplex").iterdir()
    files = {path.name: path for path in own if path.suffix in _PREDICTOR_FILES}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    code = sorted(Path(duplex.__path__[0]).glob("*.py"))
    digests[duplex.__name__] = hashlib.sha256(b"".join(p.read_bytes() for p in code)).hexdigest()
    return dict(sorted((weights | digests).items()))


def _model_name(store: WeightStore, settings: Settings) -> str:
    """Return the model the settings ask for, or the quick one where only that one is here."""
    model = settings.model
    if model.name != catalog.DEFAULT_MODEL:
        return model.name
    wanted = model.name if model.answers == "standard" else f"{model.name}-{model.answers}"
    here = {
        name: all(store.is_present(weight) for weight in catalog.entry(name).weights)
        for name in (wanted, _QUICK)
    }
    return _QUICK if here[_QUICK] and not here[wanted] else wanted


def _model_options(settings: Settings) -> dict[str, str | int | float | bool]:
    # One core is left to sound and the window; more than four threads gain little on a small model.
    spare = max(1, min(_MOST_THREADS, (os.cpu_count() or 1) - 1))
    options: dict[str, str | int | float | bool] = {
        "llm_threads": settings.model.threads or spare,
        "language": settings.conversation.language,
        "prepares": settings.conversation.speculative,
        "persona": settings.conversation.persona,
        "voice": settings.voice.preset,
    }
    if settings.model.name != catalog.DEFAULT_MODEL:
        options["precision"] = settings.model.precision
        options["schedule"] = settings.model.rhythm
        options["notes_mood"] = settings.model.notes_mood
        options["threads"] = settings.model.threads
    if settings.model.name.startswith(PREFIX):
        options[catalog.DIRECTORY] = _local_folder(settings.model.name)
        options[catalog.NAME] = settings.model.name
    return options


def _local_folder(name: str) -> str:
    """Return a folder's place; its name if it was forgotten, for the model's own complaint."""
    try:
        return str(_local_models().named(name).folder)
    except ModelError as error:
        logger.warning("%s", error)
        return name


def _local_models() -> LocalModels:
    return LocalModels(app_paths().local_models_file)


def _is_heavy(store: WeightStore, settings: Settings) -> bool:
    try:
        return catalog.entry(_model_name(store, settings)).is_heavy
    except ModelError:
        return False  # the worker says what is wrong with the name


def _process_worker(
    store: WeightStore, settings: Settings, on_event: Callable[[ModelEvent], None]
) -> Worker:
    name, options = _model_name(store, settings), _model_options(settings)
    return ProcessWorker(name, store.folder, on_event, options)


def _inline_worker(store: WeightStore, settings: Settings) -> VirtualTimeWorker:
    model = catalog.build(_model_name(store, settings), store.folder, _model_options(settings))
    return InlineWorker(model)


def _backend(priority: ThreadPriority, settings: Settings) -> RestartableBackend:
    """Return real devices, or a silent room where there is no sound library at all."""
    del settings
    try:
        return PortAudioBackend(priority=priority)
    except AudioUnavailable as error:
        logger.warning("no sound: %s", error)
        return SilentBackend(str(error))


def _narrator(store: WeightStore) -> Callable[[str, str], Samples]:
    """Return what speaks the lines of written scenes, at 16 kHz; voices are read when needed.

    It raises KeyError for an unknown voice.
    """
    shared = cache(lambda: Synthesizer(store.folder))
    margin = np.zeros(ENGINE_RATE_HZ // 20, dtype=np.float32)

    def speak(text: str, voice: str) -> Samples:
        synthesizer, splitter = shared(), ClauseSplitter()
        known = {preset.id for preset in synthesizer.voices()}
        if voice and voice not in known and "+" not in voice:
            raise KeyError(voice)
        choice = synthesizer.resolve(VoiceChoice(voice or "heart"), "en")
        clauses = [*splitter.push(text), *splitter.finish()]
        spoken = [synthesizer.speak(clause.text, choice, 1.0).samples for clause in clauses]
        speech = resample(np.concatenate(spoken), SYNTHESIS_RATE_HZ, ENGINE_RATE_HZ)
        return frozen(np.concatenate([margin, speech, margin]))

    return speak


# -- lists -------------------------------------------------------------------------------------


def list_voices(store: WeightStore) -> tuple[VoiceInfo, ...]:
    """Return all voices, whether their weights are here or not."""
    voices = read_voices()
    here = usable(voices, store.folder)
    return tuple(VoiceInfo.of(v.preset, is_available=name in here) for name, v in voices.items())


def _sample_sentence(preset: str) -> str:
    """Return what a voice says in a preview; the first voice's sentence for a blend."""
    voices = read_voices()
    first = preset.partition("+")[0]
    voice = voices.get(preset) or voices.get(first) or next(iter(voices.values()))
    return voice.preset.sample_sentence


def session_catalog(model_store: ModelStore) -> SessionCatalog:
    """Return the lists of the window's menus; each looks anew at every call."""
    return SessionCatalog(
        voices=partial(list_voices, model_store.weights),
        sample_sentence=_sample_sentence,
        input_devices=partial(device_choices, is_input=True),
        output_devices=partial(device_choices, is_input=False),
        models=model_store.files,
        model_store=model_store,
        speech_models=model_store.speech_models,
        apply=partial(_obey_network_settings, model_store),
    )


def _obey_network_settings(model_store: ModelStore, settings: Settings) -> None:
    NETWORK.obey(settings.privacy.network)
    model_store.use_mirror(settings.model.hub_mirror)


# -- the window --------------------------------------------------------------------------------


def open_window(*, is_first_run: bool) -> int:
    """Run session and window; return the exit code."""
    paths = app_paths()
    with logging_to(paths.logs):
        is_new = not paths.settings_file.exists()
        loaded = load_settings(paths.settings_file)
        settings = loaded.settings
        opened = open_history(paths.history_file, keep=settings.privacy.keep_history)
        store = default_store()
        parts = make_factories(store)
        name = f"{datetime.now().astimezone():%Y-%m-%d %H-%M-%S}"
        session = Session(
            settings,
            opened.store,
            parts,
            session_catalog(default_model_store(paths.local_models_file)),
            Recorder(paths.recordings, name, parts.predictor_weights),
            partial(save_settings, paths.settings_file),
        )
        session.start()
        for notice in (*loaded.notices, *opened.notices):
            session.notify(notice)
        from app.ui.application import run_window

        try:
            is_first = is_first_run or is_new
            return run_window(session, on_quit=partial(_end, session), first_run=is_first)
        finally:
            opened.store.close()


def _end(session: Session) -> None:
    survivors = session.stop()
    if survivors:
        logger.error("threads outlived the session: %s", ", ".join(survivors))
