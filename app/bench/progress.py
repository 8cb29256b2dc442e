"""A progress bar on standard error, or none."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def with_progress(items: Collection[T], what: str, *, is_quiet: bool) -> Iterable[T]:
    """``items`` themselves when quiet: tqdm starts a thread even for a bar that is switched off."""
    return items if is_quiet else tqdm(items, desc=what, leave=False)
