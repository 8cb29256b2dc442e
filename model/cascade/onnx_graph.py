"""Edits of ONNX files on the protobuf wire; the ONNX package would be a heavy price for them."""

from collections.abc import Iterator

# Field numbers of onnx.proto3 (ONNX IR version 3 and later).
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_OUTPUT = 1, 2, 12
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_GRAPH = 6
_VALUE_NAME, _VALUE_TYPE, _TENSOR_TYPE = 1, 2, 1
_FLOAT_TENSOR = b"\x08\x01"  # TypeProto.Tensor.elem_type is float
_WIRE_BYTES = 2
_FIXED_SIZES = {1: 8, 5: 4}  # wire types of fixed64 and fixed32
_PATH_TO_SUBGRAPH = (_GRAPH_NODE, _NODE_ATTRIBUTE, _ATTRIBUTE_GRAPH)


def with_output(model: bytes, tensor: str) -> bytes:
    """Return the model with an inner float tensor declared as one more output.

    A protobuf message may be continued by appending fields: repeated ones are joined, so a tail
    of a few bytes adds the output without parsing the model.
    """
    kind = _bytes_field(_VALUE_TYPE, _bytes_field(_TENSOR_TYPE, _FLOAT_TENSOR))
    value = _bytes_field(_VALUE_NAME, tensor.encode()) + kind
    return model + _bytes_field(_MODEL_GRAPH, _bytes_field(_GRAPH_OUTPUT, value))


def with_named_subgraphs(model: bytes) -> bytes:
    """Return the model with every nameless branch (one level deep) named ``branch_N``.

    onnxruntime writes a model that it has read from its own format with nameless ``If`` branches
    and then refuses to read that file back.

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
        return bytes(graph) + _bytes_field(_GRAPH_NAME, name)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield (tag, payload); the payload of a field without a length is its raw encoding."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == _WIRE_BYTES:
            size, at = _varint(message, at)
        elif wire == 0:
            size = _varint(message, at)[1] - at
        elif wire in _FIXED_SIZES:
            size = _FIXED_SIZES[wire]
        else:
            raise ValueError(f"not a protobuf message: wire type {wire} at byte {at}")
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


def _bytes_field(number: int, body: bytes) -> bytes:
    return _field(number << 3 | _WIRE_BYTES, body)
