"""The one error of making training data: something given is wrong, and what to do about it."""

from __future__ import annotations

from model.errors import ModelError


class DataError(ModelError):
    """One line that names the file, the key and the remedy."""
