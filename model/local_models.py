"""Folders of one's own that can be chosen as a model: a name and a path each, in one small file.

Forgetting one leaves the folder alone. Knows no layout (``vita_audio.directory``) and no settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from model.errors import WeightsError
from model.weights_sources import replacing

PREFIX = "local:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class LocalModel:
    name: str
    folder: Path

    @property
    def choice(self) -> str:
        """What stands in the settings."""
        return PREFIX + self.name


class LocalModels:
    """The list in ``file``; read anew at every call, so that two programs may use it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> tuple[LocalModel, ...]:
        return tuple(LocalModel(name, Path(folder)) for name, folder in self._read().items())

    def named(self, name: str) -> LocalModel:
        """``name`` with or without "local:". Raises WeightsError for one that is not listed."""
        plain = name.removeprefix(PREFIX)
        for model in self.all():
            if model.name == plain:
                return model
        known = ", ".join(model.name for model in self.all()) or "none"
        raise WeightsError(f"no folder was added as {plain!r}; added: {known}")

    def add(self, folder: Path, name: str = "") -> LocalModel:
        """Remembers ``folder``; again under the same name: replaces it.

        Raises:
            WeightsError: the name cannot be used, or the list cannot be written.
        """
        made = name or _NOT_IN_NAMES.sub("-", folder.absolute().name).strip("-.")
        if not _NAME.fullmatch(made):
            raise WeightsError(
                f"{made!r} is no name for a model; use letters, digits, '.', '_' and '-'"
            )
        self._write({**self._read(), made: str(folder.absolute())})
        return LocalModel(made, folder.absolute())

    def forget(self, name: str) -> LocalModel:
        """Takes it from the list; the folder stays. Raises WeightsError."""
        found = self.named(name)
        self._write({n: folder for n, folder in self._read().items() if n != found.name})
        return found

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            models = cast("Mapping[str, object]", content["models"])
            return {str(name): str(folder) for name, folder in models.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise WeightsError(f"{self._file}: cannot be read ({reason}); remove it") from error

    def _write(self, models: Mapping[str, str]) -> None:
        text = json.dumps({"models": models}, indent=2, ensure_ascii=False) + "\n"
        try:
            with replacing(self._file) as stream:
                stream.write(text.encode())
        except OSError as error:
            raise WeightsError(f"{self._file}: cannot be written: {error}") from error
