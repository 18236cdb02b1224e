"""Whether every weight of a network comes from the files that it was loaded from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.tensorfile import StoredTensor
from rankladder.checkpoint.weights import as_float32
from rankladder.errors import BadTensor

_HEAD = 64
_UNUSED = ("pooler.",)  # BERT's pooler: Sentence Transformers pools the last layer's tokens itself
_FLOATS = frozenset({"F32", "F16", "BF16"})


def check_weights(model: str, weights: Mapping[str, NDArray[np.float32]], stored: Sequence[StoredTensor]) -> None:
    """Refuses a network that holds a float weight whose values are in no file, or that is not finite.

    transformers fills a weight that a checkpoint lacks with random numbers and logs it. It also renames weights and
    cuts fused ones into equal parts as it loads them, so values are compared, not names: each weight has to equal, in
    shape and in every value as float32, a tensor of the files or one of its two or three equal parts.

    Raises BadTensor.
    """
    by_head: defaultdict[tuple[Any, ...], list[NDArray[Any]]] = defaultdict(list)
    for tensor in stored:
        if tensor.kind in _FLOATS:
            for part in _parts(as_float32(tensor)):
                by_head[_key(part)].append(part)
    for name, values in weights.items():
        if any(name.startswith(unused) or f".{unused}" in name for unused in _UNUSED):
            continue
        if not np.isfinite(values).all():
            raise BadTensor(f"{model}: {name}: expected finite values", hint="the file is damaged: download it again")
        if not any(np.array_equal(values, found) for found in by_head[_key(values)]):
            raise BadTensor(
                f"{model}: {name}: expected {list(values.shape)} in the files, found no such values",
                hint="the checkpoint does not hold the whole network: transformers would fill it with random numbers",
            )


def _parts(values: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    yield values
    for count in (2, 3):
        if values.ndim and values.shape[0] and values.shape[0] % count == 0:
            yield from np.split(values, count)


def _key(values: NDArray[np.float32]) -> tuple[Any, ...]:
    return values.shape, values.ravel()[:_HEAD].tobytes()
