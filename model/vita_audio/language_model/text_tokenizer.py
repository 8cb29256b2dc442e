"""Words to token ids and back: the library's Qwen2 tokenizer on the files of a model directory.

Runs no code of the directory. What people write is never read as a special token or as sound. That
the published files load is not verified.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer

from model.errors import ModelError, WeightsError
from model.vita_audio.language_model.tokens import TokenTable

TOKENIZER_FILE = "tokenizer.json"
VOCABULARY_FILE = "vocab.json"
MERGES_FILE = "merges.txt"
ADDED_FILE = "added_tokens.json"
SETTINGS_FILE = "tokenizer_config.json"


class TextTokenizer:
    """The vocabulary of one model directory."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._added = frozenset(tokenizer.get_added_tokens_decoder())
        # Shares everything but the added tokens: to it "<|im_end|>" is a word like any other.
        self._plain = Tokenizer(tokenizer.model)
        self._plain.normalizer = tokenizer.normalizer
        self._plain.pre_tokenizer = tokenizer.pre_tokenizer

    @classmethod
    def from_directory(cls, directory: Path) -> TextTokenizer:
        """Read ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``, and the added tokens.

        Raises:
            WeightsError: a file is missing or damaged.
            ModelError: the vocabulary is not that of VITA-Audio.
        """
        names = (TOKENIZER_FILE,)
        if not (directory / TOKENIZER_FILE).is_file():
            names = (VOCABULARY_FILE, MERGES_FILE)
        for name in names:
            if not (directory / name).is_file():
                raise WeightsError(f"{directory / name}: is missing; download the model again")
        try:
            library = Qwen2Tokenizer.from_pretrained(directory, local_files_only=True)
        except Exception as error:  # the libraries raise nothing narrower
            reason = " ".join(str(error).split())
            raise WeightsError(
                f"{directory / names[-1]}: cannot be read or does not belong to the other files of "
                f"the tokenizer: {reason}; download them again"
            ) from error
        made = cls(library.backend_tokenizer)
        made._require_listed(directory)
        try:
            _ = made.table
        except ModelError as error:
            raise ModelError(f"{directory}: {error}") from error
        return made

    @cached_property
    def table(self) -> TokenTable:
        """What the ids stand for. Raises ModelError if a token is missing."""
        return TokenTable.from_names(self.convert_tokens_to_ids, len(self))

    def __len__(self) -> int:
        """Return the number of ids in use."""
        return self._tokenizer.get_vocab_size(with_added_tokens=True)

    def convert_tokens_to_ids(self, name: str) -> int | None:
        """Return the id of the token with this name, or None."""
        return self._tokenizer.token_to_id(name)

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text; names of special tokens and of codes in it stay text."""
        return self._plain.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ``ids``; special tokens, codes and padding say nothing."""
        return self._tokenizer.decode([one for one in ids if one not in self._added])

    def open_stream(self) -> TextStream:
        """Return a reader for ids that come one by one."""
        return TextStream(self._tokenizer, self._added)

    def _require_listed(self, directory: Path) -> None:
        """Ids of added tokens must come out as the files say."""
        path = directory / ADDED_FILE
        for name, token_id in json.loads(path.read_text("utf-8")).items() if path.exists() else ():
            if self._tokenizer.token_to_id(name) != token_id:
                raise ModelError(
                    f"{path} gives {name} the id {token_id}, the vocabulary "
                    f"{self._tokenizer.token_to_id(name)}; the files are of different models"
                )


class TextStream:
    """Ids to text; a character comes out once its last byte is there."""

    def __init__(self, tokenizer: Tokenizer, added: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._added = added
        self._stream = DecodeStream()
        self._open: list[int] = []  # ids whose text has not come out

    def push(self, token_id: int) -> str:
        """Return the text that ``token_id`` completes; special tokens and codes say nothing."""
        if token_id in self._added:
            return ""
        self._open.append(token_id)
        text = self._stream.step(self._tokenizer, token_id)
        if text is None:
            return ""
        self._open.clear()
        return text

    def finish(self) -> str:
        """Return the rest: a replacement character where the last one is incomplete."""
        return self._tokenizer.decode(self._open)
