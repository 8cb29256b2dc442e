"""Names of SenseVoice's tokens, read from its SentencePiece file.

Only the list of pieces is read, in protobuf's wire format; nothing of the file is run. Knows no
network. That the published file reads is not verified; files made by SentencePiece do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from model.errors import WeightsError

NAMES_FILE = "chn_jpn_yue_eng_ko_spectok.bpe.model"

_PIECES_FIELD = 1  # of the file's message: repeated, one per token
_NAME_FIELD = 1  # of a piece
_VARINT, _EIGHT_BYTES, _LENGTH_FIRST, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10  # bytes of 64 bits


def read_token_names(path: Path) -> tuple[str, ...]:
    """Names in the order of their ids. Raises WeightsError: the file is missing or damaged."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error}; download the model again") from error
    try:
        pieces = [value for field, value in _fields(content) if field == _PIECES_FIELD]
        names = tuple(_name(piece) for piece in pieces)
    except (ValueError, IndexError) as error:
        raise WeightsError(f"{path}: is no SentencePiece model ({error})") from error
    if not names:
        raise WeightsError(f"{path}: is no SentencePiece model (it has no pieces)")
    return names


def encode_token_names(names: Iterable[str]) -> bytes:
    """The pieces of a SentencePiece file, without scores and settings."""
    return b"".join(
        _field(_PIECES_FIELD, _field(_NAME_FIELD, name.encode("utf-8"))) for name in names
    )


def _name(piece: bytes) -> str:
    for field, value in _fields(piece):
        if field == _NAME_FIELD:
            return value.decode("utf-8")
    raise ValueError("a piece has no name")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields that have a length; numbers are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, kind = key >> 3, key & 0b111
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _LENGTH_FIRST:
            length, at = _varint(message, at)
            yield field, message[at : at + length]
            at += length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"field {field} is of the unknown kind {kind}")
        if at > len(message):
            raise ValueError(f"field {field} ends behind the file")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Seven bits per byte, lowest first; returns the number and where it ends."""
    value = 0
    for index in range(_LONGEST_VARINT):
        byte = message[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError("a number does not end")


def _field(field: int, content: bytes) -> bytes:
    length = len(content)
    encoded = bytearray()
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([field << 3 | _LENGTH_FIRST, *encoded, length]) + content
