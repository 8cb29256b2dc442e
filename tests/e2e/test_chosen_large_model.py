"""A VITA-Audio folder is added, chosen while talking, interrupted, and replaced when it is killed.

The folder is tiny and says noise; processes and times are real.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest

pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from app.dialogue.events import StopRequested, TextSubmitted
from app.dialogue.state import Phase
from app.engine.factories import Worker
from app.session.commands import ApplySettings
from app.settings.settings import Settings
from model.catalog import entry
from model.events import ModelEvent
from model.scripted import Script, ScriptedModel
from model.store.hub import HubStore
from model.store.manifest import load_repositories, load_weights
from model.store.models import LocalModels, ModelStore
from model.store.packages import WeightStore
from model.worker.worker import ProcessWorker
from tests.fakes import live as live_session
from tests.fakes.live import LiveSession, UnpluggableRoom
from tests.fakes.parts import fake_parts
from tests.fakes.thread_worker import ThreadWorker
from tests.fakes.vita_checkpoints.tiny_model import write_tiny_model

ANSWER = "I go on."
PATIENCE_S = 90.0  # for a process that imports torch on a busy machine


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no process is killed for its memory there")
def test_a_folder_is_chosen_talks_is_interrupted_and_is_replaced_when_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_session, "PATIENCE_S", PATIENCE_S)
    weights = WeightStore(tmp_path, load_weights())
    hub = HubStore(tmp_path, load_repositories())
    model_store = ModelStore(weights, hub, LocalModels(tmp_path / "local.json"))
    choice = model_store.add(write_tiny_model(tmp_path / "mine"), "tiny")
    large: list[ProcessWorker] = []

    def worker(settings: Settings, on_event: Callable[[ModelEvent], object]) -> Worker:
        def emit(event: ModelEvent) -> None:
            on_event(event)

        if settings.model.name != choice:
            script = Script(replies=dict.fromkeys(range(9), ANSWER))
            return ThreadWorker(lambda: ScriptedModel(script), emit)
        large.append(ProcessWorker(choice, tmp_path, emit, model_store.options_for(choice)))
        return large[-1]

    parts = replace(fake_parts(), worker=worker, is_heavy=lambda s: entry(s.model.name).is_heavy)
    with LiveSession(parts=parts, room=UnpluggableRoom()) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.send(ApplySettings(Settings().with_value("model", "name", choice)))
        live.wait_for("the large model", lambda p: any("talks now" in n.text for n in p.notices))
        live.wait_for_phase(Phase.LISTENING)
        live.send(TextSubmitted("Hello."))
        live.wait_for("words", lambda p: any(line.heard_chars > 2 for line in p.captions))
        live.send(StopRequested())
        assert live.wait_for_event("assistant_speech_ended")["was_cut"]
        live.wait_for_phase(Phase.LISTENING)
        live.send(TextSubmitted("And again?"))
        live.wait_for_event("assistant_speech_started", 2)
        assert large[0].pid is not None
        killed_s = perf_counter()
        os.kill(large[0].pid, signal.SIGKILL)
        live.wait_for_event("model_left", 2)
        live.wait_for("another model", lambda _p: live.session.dialogue.state.is_model_ready)
        assert perf_counter() - killed_s < 3.0
        live.wait_for_phase(Phase.LISTENING)
        live.send(TextSubmitted("Are you there?"))
        live.wait_for("its answer", lambda p: any(line.text == ANSWER for line in p.captions))
        said = [line.text for line in live.now.captions if line.role == "user"]
        assert said == ["Hello.", "And again?", "Are you there?"]
        assert any("not enough memory for" in n.text for n in live.now.notices)
    assert live.survivors == ()
