"""The folders Parley uses on this computer. Nothing is created here.

Weights have their own place (``model.store.packages``): they are large and shared.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

HOME_VARIABLE = "PARLEY_HOME"

_APP = "parley"


@dataclass(frozen=True, slots=True)
class AppPaths:
    """Where things are kept."""

    config: Path
    data: Path
    cache: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.toml"

    @property
    def local_models_file(self) -> Path:
        """Folders of one's own that can be chosen as a model."""
        return self.config / "local_models.json"

    @property
    def history_file(self) -> Path:
        return self.data / "history.sqlite3"

    @property
    def recordings(self) -> Path:
        """Sound of conversations; stays empty unless recording was switched on."""
        return self.data / "recordings"


def app_paths(environment: Mapping[str, str] = os.environ) -> AppPaths:
    """The folders the system suggests, or all of them inside PARLEY_HOME where that is set."""
    home = environment.get(HOME_VARIABLE)
    if home:
        root = Path(home).expanduser().absolute()
        return AppPaths(root / "config", root / "data", root / "cache", root / "logs")
    return AppPaths(
        config=platformdirs.user_config_path(_APP, appauthor=False),
        data=platformdirs.user_data_path(_APP, appauthor=False),
        cache=platformdirs.user_cache_path(_APP, appauthor=False),
        logs=platformdirs.user_log_path(_APP, appauthor=False),
    )
