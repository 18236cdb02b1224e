"""Every tensor is used and every weight is there: one change of a good file is one refusal that names it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from checkpoints import copied
from rankladder.checkpoint import open_checkpoint
from rankladder.errors import BadTensor, CheckpointRefused, UnsafeFile

Tensors = dict[str, torch.Tensor]
WORDS, QUERY = "bert.embeddings.word_embeddings.weight", "bert.encoder.layer.1.attention.self.query.weight"


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def instead(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Tensors], Tensors]:
    return lambda tensors: tensors | {name: change(tensors[name]).contiguous()}


def holed(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def put(tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.clone()
        tensor.view(-1)[-1] = value
        return tensor

    return put


INTER = "bert.encoder.layer.0.intermediate.dense.weight"
CHANGES: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "dropped": (without(QUERY), f"{QUERY}: expected .64, 64., found no such tensor"),
    "dropped bias": (without("classifier.bias"), r"classifier\.bias: expected .1., found no"),
    "added": (lambda t: t | {"bert.extra": torch.ones(2)}, r"bert\.extra: expected no such tensor.*found F32 .2."),
    "another layer": (
        lambda t: t | {QUERY.replace("layer.1", "layer.4"): torch.ones(64, 64)},
        "expected no such tensor",
    ),
    "renamed": (lambda t: {k.replace("bert.", "model.", 1): v for k, v in t.items()}, "found no such tensor"),
    "transposed": (instead(INTER, lambda x: x.T), r"expected .96, 64., found .64, 96."),
    "flattened": (instead(QUERY, lambda x: x.reshape(-1)), r"expected .64, 64., found .4096."),
    "fewer words": (instead(WORDS, lambda x: x[:-1]), r"expected .320, 64., found .319, 64."),
    "double": (instead(QUERY, lambda x: x.double()), "found the type F64"),
    "integers": (instead(QUERY, lambda x: x.long()), "expected F32, F16 or BF16, found I64"),
    "bytes alone": (instead(QUERY, lambda x: x.to(torch.int8)), "found I8 without a scale"),
    "a scale alone": (lambda t: t | {QUERY + ".scale": torch.ones(64)}, "expected I8, as it has a scale, found F32"),
    "a scale of a vector": (lambda t: t | {"classifier.bias.scale": torch.ones(1)}, "expected no such tensor"),
    "a short scale": (
        lambda t: t | {QUERY: t[QUERY].to(torch.int8), QUERY + ".scale": torch.ones(63)},
        r"query\.weight\.scale: expected .64., found .63.",
    ),
    "an endless scale": (
        lambda t: t | {QUERY: t[QUERY].to(torch.int8), QUERY + ".scale": torch.full((64,), torch.inf)},
        r"query\.weight\.scale: expected finite",
    ),
    "not a number": (instead(QUERY, holed(float("nan"))), r"query\.weight: expected finite.*\[63, 63\]"),
    "infinite": (instead(WORDS, holed(float("-inf"))), r"word_embeddings\.weight: expected finite"),
    "infinite half": (instead(QUERY, lambda x: holed(float("inf"))(x.half())), "expected finite"),
    "infinite bfloat16": (instead(QUERY, lambda x: holed(float("inf"))(x.bfloat16())), "expected finite"),
    "another count": (lambda t: t | {"bert.embeddings.position_ids": torch.zeros(1, 512).long()}, "position_ids"),
    "a short count": (lambda t: t | {"bert.embeddings.position_ids": torch.arange(9)[None]}, "position_ids"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_wrong_tensor_is_refused(bert: Path, tmp_path: Path, change: str) -> None:
    folder = copied(bert, tmp_path / "copy")
    alter, message = CHANGES[change]
    save_file(alter(load_file(bert / "model.safetensors")), folder / "model.safetensors")
    with pytest.raises(BadTensor, match=message):
        open_checkpoint(folder)


@pytest.mark.parametrize("part", ["2_Dense", "3_LayerNorm", "4_Dense"])
def test_the_heads_own_files_are_held_to_the_same(ettin: Path, tmp_path: Path, part: str) -> None:
    tensors = load_file(ettin / part / "model.safetensors")
    for number, altered in enumerate(
        [{}, tensors | {"extra": torch.ones(1)}, {k: v * torch.nan for k, v in tensors.items()}]
    ):
        folder = copied(ettin, tmp_path / str(number))
        save_file(altered, folder / part / "model.safetensors")
        with pytest.raises(BadTensor, match=part):
            open_checkpoint(folder)
    folder = copied(ettin, tmp_path / "gone")
    (folder / part / "model.safetensors").unlink()
    with pytest.raises(BadTensor, match=part):
        open_checkpoint(folder)


def test_an_ettin_encoder_without_its_head_is_refused(ettin: Path, tmp_path: Path) -> None:
    """Loaded as a sequence classifier, the published files give a random head: here they give none."""
    folder = copied(ettin, tmp_path / "copy")
    (folder / "modules.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["ModernBertForSequenceClassification"], "num_labels": 1}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadTensor, match="found no such tensor"):
        open_checkpoint(folder)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 0.5, -1])
def test_a_file_cut_short_is_refused(bert: Path, tmp_path: Path, keep: float) -> None:
    folder = copied(bert, tmp_path / "copy")
    content = (bert / "model.safetensors").read_bytes()
    end = int(len(content) * keep) if 0 < keep < 1 else int(keep)
    (folder / "model.safetensors").write_bytes(content[:end])
    with pytest.raises(BadTensor, match="not a whole safetensors file") as refused:
        open_checkpoint(folder)
    assert "download it again" in str(refused.value)


def with_header(source: Path, folder: Path, change: Callable[[str], str], tail: bytes = b"") -> None:
    content = (source / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = change(content[8 : 8 + length].decode().rstrip()).encode()
    header += b" " * (-len(header) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :] + tail)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.replace('"dtype":"F32"', '"dtype":"F16"', 1),
        lambda header: header.replace('"dtype":"F32"', '"dtype":"Q4"', 1),
        lambda header: header.replace("[64,64]", "[64,65]", 1),
        lambda header: header.replace("[64,64]", "[-64,-64]", 1),
        lambda header: header.replace('"data_offsets":[0,', '"data_offsets":[4,', 1),
        lambda header: header[:-1] + "," + header[1:],
        lambda header: header[:-1],
        lambda header: "[]",
    ],
    ids=["narrower", "unknown", "larger", "negative", "shifted", "twice", "open", "list"],
)
def test_a_header_that_does_not_fit_its_file_is_refused(
    bert: Path, tmp_path: Path, change: Callable[[str], str]
) -> None:
    folder = copied(bert, tmp_path / "copy")
    with_header(bert, folder, change)
    with pytest.raises(BadTensor):
        open_checkpoint(folder)


def test_bytes_after_the_last_tensor_are_refused(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "copy")
    with_header(bert, folder, str, tail=b"\0" * 8)
    with pytest.raises(BadTensor, match="not a whole safetensors file"):
        open_checkpoint(folder)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_altered_header_byte_ends_in_anything_but_a_refusal_or_the_same_weights(
    data: st.DataObject, bert: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray((bert / "model.safetensors").read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    place = data.draw(st.integers(0, 8 + length - 1))
    content[place] = data.draw(st.integers(0, 255))
    folder = copied(bert, tmp_path_factory.mktemp("altered") / "copy")
    (folder / "model.safetensors").write_bytes(content)
    try:
        weights = open_checkpoint(folder).weights
    except CheckpointRefused:
        return
    good = open_checkpoint(bert).weights
    assert all(np.array_equal(weights[name], good[name]) for name in good)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl"])
def test_pickle_is_never_opened(bert: Path, tmp_path: Path, name: str) -> None:
    beside, alone = copied(bert, tmp_path / "beside"), copied(bert, tmp_path / "alone")
    for folder in (beside, alone):
        (folder / name).write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    (alone / "model.safetensors").unlink()
    assert open_checkpoint(beside).digest == open_checkpoint(bert).digest
    with pytest.raises(UnsafeFile, match=f"pickle .{name}") as refused:
        open_checkpoint(alone)
    assert "convert" in str(refused.value)


def test_no_weights_at_all_is_refused(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "copy")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadTensor, match=r"no model\.safetensors"):
        open_checkpoint(folder)


@pytest.mark.parametrize("fault", ["missing", "outside", "unlisted", "misplaced", "both"])
def test_shards_that_do_not_fit_their_index_are_refused(bert: Path, tmp_path: Path, fault: str) -> None:
    folder = copied(bert, tmp_path / "copy")
    tensors = load_file(bert / "model.safetensors")
    names = sorted(tensors)
    shards = {"model-1.safetensors": names[:40], "model-2.safetensors": names[40:]}
    where = {name: file for file, held in shards.items() for name in held}
    for file, held in shards.items():
        save_file({name: tensors[name] for name in held}, folder / file)
    if fault != "both":
        (folder / "model.safetensors").unlink()
    if fault == "missing":
        (folder / "model-2.safetensors").unlink()
    if fault == "outside":
        where[names[0]] = "../model-1.safetensors"
    if fault == "unlisted":
        del where[names[0]]
    if fault == "misplaced":
        where[names[0]] = "model-2.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    with pytest.raises(BadTensor):
        open_checkpoint(folder)
