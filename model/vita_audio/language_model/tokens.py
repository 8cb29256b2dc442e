"""What each token id of a VITA-Audio vocabulary stands for; ids are always asked of the tokenizer.

The offset of the audio codes differs between the variants: it is never written down. Knows no
model and no text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from model.errors import ModelError

N_CODES = 16_384  # of the GLM-4-Voice tokenizer

_UNKNOWN_NAME = "<|endoftext|>"  # of the token that some tokenizers answer with for any other
_END_NAMES = ("<|im_end|>", _UNKNOWN_NAME)
_NO_NAME = "<|no such token|>"


class TokenKind(StrEnum):
    """What the reader of a reply does with a token."""

    TEXT = "text"
    CODE = "code"
    BEGIN_AUDIO = "begin_audio"
    END_AUDIO = "end_audio"
    END = "end"
    PADDING = "padding"


class Vocabulary(Protocol):
    """Of a tokenizer, what the table needs."""

    def convert_tokens_to_ids(self, tokens: str) -> int | None: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class TokenTable:
    """Ids of the special tokens, and which ids are audio codes.

    Attributes:
        audio: the placeholder that a prompt's audio replaces.
        context_of_audio: placeholder of one continuous frame; None in the discrete variants.
        first_code: id of audio code 0; the codes follow each other.
        end_ids: any of them ends a reply.
        n_used: ids from here on are rows that pad the embedding table.
    """

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
        """Asks ``tokenizer`` for every id.

        Raises:
            ModelError: a token is missing, or the codes do not follow each other.
        """
        first_code = _required(tokenizer, "<|audio_0|>")
        last_code = _required(tokenizer, f"<|audio_{n_codes - 1}|>")
        if last_code - first_code != n_codes - 1:
            raise ModelError(
                f"the tokenizer's audio codes have gaps: <|audio_0|> is {first_code} and "
                f"<|audio_{n_codes - 1}|> is {last_code}; this is another vocabulary"
            )
        return cls(
            audio=_required(tokenizer, "<|audio|>"),
            begin_of_audio=_required(tokenizer, "<|begin_of_audio|>"),
            end_of_audio=_required(tokenizer, "<|end_of_audio|>"),
            context_of_audio=_known(tokenizer, "<|context_of_audio|>"),
            first_code=first_code,
            n_codes=n_codes,
            end_ids=frozenset(_required(tokenizer, name) for name in _END_NAMES),
            n_used=len(tokenizer),
        )

    def kind_of(self, token_id: int) -> TokenKind:
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
        return self.first_code <= token_id < self.first_code + self.n_codes

    def code_of(self, token_id: int) -> int:
        """Code 0 … n_codes − 1 of an id for which ``is_code`` holds."""
        return token_id - self.first_code

    def id_of(self, code: int) -> int:
        """Token id of audio ``code``."""
        return self.first_code + code


def _required(tokenizer: Vocabulary, name: str) -> int:
    token_id = _known(tokenizer, name)
    if token_id is None:
        raise ModelError(f"the tokenizer has no token {name}; this is no VITA-Audio vocabulary")
    return token_id


def _known(tokenizer: Vocabulary, name: str) -> int | None:
    """Id of ``name``; None where the tokenizer has no such token.

    Those of transformers answer with <|endoftext|> then, whose own name they know.
    """
    token_id = tokenizer.convert_tokens_to_ids(name)
    is_answer_to_anything = token_id == tokenizer.convert_tokens_to_ids(_NO_NAME)
    return None if is_answer_to_anything and name != _UNKNOWN_NAME else token_id
