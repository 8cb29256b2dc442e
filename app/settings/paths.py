"""The folders Parley uses on this computer; nothing is created here.

Weights have their own place (``model.store.packages``): they are large and shared.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

HOME_VARIABLE = "PARLEY_HOME"

_APP = "parley"


@dataclass(frozen=True, slots=True)
class AppPaths:
    """The folders, and the files in them that have a fixed name."""

    config: Path
    data: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """Return the settings of this user."""
        return self.config / "settings.toml"

    @property
    def local_models_file(self) -> Path:
        """Return the list of added folders that can be chosen as a model."""
        return self.config / "local_models.json"

    @property
    def history_file(self) -> Path:
        """Return the database of conversations."""
        return self.data / "history.sqlite3"

    @property
    def own_words(self) -> Path:
        """Return the folder for wake phrases and stop words of the user's own."""
        return self.data / "words"

    @property
    def recordings(self) -> Path:
        """Return the folder for sound; it stays empty unless recording was switched on."""
        return self.data / "recordings"


def app_paths(environment: Mapping[str, str] = os.environ) -> AppPaths:
    """Return the folders the system suggests, or all of them in PARLEY_HOME where that is set."""
    home = environment.get(HOME_VARIABLE)
    if home:
        root = Path(home).expanduser().absolute()
        return AppPaths(root / "config", root / "data", root / "logs")
    return AppPaths(
        config=platformdirs.user_config_path(_APP, appauthor=False),
        data=platformdirs.user_data_path(_APP, appauthor=False),
        logs=platformdirs.user_log_path(_APP, appauthor=False),
    )
