"""A spoken conversation of the real session with its worker process, in a simulated room.

Usage: guarded_conversation.py MODEL NETWORK
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from app.dialogue.state import Phase
from app.main import make_factories, session_catalog
from app.settings.settings import Settings
from model.store.models import default_model_store
from model.store.packages import default_store
from tests.fakes import live as fakes

fakes.PATIENCE_S = 120.0  # a cold start of all engines on a busy machine


def main(model: str, network: str) -> int:
    settings = Settings().with_value("model", "name", model)
    settings = settings.with_value("privacy", "network", network)
    factories = make_factories(default_store())
    room = fakes.UnpluggableRoom()
    catalog = session_catalog(default_model_store(Path("no-such-list.json")))
    parts = replace(factories, backend=lambda _settings: room)
    with fakes.LiveSession(settings=settings, parts=parts, room=room, catalog=catalog) as talk:
        talk.wait_for_phase(Phase.LISTENING)
        question = factories.synthesize("What is the capital of Italy?", "")
        room.say(question, room.now_s + 0.1)
        heard = talk.wait_for_event("assistant_speech_ended")
    sys.stdout.write(f"{heard['heard_text']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
