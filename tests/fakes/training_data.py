"""Recordings and training files for tests of training data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile


def record(path: Path, seconds: float = 1.0, rate_hz: int = 16_000, n_channels: int = 1) -> Path:
    """Writes noise that differs by the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(path.name.encode())
    shape = (round(seconds * rate_hz), n_channels)
    noise = 0.1 * np.random.default_rng(seed).standard_normal(shape)
    soundfile.write(path, noise.astype(np.float32), rate_hz)
    return path


def spoken(question: str, answer: str, words: str, **more: Any) -> dict[str, Any]:
    """A line of speech-to-speech data."""
    return {
        "messages": [
            {"role": "user", "content": "<|audio|>"},
            {"role": "assistant", "content": f"{words}\n<|audio|>"},
        ],
        "audios": [question, answer],
        **more,
    }


def recognised(recording: str, words: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": "Convert the speech to text.\n<|audio|>"},
            {"role": "assistant", "content": words},
        ],
        "audios": [recording],
    }


def read_aloud(recording: str, words: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"Convert the text to speech.\n{words}"},
            {"role": "assistant", "content": "<|audio|>"},
        ],
        "audios": [recording],
    }


def written(question: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


def write_jsonl(path: Path, lines: list[Any]) -> Path:
    """Strings are written as they are."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path
