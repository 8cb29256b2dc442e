"""The real program, asked one question and photographed while it answers.

    python packaging/live_window.py OUT.png THEME LANGUAGE [COMMAND ...]

COMMAND makes the question sound at the microphone (for example: paplay --device=room question.wav);
without it the question is typed. Settings are the defaults, nothing is saved, the conversation is
forgotten. Started by screenshots.py.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QTimer

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of this folder, which is no import root


from app.dialogue.state import Phase  # noqa: E402
from app.history.store import HistoryStore  # noqa: E402
from app.main import make_factories, session_catalog  # noqa: E402
from app.replay.recorder import Recorder  # noqa: E402
from app.session.session import Session  # noqa: E402
from app.session.snapshot import EngineSnapshot  # noqa: E402
from app.settings.settings import AppearanceSettings, Settings  # noqa: E402
from app.ui.application import make_application  # noqa: E402
from app.ui.main_window import MainWindow  # noqa: E402
from model.store.models import default_model_store  # noqa: E402
from model.store.packages import default_store  # noqa: E402

SIZE = (1240, 800)
LOOK_MS = 50
READY_LIMIT_S = 120.0  # a cold start of all models on a slow disk
ANSWER_LIMIT_S = 60.0
SPOKEN_SHARE = 0.45  # of the reply: some words heard, some still grey


class Photographer:
    """Follows the session like the window does and acts when it is time."""

    def __init__(self, session: Session, window: MainWindow, out: Path, ask: list[str]) -> None:
        self.code = 1
        self._session = session
        self._window = window
        self._out = out
        self._ask_with = ask
        self._asking: subprocess.Popen[bytes] | None = None
        self._is_asked = False
        self._n_looks = 0
        self.timer = QTimer(window)
        self.timer.timeout.connect(self._look)
        self.timer.start(LOOK_MS)

    def _look(self) -> None:
        picture = self._session.snapshot()
        self._n_looks += 1
        waited_s = self._n_looks * LOOK_MS / 1000
        if not self._is_asked:
            if picture.phase is Phase.LISTENING and not picture.loading:
                self._ask()
            elif waited_s > READY_LIMIT_S:
                self._give_up(f"still {picture.phase} ({picture.loading}) after {waited_s:.0f} s")
        elif _is_telling(picture):
            self._take()
        elif waited_s > ANSWER_LIMIT_S:
            self._give_up(f"no answer was heard within {waited_s:.0f} s")

    def _ask(self) -> None:
        self._is_asked = True
        self._n_looks = 0
        if self._ask_with:
            self._asking = subprocess.Popen(self._ask_with)
            return
        controls = self._window.middle.controls
        controls.text.setText(self._window.look.words("empty.try_3"))
        controls.submit.click()

    def _take(self) -> None:
        self._window.tick()
        self._out.parent.mkdir(parents=True, exist_ok=True)
        if self._window.grab().save(str(self._out)):
            sys.stdout.write(f"{self._out}\n")
            self.code = 0
        self._end()

    def _give_up(self, reason: str) -> None:
        sys.stderr.write(f"{self._out}: {reason}\n")
        self._end()

    def _end(self) -> None:
        self.timer.stop()
        if self._asking is not None:
            self._asking.terminate()
            self._asking.wait()
        self._window.close()


def _is_telling(picture: EngineSnapshot) -> bool:
    reply = next((line for line in reversed(picture.captions) if line.role == "assistant"), None)
    if reply is None or picture.phase is not Phase.SPEAKING or not reply.text:
        return False
    return reply.heard_chars >= SPOKEN_SHARE * len(reply.text)


def main(out: Path, theme: str, language: str, ask: list[str]) -> int:
    """Start the program, ask it something and write a picture of the window to ``out``."""
    appearance = AppearanceSettings(theme=theme, ui_language=language, show_diagnostics=True)
    settings = replace(Settings(), appearance=appearance)
    store = default_store()
    application = make_application()
    with tempfile.TemporaryDirectory() as folder:
        history = HistoryStore(None)
        session = Session(
            settings,
            history,
            make_factories(store),
            session_catalog(default_model_store(Path(folder) / "local_models.json")),
            Recorder(Path(folder), "unused"),
            lambda _: None,
        )
        session.start()
        try:
            window = MainWindow(session)
            window.resize(*SIZE)
            window.show()
            photographer = Photographer(session, window, out, ask)
            application.exec()
            return photographer.code
        finally:
            session.stop()
            history.close()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
