"""A progress bar on standard error, or none."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


class _Bar(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """A bar without tqdm's watching thread: items take long, every one of them is shown."""

    monitor_interval = 0


def with_progress(items: Collection[T], what: str, *, is_quiet: bool) -> Iterable[T]:
    """``items`` themselves when quiet."""
    return items if is_quiet else _Bar(items, desc=what, leave=False)
