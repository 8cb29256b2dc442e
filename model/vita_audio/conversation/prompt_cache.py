"""What the language model has read of the conversation, kept in step with the prompt at hand.

Only what differs from the prompt before is computed. Knows no turn, no text and no sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from audio_io.frames import Samples
from model.types import CancelToken
from model.vita_audio.conversation.prompts import Prompt
from model.vita_audio.decoding.generator import DecodedToken, DecodeOptions, decode
from model.vita_audio.decoding.state import DecodingState, HeardSpan
from model.vita_audio.decoding.state_trace import StateTrace
from model.vita_audio.language_model.tokens import TokenTable

Encode = Callable[[Samples], Tensor]


class PromptMemory:
    """One conversation's decoding state.

    Args:
        encode: (t, 560) features to (t + 4, width) embeddings, the same for the same array; Plus
            variants.
        trace: what ``state`` tells its states to; None: nobody asks for them.
    """

    def __init__(
        self,
        state: DecodingState,
        table: TokenTable,
        encode: Encode | None = None,
        trace: StateTrace | None = None,
    ) -> None:
        self._state = state
        self._trace = trace
        self._table = table
        self._encode = encode
        self._n_prompt = 0

    def align(self, prompt: Prompt, features: Samples | None) -> int:
        """Reads ``prompt``; returns how many of its tokens had to be computed.

        Args:
            features: of the audio in the prompt, where it is continuous.
        """
        spans = self._spans(prompt, features)
        n_same = self._state.reuse(prompt.ids, spans)
        rest = [
            HeardSpan(span.start - n_same, span.features) for span in spans if span.start >= n_same
        ]
        self._state.prefill(prompt.ids[n_same:], rest)
        self._n_prompt = len(prompt.ids)
        return len(prompt.ids) - n_same

    def states(self, start: int, end: int) -> Tensor | None:
        """(end - start, width) backbone states of the prompt's tokens; None: not at hand."""
        return None if self._trace is None else self._trace.window(start, end)

    def decode(self, options: DecodeOptions, cancel: CancelToken) -> Iterator[DecodedToken]:
        """Answers the prompt."""
        return decode(self._state, self._table, options, cancel)

    def roll_back(self) -> None:
        """Forgets the answer, not the prompt: what was heard of it comes back as history."""
        self._state.crop(self._n_prompt)

    def _spans(self, prompt: Prompt, features: Samples | None) -> list[HeardSpan]:
        if not prompt.audio or features is None or self._encode is None:
            return []
        (span,) = prompt.audio
        return [HeardSpan(span.start, self._encode(features))]
