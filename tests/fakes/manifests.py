"""Manifests made of plain documents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model.errors import WeightsError
from model.files.records import as_record
from model.store.manifest import Manifest, Weights, WeightsFile


def parse_weights(document: Mapping[str, object], file: str | Path) -> Weights:
    """Reads a document as ``load_weights`` reads the file of that name."""
    found = as_record(document, WeightsFile, WeightsError, file=Path(file))
    return Manifest({weight.name: weight for weight in found.weight}, found.groups)
