"""Renders every state of the window in both themes, English and Chinese, at 100 % and 200 %.

    python packaging/screenshots.py FOLDER [--only TEXT] [--ratio 2]
    python packaging/screenshots.py --live OUT.png [--theme dark] [--ask-with COMMAND]

The states come from the fakes of the window's tests and need neither a screen nor an engine.
``--live`` is the program itself (see live_window.py), on a screen of its own where Xvfb is there.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of this folder, which is no import root

from app.settings.settings import AppearanceSettings, PrivacySettings, Settings  # noqa: E402 - after the import root
from app.ui.application import make_application  # noqa: E402
from app.ui.main_window import MainWindow  # noqa: E402
from tests.fakes.session import FakeSession  # noqa: E402
from tests.fakes.window_states import STATES, example_history, table_id  # noqa: E402

SETTLE_S = 1.0  # the ring blends into a state within this
FRAMES = 30
WIDE = (1240, 800)
NARROW = (480, 560)
TALL = 1150  # a whole page of the settings
RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: a state of the window in a theme, a language and a size."""

    state: str
    theme: str
    language: str
    percent: int
    size: tuple[int, int]
    extra: str = ""

    @property
    def name(self) -> str:
        """Return the file name without its suffix."""
        width = f"-{self.size[0]}" if self.size != WIDE else ""
        extra = f"-{self.extra}" if self.extra else ""
        return f"{self.state}{extra}-{self.theme}-{self.language}-{self.percent}{width}"


def all_shots(states: tuple[str, ...]) -> Iterator[Shot]:
    """Yield every picture of the given states."""
    for theme in ("light", "dark"):
        for language in ("en", "zh"):
            for percent in (100, 200):
                for state in states:
                    yield Shot(state, theme, language, percent, WIDE)
                for page in ("audio", "voice", "conversation", "models", "privacy", "advanced"):
                    yield Shot("downloading", theme, language, percent, WIDE, f"settings_{page}")
                for step in range(4):
                    yield Shot("listening", theme, language, percent, WIDE, f"first_run_{step}")
                yield Shot("empty", theme, language, percent, WIDE, "voices")
                yield Shot("interrupted", theme, language, percent, WIDE, RECORDING)
                yield Shot("speaking", theme, language, percent, NARROW)
                yield Shot("device_lost", theme, language, percent, NARROW)
                yield Shot("empty", theme, language, percent, NARROW)


def take(shot: Shot, folder: Path) -> None:
    """Render one picture into ``folder``."""
    appearance = AppearanceSettings(
        theme=shot.theme,
        text_scale_percent=shot.percent,
        ui_language=shot.language,
        show_diagnostics=True,
    )
    store = example_history(shot.language)
    picture = STATES[shot.state](shot.language)
    if picture.conversation_id is not None:
        picture = replace(picture, conversation_id=table_id(store))
    time_s = 0.0

    def now() -> float:
        return time_s

    privacy = PrivacySettings(record_audio=shot.extra == RECORDING)
    session = FakeSession(picture, Settings(appearance=appearance, privacy=privacy), store)
    window = MainWindow(session, now=now)
    window.timer.stop()
    window.resize(*shot.size)
    window.show()
    shown = _extra(window, shot.extra)
    for _ in range(FRAMES):
        time_s += SETTLE_S / FRAMES
        window.tick()
    _process_events()
    (shown or window).grab().save(str(folder / f"{shot.name}.png"))
    if shown is not None:
        shown.close()
    window.close()
    window.deleteLater()
    _process_events()


def _extra(window: MainWindow, extra: str) -> QWidget | None:
    """Opens the dialog the shot is about; None for the window itself."""
    if extra.startswith("settings_"):
        window.open_settings(extra.removeprefix("settings_"))
        if window.settings_dialog is not None:
            window.settings_dialog.resize(window.settings_dialog.width(), TALL)
        return window.settings_dialog
    if extra.startswith("first_run_"):
        window.open_first_run()
        for _ in range(int(extra[-1])):
            window.first_run.next.click()
        return window.first_run
    return window.open_voice_menu() if extra == "voices" else None


def _process_events() -> None:
    """Deferred deletions too: they wait for an event loop that never runs here."""
    QApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()


def photograph_live(options: argparse.Namespace) -> int:
    """Runs live_window.py on a screen of its own; without Xvfb on the screen there is."""
    program = Path(__file__).with_name("live_window.py")
    command = [sys.executable, str(program), str(options.live), options.theme, options.language]
    command += shlex.split(options.ask_with)
    if shutil.which("Xvfb") is None:
        return subprocess.run(command, check=False).returncode
    reader, writer = os.pipe()
    screen = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(screen, pass_fds=(writer,), stderr=subprocess.DEVNULL) as server:
        os.close(writer)
        with os.fdopen(reader) as numbers:
            display = numbers.readline().strip()
        environment = {**os.environ, "DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"}
        try:
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            server.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--only", default="", help="take those whose name has this in it")
    parser.add_argument("--ratio", type=float, default=1.0, help="pixels for each logical pixel")
    parser.add_argument("--live", type=Path, metavar="OUT.png", help="start the real program")
    parser.add_argument("--theme", default="light", choices=("light", "dark"))
    parser.add_argument("--language", default="en", help="of the live window")
    parser.add_argument("--ask-with", default="", metavar="COMMAND", help="makes a question sound")
    options = parser.parse_args()
    if options.live is not None:
        return photograph_live(options)
    if options.folder is None:
        parser.error("name a folder, or --live and a file")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QT_SCALE_FACTOR", str(options.ratio))

    application = make_application()
    options.folder.mkdir(parents=True, exist_ok=True)
    shots = [shot for shot in all_shots(tuple(STATES)) if options.only in shot.name]
    for shot in shots:
        take(shot, options.folder)
        sys.stdout.write(f"{options.folder / shot.name}.png\n")
    application.quit()
    return 0 if shots else 1


if __name__ == "__main__":
    raise SystemExit(main())
