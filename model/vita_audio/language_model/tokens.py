"""What each token id of a VITA-Audio vocabulary stands for; ids are always asked of the tokenizer.

The offset of the audio codes differs between the variants: it is never written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

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


class Vocabulary(Protocol):
    """The part of a tokenizer that the table needs."""

    def convert_tokens_to_ids(self, name: str, /) -> int | None:
        """Return the id of the token with this name, or None."""
        ...

    def __len__(self) -> int: ...


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
    def from_tokenizer(cls, tokenizer: Vocabulary, n_codes: int = N_CODES) -> TokenTable:
        """Ask ``tokenizer`` for every id.

        Raises:
            ModelError: a token is missing, or the codes do not follow each other.
        """

        def id_of(name: str) -> int:
            token_id = tokenizer.convert_tokens_to_ids(f"<|{name}|>")
            if token_id is None:
                raise ModelError(
                    f"the tokenizer has no token <|{name}|>; this is no VITA-Audio vocabulary"
                )
            return token_id

        first_code, last_code = id_of("audio_0"), id_of(f"audio_{n_codes - 1}")
        if last_code - first_code != n_codes - 1:
            raise ModelError(
                f"the tokenizer's audio codes have gaps: <|audio_0|> is {first_code} and "
                f"<|audio_{n_codes - 1}|> is {last_code}; this is another vocabulary"
            )
        return cls(
            im_start=id_of("im_start"),
            im_end=id_of("im_end"),
            audio=id_of("audio"),
            begin_of_audio=id_of("begin_of_audio"),
            end_of_audio=id_of("end_of_audio"),
            context_of_audio=tokenizer.convert_tokens_to_ids("<|context_of_audio|>"),
            first_code=first_code,
            n_codes=n_codes,
            end_ids=frozenset({id_of("im_end"), id_of("endoftext")}),
            n_used=len(tokenizer),
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
