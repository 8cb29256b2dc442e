"""What the language model has read of the conversation, kept in step with the prompt at hand.

Only what differs from the prompt before is computed.
"""

from collections.abc import Callable, Iterator

from torch import Tensor

from audio_io.frames import Samples
from model.types import CancelToken
from model.vita_audio.conversation.prompts import Prompt
from model.vita_audio.decoding.generator import DecodeOptions, decode
from model.vita_audio.decoding.state import DecodingState, HeardSpan
from model.vita_audio.language_model.tokens import DecodedToken, TokenTable


class PromptCache:
    """One conversation's decoding state.

    Args:
        encode: (t, 560) features to (t + 4, width) embeddings, the same for the same array; Plus
            variants.
    """

    def __init__(
        self,
        state: DecodingState,
        table: TokenTable,
        encode: Callable[[Samples], Tensor] | None = None,
    ) -> None:
        self._state = state
        self._table = table
        self._encode = encode
        self._n_prompt = 0

    def align(self, prompt: Prompt, features: Samples | None) -> int:
        """Read ``prompt`` and return how many of its tokens had to be computed.

        Args:
            features: of the audio in the prompt, where it is continuous.
        """
        spans: list[HeardSpan] = []
        if prompt.audio is not None and features is not None and self._encode is not None:
            spans = [HeardSpan(prompt.audio.start, self._encode(features))]
        n_same = self._state.reuse(prompt.ids, spans)
        rest = [
            HeardSpan(span.start - n_same, span.features) for span in spans if span.start >= n_same
        ]
        self._state.prefill(prompt.ids[n_same:], rest)
        self._n_prompt = len(prompt.ids)
        return len(prompt.ids) - n_same

    def states(self, start: int, end: int) -> Tensor | None:
        """Return the backbone states (end - start, width) of prompt tokens; None: not at hand."""
        return self._state.traced(start, end)

    def decode(self, options: DecodeOptions, cancel: CancelToken) -> Iterator[DecodedToken]:
        """Answer the prompt, one token at a time."""
        return decode(self._state, self._table, options, cancel)

    def roll_back(self) -> None:
        """Forget the answer, not the prompt: what was heard of it comes back as history."""
        self._state.crop(self._n_prompt)
