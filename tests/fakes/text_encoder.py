"""A reader of words without a language model, and a head whose weights say what it looks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from model.duplex.text_turn_detector import STATE_SIZE, State, spoken_words


class FakeTextEncoder:
    """A state's first value is how open its text is: 1 after one of ``open_words``, else -1."""

    def __init__(self, *open_words: str) -> None:
        self.open_words = open_words or ("the", "and", "with", "to")
        self.read: list[str] = []
        self.is_closed = False
        self.last_inference_s = 0.09

    def state(self, text: str) -> State | None:
        words = spoken_words(text)
        if not words:
            return None
        self.read.append(text)
        state = np.zeros(STATE_SIZE, np.float32)
        state[0] = 1.0 if words[-1] in self.open_words else -1.0
        return state

    def close(self) -> None:
        self.is_closed = True


def write_head(path: Path) -> Path:
    """Weights that give log-odds of -2 for an open text of the fake reader, 2 for another."""
    hidden = np.zeros((2, STATE_SIZE), np.float32)
    hidden[0, 0], hidden[1, 0] = 1.0, -1.0
    save_file(
        {
            "mean": np.zeros(STATE_SIZE, np.float32),
            "scale": np.ones(STATE_SIZE, np.float32),
            "hidden.weight": hidden,
            "hidden.bias": np.zeros(2, np.float32),
            "output.weight": np.array([-2.0, 2.0], np.float32),
            "output.bias": np.zeros(1, np.float32),
        },
        path,
    )
    return path
