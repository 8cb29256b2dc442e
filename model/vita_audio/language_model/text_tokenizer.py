"""Words to token ids and back, read from the tokenizer files of a model directory.

Runs no code of the directory. What people write is never read as a special token or as sound. Knows
no prompt and no model. That the published files load is not verified.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import Regex as TokenizersRegex
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

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
        if tokenizer.normalizer is not None:
            self._plain.normalizer = tokenizer.normalizer
        if tokenizer.pre_tokenizer is not None:
            self._plain.pre_tokenizer = tokenizer.pre_tokenizer

    @classmethod
    def from_directory(cls, directory: Path) -> TextTokenizer:
        """Reads ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``, and the added tokens.

        Raises:
            WeightsError: a file is missing or damaged.
            ModelError: the vocabulary is not that of VITA-Audio.
        """
        path = directory / TOKENIZER_FILE
        tokenizer = _read_tokenizer(path) if path.is_file() else _build_tokenizer(directory)
        _add_missing(tokenizer, directory)
        made = cls(tokenizer)
        try:
            _ = made.table
        except ModelError as error:
            raise ModelError(f"{directory}: {error}") from error
        return made

    @cached_property
    def table(self) -> TokenTable:
        """What the ids stand for. Raises ModelError where a token is missing."""
        return TokenTable.from_tokenizer(self)

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size(with_added_tokens=True)

    def convert_tokens_to_ids(self, tokens: str) -> int | None:
        """Id of the token with this name, None where there is none."""
        return self._tokenizer.token_to_id(tokens)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; names of special tokens and of codes in it stay text."""
        return self._plain.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ``ids``; special tokens, codes and padding say nothing."""
        stream = self.open_stream()
        return "".join(map(stream.push, ids)) + stream.finish()

    def open_stream(self) -> TextStream:
        """A reader for ids that come one by one."""
        return TextStream(self)

    def bytes_of(self, token_id: int) -> bytes:
        """UTF-8 of one id, which may begin or end within a character."""
        token = None if token_id in self._added else self._tokenizer.id_to_token(token_id)
        return bytes(_BYTE_OF[char] for char in token or "")


class TextStream:
    """Ids to text; a character comes out once its last byte is there."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        return self._decoder.decode(self._tokenizer.bytes_of(token_id))

    def finish(self) -> str:
        """The rest: a replacement character where the last one is incomplete."""
        return self._decoder.decode(b"", final=True)


def _read_tokenizer(path: Path) -> Tokenizer:
    _read_json(path)  # tells damage in one clear line, which the library does not
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise WeightsError(f"{path}: is no tokenizer: {error}; download it again") from error


def _build_tokenizer(directory: Path) -> Tokenizer:
    merges_path = directory / MERGES_FILE
    vocabulary = _read_json(directory / VOCABULARY_FILE)
    try:
        lines = merges_path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{merges_path}: cannot be read: {error}; download the model again"
        ) from error
    pairs = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    try:
        return _qwen_tokenizer(vocabulary, cast(list[tuple[str, str]], pairs))
    except Exception as error:  # the library raises nothing narrower
        raise WeightsError(
            f"{merges_path}: does not belong to {VOCABULARY_FILE}: {error}; download both again"
        ) from error


def _qwen_tokenizer(vocabulary: Mapping[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """Qwen2.5's byte-level pairs, without its added tokens."""
    tokenizer = Tokenizer(models.BPE(vocab=dict(vocabulary), merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    words = pre_tokenizers.Split(TokenizersRegex(PRETOKENIZE_REGEX), behavior="isolated")
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, as_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _add_missing(tokenizer: Tokenizer, directory: Path) -> None:
    """Adds what the files list beside the vocabulary; ids must come out as they say."""
    listed: dict[str, int] = {}
    if (directory / ADDED_FILE).is_file():
        listed |= _read_json(directory / ADDED_FILE)
    if (directory / SETTINGS_FILE).is_file():
        decoder = _read_json(directory / SETTINGS_FILE).get("added_tokens_decoder", {})
        listed |= {entry.get("content"): int(token_id) for token_id, entry in decoder.items()}
    missing = [name for name in listed if tokenizer.token_to_id(name) is None]
    missing.sort(key=listed.__getitem__)
    tokenizer.add_tokens([_added(name, special=False) for name in missing])
    for name, token_id in listed.items():
        if tokenizer.token_to_id(name) != token_id:
            raise ModelError(
                f"{directory}: {ADDED_FILE} or {SETTINGS_FILE} gives {name} the id {token_id}, the "
                f"vocabulary {tokenizer.token_to_id(name)}; the files are of different models"
            )


def _added(name: str, special: bool) -> AddedToken:
    return AddedToken(name, special=special, normalized=False)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error}; download the model again") from error
    except ValueError as error:
        raise WeightsError(f"{path}: is no JSON: {error}; download the model again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: holds no names; download the model again")
    return cast(dict[str, Any], content)


def _bytes_by_character() -> dict[str, int]:
    """How byte-level vocabularies write bytes: printable ones as themselves, the rest above 255."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    printable += range(ord("®"), ord("ÿ") + 1)
    rest = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + index): byte for index, byte in enumerate(rest)}


_BYTE_OF = _bytes_by_character()
