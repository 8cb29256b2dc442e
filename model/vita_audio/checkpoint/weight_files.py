"""The safetensors files of a model directory: which tensor is where, and whether they all fit.

What must be there is told by name and shape. Nothing but safetensors is read, and torch is needed
for the tensors only, not for their names.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
from safetensors import SafetensorError, safe_open

from model.errors import WeightsError
from model.files.records import one_line, read_json

if TYPE_CHECKING:  # names are read where torch is not installed
    from torch import Tensor

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
REMEDY = "download it again"

_N_NAMED = 3  # names that a message spells out

Shape = tuple[int, ...]


class _Index(msgspec.Struct):
    weight_map: dict[str, str]


def listed_files(directory: Path) -> dict[str, str]:
    """Return the file name of every tensor in the index; empty if there is no index.

    Raises:
        WeightsError: the index is damaged, or names files outside of its directory.
    """
    path = directory / INDEX_NAME
    if not path.is_file():
        return {}
    listed = read_json(path, _Index, WeightsError, remedy=REMEDY).weight_map
    if any(Path(name).name != name for name in listed.values()):
        raise WeightsError(f"{path} names files in other directories; {REMEDY}")
    return listed


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """A complete set of files; each file's header was read, none of the tensors.

    Attributes:
        shapes: of every tensor, by name.
        file_of: the file of every tensor.
    """

    directory: Path
    shapes: Mapping[str, Shape]
    file_of: Mapping[str, Path]

    @classmethod
    def from_directory(cls, directory: Path) -> WeightFiles:
        """Read the index, or the single file of a small model, and every header.

        Raises:
            WeightsError: a file is missing or damaged, or the index names other tensors.
        """
        listed = listed_files(directory)
        names = sorted(set(listed.values())) or [SINGLE_NAME]
        missing = [name for name in names if not (directory / name).is_file()]
        if missing:
            raise WeightsError(f"{directory} lacks {some(missing)}; download the model again")
        shapes: dict[str, Shape] = {}
        file_of: dict[str, Path] = {}
        for path in (directory / name for name in names):
            with opened(path, "np") as file:
                found = {name: tuple(file.get_slice(name).get_shape()) for name in _keys(file)}
            absent = [key for key, name in listed.items() if name == path.name and key not in found]
            if absent:
                raise WeightsError(
                    f"{path} lacks {some(absent)}, which {INDEX_NAME} lists; "
                    "download both files again"
                )
            shapes |= found
            file_of |= dict.fromkeys(found, path)
        return cls(directory, shapes, file_of)

    def require(
        self,
        expected: Mapping[str, Shape],
        optional: Iterable[str] = (),
        is_ignored: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Check that the files hold exactly ``expected``, without ``optional`` names or with them.

        Args:
            is_ignored: tells of a name whether it may be there without being expected.

        Raises:
            WeightsError: a line each for missing and unexpected names and for other shapes.
        """
        wanted = {k: v for k, v in expected.items() if k in self.shapes or k not in set(optional)}
        problems = misfits(self.directory, self.shapes, wanted, is_ignored)
        if problems:
            raise WeightsError("\n".join(problems))

    @contextmanager
    def reading(self) -> Generator[Callable[[str], Tensor]]:
        """Hold the files open and return what reads a tensor by its name.

        CPU tensors stay backed by the file until they are converted.
        """
        with ExitStack() as stack:
            paths = sorted(set(self.file_of.values()))
            files = {path: stack.enter_context(opened(path, "pt")) for path in paths}

            def tensor(name: str) -> Tensor:
                path = self.file_of[name]
                try:
                    return files[path].get_tensor(name)
                except (SafetensorError, OSError) as error:
                    raise _damaged(path, error, REMEDY) from error

            yield tensor


@contextmanager
def opened(path: Path, framework: str, device: str = "cpu", remedy: str = REMEDY) -> Generator[Any]:
    """Hold a safetensors file open. Raises WeightsError if it is damaged or incomplete."""
    try:
        handle = safe_open(path, framework=framework, device=device)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error, remedy) from error
    with handle as file:
        yield file


def read_tensors(
    path: Path, device: str = "cpu", remedy: str = REMEDY
) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    """Return all tensors of one file, and its notes. Raises WeightsError if it is damaged."""
    with opened(path, "pt", device, remedy) as file:
        notes = cast(dict[str, str] | None, file.metadata()) or {}
        return {name: file.get_tensor(name) for name in _keys(file)}, notes


def misfits(
    place: Path,
    found: Mapping[str, Shape],
    expected: Mapping[str, Shape | None],
    is_ignored: Callable[[str], bool] = lambda _: False,
) -> list[str]:
    """Return a line each for missing and unexpected names and for tensors of another shape.

    Args:
        place: file or directory that the lines begin with.
        expected: shapes by name; None: any shape.
        is_ignored: tells of a name whether it may be there without being expected.
    """
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected and not is_ignored(key)]
    misshapen = [
        f"{key} is {_text(found[key])} and should be {_text(shape)}"
        for key, shape in expected.items()
        if shape is not None and found.get(key, shape) != shape
    ]
    return [
        f"{place} {problem}: {some(names)}"
        for problem, names in (
            ("lacks weights that its configuration asks for", missing),
            ("holds weights that its configuration does not ask for", unexpected),
            ("holds weights of another shape", misshapen),
        )
        if names
    ]


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    rest = len(names) - _N_NAMED
    return ", ".join(names[:_N_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _keys(file: Any) -> list[str]:  # noqa: ANN401  the library has no types
    return file.keys()


def _damaged(path: Path, error: Exception, remedy: str) -> WeightsError:
    return WeightsError(f"{path} is damaged or incomplete ({one_line(str(error))}); {remedy}")


def _text(shape: Shape) -> str:
    return " × ".join(map(str, shape))
