"""The safetensors files of a model directory: which tensor is where, and whether they all fit.

Knows no network: what must be there is told by name and shape. Nothing but safetensors is read.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from torch import Tensor

from model.errors import WeightsError

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"

_N_NAMED = 3  # names that a message spells out

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """A complete set of files; each tensor's header was read, none of the tensors.

    Attributes:
        shapes: of every tensor, by name.
        file_of: the file of every tensor.
    """

    directory: Path
    shapes: Mapping[str, Shape]
    file_of: Mapping[str, Path]

    @classmethod
    def from_directory(cls, directory: Path) -> WeightFiles:
        """Reads the index, or the single file of a small model, and every header.

        Raises:
            WeightsError: a file is missing or damaged, or the index names other tensors.
        """
        index, single = directory / INDEX_NAME, directory / SINGLE_NAME
        if not index.is_file():
            if not single.is_file():
                raise WeightsError(
                    f"{directory} holds neither {INDEX_NAME} nor {SINGLE_NAME}; "
                    "download the model again or choose its directory"
                )
            shapes = _read_shapes(single)
            return cls(directory, shapes, dict.fromkeys(shapes, single))
        listed = _read_index(index)
        paths = [directory / name for name in sorted(set(listed.values()))]
        missing = [path.name for path in paths if not path.is_file()]
        if missing:
            raise WeightsError(f"{directory} lacks {_some(missing)}; download the model again")
        shapes: dict[str, Shape] = {}
        file_of: dict[str, Path] = {}
        for path in paths:
            found = _read_shapes(path)
            shapes.update(found)
            file_of.update(dict.fromkeys(found, path))
            absent = [key for key, name in listed.items() if name == path.name and key not in found]
            if absent:
                raise WeightsError(
                    f"{path} lacks {_some(absent)}, which {INDEX_NAME} lists; "
                    "download both files again"
                )
        return cls(directory, shapes, file_of)

    def require(self, expected: Mapping[str, Shape], optional: Iterable[str] = ()) -> None:
        """Checks that the files hold exactly ``expected``.

        Args:
            optional: names that may be absent.

        Raises:
            WeightsError: a line each for missing and unexpected names and for other shapes.
        """
        missing = [key for key in expected if key not in self.shapes and key not in set(optional)]
        unexpected = [key for key in self.shapes if key not in expected]
        misshapen = [
            f"{key} is {_text(self.shapes[key])} in {self.file_of[key].name} and should be "
            f"{_text(shape)}"
            for key, shape in expected.items()
            if key in self.shapes and self.shapes[key] != shape
        ]
        lines = [
            f"{self.directory} {problem}: {_some(names)}"
            for problem, names in (
                ("lacks weights that config.json asks for", missing),
                ("holds weights that config.json does not ask for", unexpected),
                ("holds weights of another shape", misshapen),
            )
            if names
        ]
        if lines:
            raise WeightsError("\n".join(lines))

    @contextmanager
    def reading(self) -> Generator[WeightReader]:
        """Holds the files open. CPU tensors stay backed by the file until they are converted."""
        with ExitStack() as stack:
            handles: dict[Path, Any] = {}
            for path in sorted(set(self.file_of.values())):
                handles[path] = stack.enter_context(_opened(path))
            yield WeightReader(self, handles)


@dataclass(frozen=True, slots=True)
class WeightReader:
    """Reads single tensors out of open files."""

    _files: WeightFiles
    _handles: Mapping[Path, Any]

    def tensor(self, name: str) -> Tensor:
        path = self._files.file_of[name]
        try:
            return self._handles[path].get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise _damaged(path, error) from error


def _read_index(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        listed = cast(dict[str, str], content["weight_map"])
        # An index could otherwise name files outside of its directory.
        names = {Path(name).name for name in listed.values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is no index of weight files; download it again") from error
    if names != set(listed.values()):
        raise WeightsError(f"{path} names files in other directories; download it again")
    return listed


def _read_shapes(path: Path) -> dict[str, Shape]:
    with _opened(path) as handle:
        names = cast(list[str], handle.keys())
        return {name: tuple(handle.get_slice(name).get_shape()) for name in names}


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    try:
        handle = safe_open(path, framework="pt", device="cpu")
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    with handle as opened:
        yield opened


def _damaged(path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{path} is damaged or incomplete ({error}); download it again")


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _N_NAMED
    return ", ".join(names[:_N_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _text(shape: Shape) -> str:
    return " × ".join(map(str, shape))
