"""The window on a real session of fakes: answers one question, takes its own picture, and closes.

Usage: window_program.py PICTURE.png
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from app.dialogue.events import TextSubmitted
from app.dialogue.state import Phase
from app.ui.application import run_window
from model.scripted import Script
from tests.fakes.live import LiveSession


def main(picture: Path) -> int:
    live = LiveSession(Script(replies={1: "Yes, it is true, and you can read it here."}))
    live.session.start()
    live.wait_for_phase(Phase.LISTENING)
    live.send(TextSubmitted("Is it true?"))
    live.wait_for_phase(Phase.SPEAKING)
    survivors: list[str] = []
    code = run_window(
        live.session,
        on_quit=lambda: survivors.extend(live.session.stop()),
        first_run=False,
        screenshot_path=picture,
    )
    others = [thread.name for thread in threading.enumerate() if thread.name != "MainThread"]
    sys.stdout.write(f"survivors: {survivors + others}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
