"""Folders that are there as a whole or not at all, whatever interrupts the writing.

Knows nothing of what is written. A folder is filled under another name and renamed at its end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from model.training.recipe import TrainingError

_PARTIAL = ".{name}.partial"
_OLD = ".{name}.old"
# In what torch.save says when a file cannot be written in full; it raises nothing narrower.
_TORCH_WRITER = ("PytorchStreamWriter", "inline_container", "iostream error")


def partial_of(target: Path) -> Path:
    """Where ``target`` is filled."""
    return target.with_name(_PARTIAL.format(name=target.name))


def begin_folder(target: Path) -> Path:
    """An empty folder to fill; what an interrupted run left there is gone."""
    partial = partial_of(target)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def finish_folder(target: Path) -> None:
    """The filled folder takes the place of ``target``, which may exist."""
    old = target.with_name(_OLD.format(name=target.name))
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(partial_of(target), target)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def writing(target: Path) -> Generator[None]:
    """Around all that writes below ``target``: removes what is half written.

    Raises:
        TrainingError: the disk is full or not writable.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        shutil.rmtree(partial_of(target), ignore_errors=True)
        reason = _reason(error)
        if not reason:
            raise
        raise TrainingError(
            f"{target} cannot be written: {reason}{_room_left(target)}; make room and run the "
            "same command again: it goes on from the last saved step"
        ) from error
    except BaseException:
        shutil.rmtree(partial_of(target), ignore_errors=True)
        raise


def _reason(error: Exception) -> str:
    """In words; "": it has nothing to do with files."""
    if isinstance(error, RuntimeError):
        is_of_writer = any(sign in str(error) for sign in _TORCH_WRITER)
        return "a file could not be written in full" if is_of_writer else ""
    return getattr(error, "strerror", None) or " ".join(str(error).split())


def _room_left(target: Path) -> str:
    for folder in target.parents:
        with contextlib.suppress(OSError):
            return f" ({shutil.disk_usage(folder).free >> 20} MiB free)"
    return ""
