"""Training of the duplex predictor: its data, its network, and the heads it listens to."""

from pathlib import Path

from model.files.records import read_toml

TABLES = Path(__file__).resolve().parents[3] / "resources" / "training"
"""Folder of the word lists and sentence tables that texts are made of."""

Tables = dict[str, dict[str, tuple[str, ...]]]


def read_tables(name: str) -> Tables:
    """Read the lists of a file in ``TABLES``. Raises RecordError."""
    return read_toml(TABLES / name, Tables)
