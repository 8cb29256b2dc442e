"""Training of the duplex predictor: its data, its network, and the heads it listens to."""

from pathlib import Path

TABLES = Path(__file__).resolve().parents[3] / "resources" / "training"
"""Folder of the word lists and sentence tables that texts are made of."""
