"""What each token id of a VITA-Audio vocabulary stands for; ids are always asked of the tokenizer.

The offset of the audio codes differs between the variants: it is never written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from model.errors import ModelError

N_CODES = 16_384  # of the GLM-4-Voice tokenizer


class TokenKind(StrEnum):
    """What the reader of a reply does with a token."""

    TEXT = "text"
    CODE = "code"
    BEGIN_AUDIO = "begin_audio"
    END_AUDIO = "end_audio"
    END = "end"
    PADDING = "padding"


@dataclass(frozen=True, slots=True)
class DecodedToken:
    """One token of a reply.

    Attributes:
        level: 0 came from the backbone, k + 1 from MCTP module k (in verified decoding: drafted by
            it and confirmed by the backbone).
    """

    id: int
    kind: TokenKind
    level: int


@dataclass(frozen=True, slots=True)
class TokenTable:
    """Ids of the special tokens, and which ids are audio codes.

    Attributes:
        im_start: begins a turn of the conversation; ``im_end`` ends it.
        audio: the placeholder that a prompt's audio replaces.
        context_of_audio: placeholder of one continuous frame; None in the discrete variants.
        first_code: id of audio code 0; the codes follow each other.
        end_ids: any of them ends a reply.
        n_used: ids from here on are rows that pad the embedding table.
    """

    im_start: int
    im_end: int
    audio: int
    begin_of_audio: int
    end_of_audio: int
    context_of_audio: int | None
    first_code: int
    n_codes: int
    end_ids: frozenset[int]
    n_used: int

    @classmethod
    def from_names(
        cls, id_of: Callable[[str], int | None], n_used: int, n_codes: int = N_CODES
    ) -> TokenTable:
        """Ask ``id_of`` for the id of every token.

        Raises:
            ModelError: a token is missing, or the codes do not follow each other.
        """

        def required(name: str) -> int:
            token_id = id_of(f"<|{name}|>")
            if token_id is None:
                raise ModelError(
                    f"the tokenizer has no token <|{name}|>; this is no VITA-Audio vocabulary"
                )
            return token_id

        first_code, last_code = required("audio_0"), required(f"audio_{n_codes - 1}")
        if last_code - first_code != n_codes - 1:
            raise ModelError(
                f"the tokenizer's audio codes have gaps: <|audio_0|> is {first_code} and "
                f"<|audio_{n_codes - 1}|> is {last_code}; this is another vocabulary"
            )
        return cls(
            im_start=required("im_start"),
            im_end=required("im_end"),
            audio=required("audio"),
            begin_of_audio=required("begin_of_audio"),
            end_of_audio=required("end_of_audio"),
            context_of_audio=id_of("<|context_of_audio|>"),
            first_code=first_code,
            n_codes=n_codes,
            end_ids=frozenset({required("im_end"), required("endoftext")}),
            n_used=n_used,
        )

    def kind_of(self, token_id: int) -> TokenKind:
        """Return what the reader of a reply does with the token."""
        if self.is_code(token_id):
            return TokenKind.CODE
        if token_id == self.begin_of_audio:
            return TokenKind.BEGIN_AUDIO
        if token_id == self.end_of_audio:
            return TokenKind.END_AUDIO
        if token_id in self.end_ids:
            return TokenKind.END
        return TokenKind.TEXT if token_id < self.n_used else TokenKind.PADDING

    def is_code(self, token_id: int) -> bool:
        """Return whether the token is an audio code."""
        return self.first_code <= token_id < self.first_code + self.n_codes

    def code_of(self, token_id: int) -> int:
        """Return the code, 0 … n_codes − 1, of an id for which ``is_code`` holds."""
        return token_id - self.first_code

    def id_of(self, code: int) -> int:
        """Return the token id of audio ``code``."""
        return self.first_code + code
