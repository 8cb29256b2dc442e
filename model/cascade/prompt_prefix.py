"""The computed start of a prompt on disk, so that a fresh process need not compute it again.

Three seconds of one core become a millisecond. Holds the instructions of the assistant only, never
what anybody said; a file that does not fit its model is refused by the runtime and made anew.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.errors import ModelError

log = logging.getLogger(__name__)

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]

_FOLDER = "prefixes"
_SUFFIX = ".kv"
_N_KEPT = 12  # files of 3 MB: languages and models, and a few wishes how to talk


class PrefixStore:
    """Saved states of one model's slot 0, named after everything they depend on."""

    def __init__(self, weights: Path, runtime_version: str) -> None:
        self.folder = weights.parent / _FOLDER
        self._basis = f"{weights.name} {weights.stat().st_size} {runtime_version}"

    def restore(self, ask: Ask, prompt: str) -> bool:
        """Whether the slot now holds ``prompt``."""
        path = self._path(prompt)
        if not path.is_file():
            return False
        try:
            ask("/slots/0?action=restore", {"filename": path.name})
        except ModelError as error:
            log.info("the saved prompt is made anew: %s", error)
            path.unlink(missing_ok=True)
            return False
        return True

    def save(self, ask: Ask, prompt: str) -> None:
        """Keeps the slot's state as that of ``prompt``; a full disk only costs the next start."""
        path = self._path(prompt)
        partial = path.with_suffix(".partial")
        try:
            ask("/slots/0?action=save", {"filename": partial.name})
            partial.replace(path)
            files = sorted(self.folder.glob(f"*{_SUFFIX}"), key=lambda found: found.stat().st_mtime)
            for old in files[:-_N_KEPT]:
                old.unlink(missing_ok=True)
        except (ModelError, OSError) as error:
            log.info("the computed prompt was not kept: %s", error)
            partial.unlink(missing_ok=True)

    def _path(self, prompt: str) -> Path:
        digest = hashlib.sha256(f"{self._basis}\n{prompt}".encode()).hexdigest()
        return self.folder / f"{digest[:24]}{_SUFFIX}"
