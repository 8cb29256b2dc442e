"""Small language models that tests of several modules start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(name="small_language_model")
def _small_language_model() -> Callable[..., Any]:
    """Makes a random float64 model: 3 backbone layers, hidden 32, 64 ids, K modules."""
    pytest.importorskip("torch", reason="the speech-lm extra is not installed")
    pytest.importorskip("transformers", reason="the speech-lm extra is not installed")
    # Only here: the tests of this folder that need no torch are collected without it.
    from tests.fakes.vita_reference import small_language_model  # noqa: PLC0415

    return small_language_model
