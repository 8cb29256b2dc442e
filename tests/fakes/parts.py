"""An engine without weights: detector by level, no echo to cancel, a scripted model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.engine.factories import Factories, Worker
from app.engine.rules import Phrases
from app.engine.virtual_time import VirtualTimeWorker
from app.settings.settings import Settings
from audio_io.frames import Samples
from audio_io.interfaces import StreamRequest
from audio_io.virtual_room import SilentBackend
from audio_io.watchdog import DeviceWatchdog, RestartableBackend
from model.duplex.lexicon import read_lexicons
from model.duplex.predictor import TrainedDuplexPredictor
from model.events import ModelEvent
from model.interfaces import DuplexPredictor
from model.scripted import Script, ScriptedModel
from model.worker.worker import InlineWorker
from tests.fakes.audio import EnergyVad, speech_like
from tests.fakes.duplex import CARD, RuleNetwork
from tests.fakes.thread_worker import ThreadWorker

RATE_HZ = 16_000


class Headphones:
    """An echo canceller with nothing to do that knows it."""

    has_converged = True
    echo_return_loss_db: float | None = None
    voice: Samples | None = None

    def process(self, near: Samples, far: Samples) -> Samples:
        del far
        return near

    def reset(self) -> None:
        """Nothing to forget."""


def utterance(seconds: float, seed: int = 1) -> Samples:
    """Sound of a user with 0.1 s of silence around it; no gap inside is long enough for a pause."""
    margin = np.zeros(RATE_HZ // 10, dtype=np.float32)
    return np.concatenate([margin, speech_like(seconds, seed), margin])


def spoken_text(text: str, voice: str) -> Samples:
    """0.35 s a word, so that written scenes need no synthesizer."""
    if voice:
        raise KeyError(voice)
    return utterance(0.35 * len(text.split()), seed=len(text))


def fake_parts(script: Script | None = None) -> Factories:
    """Deterministic parts around ``ScriptedModel``; the predictor goes by rules."""
    lexicons = read_lexicons()
    model_script = script or Script()

    def predictor(settings: Settings) -> DuplexPredictor:
        del settings
        return TrainedDuplexPredictor(RuleNetwork(), CARD, lexicons)

    def worker(settings: Settings, on_event: Callable[[ModelEvent], object]) -> Worker:
        del settings

        def emit(event: ModelEvent) -> None:
            on_event(event)

        return ThreadWorker(lambda: ScriptedModel(model_script), emit)

    def inline(settings: Settings) -> VirtualTimeWorker:
        del settings
        return InlineWorker(ScriptedModel(model_script))

    def backend(settings: Settings) -> RestartableBackend:
        del settings
        return SilentBackend("tests have no sound card")

    def watchdog(backend: RestartableBackend, request: StreamRequest) -> DeviceWatchdog:
        return DeviceWatchdog(backend, request)

    return Factories(
        phrases=Phrases(
            stop=tuple(word for lexicon in lexicons.values() for word in lexicon.stop_words),
            backchannels=tuple(w for lexicon in lexicons.values() for w in lexicon.backchannels),
        ),
        canceller=lambda _settings: Headphones(),
        detector=EnergyVad,
        predictor=predictor,
        prediction_cost_s=lambda _predictor: 0.0,
        backend=backend,
        watchdog=watchdog,
        worker=worker,
        inline_worker=inline,
        synthesize=spoken_text,
        resident_mb=lambda: 100.0,
    )
