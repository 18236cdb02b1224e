"""The few ONNX messages that a graph needs, written in protobuf's wire format.

Source: onnx.proto3 (field numbers) and the protobuf encoding guide. Writing them here keeps the 30 MB `onnx` package
out of the base install; the tests read what is written back with that package and run its checker over it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

ELEMENT: Mapping[np.dtype, int] = {
    np.dtype(np.float32): 1,
    np.dtype(np.uint8): 2,
    np.dtype(np.int8): 3,
    np.dtype(np.int32): 6,
    np.dtype(np.int64): 7,
    np.dtype(np.bool_): 9,
}
"""TensorProto.DataType of each numpy type that a graph uses."""

Attribute = int | float | str | Sequence[int] | bytes
"""An operator's attribute; bytes are an encoded GraphProto (a branch of an If)."""


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF  # negative numbers take ten bytes, in two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _attribute(name: str, value: Attribute) -> bytes:
    """AttributeProto: name 1, f 2, i 3, s 4, g 6, ints 8, type 20."""
    match value:
        case int():
            body = _number(3, value) + _number(20, 2)
        case float():
            body = _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
        case str():
            body = _text(4, value) + _number(20, 3)
        case bytes():
            body = _bytes(6, value) + _number(20, 5)
        case _:
            body = b"".join(_number(8, item) for item in value) + _number(20, 7)
    return _text(1, name) + body


def node(
    op: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str, attributes: Mapping[str, Attribute]
) -> bytes:
    """NodeProto: input 1, output 2, op_type 4, attribute 5, domain 7."""
    return b"".join(
        [
            *(_text(1, name) for name in inputs),
            *(_text(2, name) for name in outputs),
            _text(4, op),
            *(_bytes(5, _attribute(name, value)) for name, value in attributes.items()),
            _text(7, domain),
        ]
    )


def tensor(name: str, array: np.ndarray) -> bytes:
    """TensorProto with its data inside: dims 1, data_type 2, name 8, raw_data 9."""
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, ELEMENT[array.dtype]) + _text(8, name) + _bytes(9, np.ascontiguousarray(array).tobytes())


def external_tensor(
    name: str, shape: Sequence[int], dtype: np.dtype, *, location: str, offset: int, length: int
) -> bytes:
    """TensorProto whose data lies in a file beside the model: external_data 13, data_location 14."""
    entries = {"location": location, "offset": str(offset), "length": str(length)}
    return b"".join(
        [
            *(_number(1, size) for size in shape),
            _number(2, ELEMENT[dtype]),
            _text(8, name),
            *(_bytes(13, _text(1, key) + _text(2, value)) for key, value in entries.items()),
            _number(14, 1),
        ]
    )


def value_info(name: str, dtype: np.dtype, shape: Sequence[int | str] | None) -> bytes:
    """ValueInfoProto: name 1, type 2 (tensor_type 1: elem_type 1, shape 2 (dim 1: dim_value 1, dim_param 2)).

    A shape of None leaves even the rank open.
    """
    kind = _number(1, ELEMENT[dtype])
    if shape is not None:
        kind += _bytes(2, b"".join(_bytes(1, _number(1, d) if isinstance(d, int) else _text(2, d)) for d in shape))
    return _text(1, name) + _bytes(2, _bytes(1, kind))


def graph(
    name: str,
    *,
    nodes: Iterable[bytes],
    inputs: Iterable[bytes] = (),
    outputs: Iterable[bytes] = (),
    initializers: Iterable[bytes] = (),
) -> bytes:
    """GraphProto: node 1, name 2, initializer 5, input 11, output 12."""
    return b"".join(
        [
            *(_bytes(1, item) for item in nodes),
            _text(2, name),
            *(_bytes(5, item) for item in initializers),
            *(_bytes(11, item) for item in inputs),
            *(_bytes(12, item) for item in outputs),
        ]
    )


def model(graph_bytes: bytes, *, opsets: Mapping[str, int], ir_version: int, producer: str) -> bytes:
    """ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8 (domain 1, version 2)."""
    imports = (_bytes(8, _text(1, domain) + _number(2, version)) for domain, version in opsets.items())
    return _number(1, ir_version) + _text(2, producer) + _bytes(7, graph_bytes) + b"".join(imports)
