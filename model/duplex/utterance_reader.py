"""A text reader and its head as one opinion: is the user's utterance complete at this word?

Knows no sound and no time.
"""

from __future__ import annotations

from model.duplex.text_head import TextHead
from model.duplex.text_reader import TextReader


class HeadedReader:
    """See UtteranceReader."""

    def __init__(self, reader: TextReader, head: TextHead) -> None:
        self._reader = reader
        self._head = head
        self._last_inference_s = 0.0

    @property
    def last_inference_s(self) -> float:
        return self._last_inference_s

    def logit(self, text: str) -> float | None:
        """None for words the reader does not know. Raises ModelError when its runtime fails."""
        state = self._reader.state(text)
        self._last_inference_s = self._reader.last_inference_s
        return None if state is None else self._head.logit(state)
