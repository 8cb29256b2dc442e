"""Gives the unnamed sub-graphs of an ONNX file a name, on the protobuf wire.

onnxruntime writes a model it has read from its own format with nameless ``If`` branches and then
refuses to read that file back. Naming them is all that is missing, and the ONNX package is a heavy
price for it. Knows nothing of what the graph computes.
"""

from __future__ import annotations

from collections.abc import Iterator

# Field numbers of onnx.proto3 (ONNX IR version 3 and later).
_MODEL_GRAPH = 7
_GRAPH_NODE = 1
_GRAPH_NAME = 2
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_GRAPH = 6
_WIRE_VARINT, _WIRE_FIXED64, _WIRE_BYTES, _WIRE_FIXED32 = 0, 1, 2, 5
_PATH_TO_SUBGRAPH = (_GRAPH_NODE, _NODE_ATTRIBUTE, _ATTRIBUTE_GRAPH)


def with_named_subgraphs(model: bytes) -> bytes:
    """Returns the model with every nameless branch (one level deep) named ``branch_N``.

    Raises:
        ValueError: these bytes are no protobuf message.
    """
    namer = _BranchNamer()
    return b"".join(
        _field(tag, namer.rewrite(body, _PATH_TO_SUBGRAPH) if tag >> 3 == _MODEL_GRAPH else body)
        for tag, body in _fields(memoryview(model))
    )


class _BranchNamer:
    def __init__(self) -> None:
        self._n_named = 0

    def rewrite(self, message: memoryview, path: tuple[int, ...]) -> bytes:
        if not path:
            return self._named(message)
        return b"".join(
            _field(tag, self.rewrite(body, path[1:]) if tag >> 3 == path[0] else body)
            for tag, body in _fields(message)
        )

    def _named(self, graph: memoryview) -> bytes:
        if any(tag >> 3 == _GRAPH_NAME and len(body) for tag, body in _fields(graph)):
            return bytes(graph)
        self._n_named += 1
        name = f"branch_{self._n_named}".encode()
        return bytes(graph) + _field((_GRAPH_NAME << 3) | _WIRE_BYTES, name)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yields (tag, payload); the payload of a non-length-delimited field is its raw encoding."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 2:  # _WIRE_BYTES
                size, at = _varint(message, at)
            case 0:  # _WIRE_VARINT
                size = _varint(message, at)[1] - at
            case 1:  # _WIRE_FIXED64
                size = 8
            case 5:  # _WIRE_FIXED32
                size = 4
            case _:
                raise ValueError(f"not a protobuf message: wire type {tag & 7} at byte {at}")
        if at + size > len(message):
            raise ValueError(f"not a protobuf message: a field of {size} bytes ends too late")
        yield tag, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
    raise ValueError("not a protobuf message: it ends inside a number")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(tag: int, body: bytes | memoryview) -> bytes:
    size = _encoded(len(body)) if tag & 7 == _WIRE_BYTES else b""
    return _encoded(tag) + size + bytes(body)
