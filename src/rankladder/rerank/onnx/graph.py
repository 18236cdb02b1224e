"""Writes a network as an ONNX graph: nodes one by one, weights straight to a file beside the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

import numpy as np

from rankladder.rerank.onnx import proto

MICROSOFT = "com.microsoft"
OPSETS = {"": 17, MICROSOFT: 1}
IR_VERSION = 8
_PAGE = 4096  # ONNX Runtime maps external weights into memory, which wants page-aligned offsets
_INLINE = 1024  # bytes; smaller constants live in the graph itself


class Graph:
    """A graph being written. Values are named by strings; every method that makes one returns its name."""

    def __init__(self, weights: BinaryIO, *, weights_name: str) -> None:
        self._weights = weights
        self._weights_name = weights_name
        self._nodes: list[bytes] = []
        self._inputs: list[bytes] = []
        self._initializers: list[bytes] = []
        self._constants: dict[tuple[object, ...], str] = {}
        self._count = 0

    def fresh(self, stem: str) -> str:
        """A value name that nothing else has."""
        self._count += 1
        return f"{stem}_{self._count}"

    def input(self, name: str, dtype: np.dtype, shape: Sequence[int | str]) -> str:
        """Declares an input of the whole graph."""
        self._inputs.append(proto.value_info(name, dtype, shape))
        return name

    def op(self, op: str, *inputs: str, domain: str = "", **attributes: proto.Attribute) -> str:
        """Appends an operator of one output; returns its name. An input named "" is left out."""
        return self._append(op, inputs, 1, domain, attributes)[0]

    def split(self, x: str, parts: int) -> tuple[str, ...]:
        """Cuts the last axis into equal parts."""
        return self._append("Split", (x,), parts, "", {"axis": -1})

    def _append(
        self, op: str, inputs: Sequence[str], outputs: int, domain: str, attributes: Mapping[str, proto.Attribute]
    ) -> tuple[str, ...]:
        names = tuple(self.fresh(op) for _ in range(outputs))
        self._nodes.append(proto.node(op, inputs, names, domain=domain, attributes=attributes))
        return names

    def weight(self, array: np.ndarray) -> str:
        """A constant of the graph; its bytes go to the weights file at once, so that one tensor is held at a time."""
        name = self.fresh("weight")
        if array.nbytes <= _INLINE:
            self._initializers.append(proto.tensor(name, array))
            return name
        offset = -(-self._weights.tell() // _PAGE) * _PAGE
        self._weights.seek(offset)
        self._weights.write(np.ascontiguousarray(array).data)
        self._initializers.append(
            proto.external_tensor(
                name, array.shape, array.dtype, location=self._weights_name, offset=offset, length=array.nbytes
            )
        )
        return name

    def constant(self, *values: int) -> str:
        """A small int64 vector (N,), one for equal values."""
        return self._shared(values, np.array(values, dtype=np.int64))

    def integer(self, value: int) -> str:
        """An int64 scalar (), one for equal values."""
        return self._shared(("integer", value), np.array(value, dtype=np.int64))

    def scalar(self, value: float) -> str:
        """A float32 scalar (), one for equal values."""
        return self._shared(("scalar", value), np.array(value, dtype=np.float32))

    def _shared(self, key: tuple[object, ...], array: np.ndarray) -> str:
        if key not in self._constants:
            self._constants[key] = self.weight(array)
        return self._constants[key]

    def choose(self, condition: str, then: Callable[[], str], otherwise: Callable[[], str]) -> str:
        """An If: both branches are written by functions that see every value of the graph; only one is run."""
        return self.op("If", condition, then_branch=self._branch(then), else_branch=self._branch(otherwise))

    def _branch(self, write: Callable[[], str]) -> bytes:
        outer, self._nodes = self._nodes, []
        try:
            result = self.op("Identity", write())
            output = proto.value_info(result, np.dtype(np.float32), None)  # branches may differ in shape
            return proto.graph("branch", nodes=self._nodes, outputs=[output])
        finally:
            self._nodes = outer

    def finish(self, output: str, dtype: np.dtype, shape: Sequence[int | str]) -> bytes:
        """The model, encoded; ``output`` is its one result, under the name ``logit``."""
        self._nodes.append(proto.node("Identity", [output], ["logit"], domain="", attributes={}))
        body = proto.graph(
            "rankladder",
            nodes=self._nodes,
            inputs=self._inputs,
            outputs=[proto.value_info("logit", dtype, shape)],
            initializers=self._initializers,
        )
        return proto.model(body, opsets=OPSETS, ir_version=IR_VERSION, producer="rankladder")
