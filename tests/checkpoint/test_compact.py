"""The compact dialect keeps the network, loses at most half a step of int8 a weight, and is guarded by digests."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import SafetensorError
from safetensors.numpy import load_file

from checkpoints import copied
from rankladder.checkpoint import Bert, compact, open_checkpoint, write_compact, write_expanded
from rankladder.checkpoint.compact import half_where_exact, quantise_rows
from rankladder.errors import BadOption, CheckpointRefused, PathMissing, StorageFailed
from rankladder.rerank import Reranker


@pytest.fixture(params=["ettin", "modernbert_mean", "bert"])
def source(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_compact_is_the_same_network_within_half_a_step(source: Path, tmp_path: Path) -> None:
    before, after = open_checkpoint(source), open_checkpoint(write_compact(source, tmp_path / "compact"))
    assert after.network == before.network
    assert after.max_tokens == before.max_tokens
    assert after.weights.keys() == before.weights.keys()
    for name, values in before.weights.items():
        stored = after.weights[name]
        assert stored.dtype == np.float32
        if "head." in name or values.ndim == 1 or "position" in name or "token_type" in name:
            assert np.array_equal(stored, values), name
        else:
            step = np.abs(values).max(axis=1, keepdims=True) / 127
            assert np.all(np.abs(stored - values) <= step * 0.5001), name


def test_compact_again_changes_nothing(source: Path, tmp_path: Path) -> None:
    once = write_compact(source, tmp_path / "once")
    twice = write_compact(once, tmp_path / "twice")
    assert open_checkpoint(once).digest == open_checkpoint(twice).digest


def test_compact_matrices_are_bytes_with_a_scale_a_row(bert: Path, tmp_path: Path) -> None:
    tensors = load_file(write_compact(bert, tmp_path / "compact") / "model.safetensors")
    words = "bert.embeddings.word_embeddings.weight"
    assert tensors[words].dtype == np.int8
    assert tensors[words + ".scale"].shape == (320,)
    assert tensors["bert.embeddings.position_embeddings.weight"].dtype == np.float32
    assert tensors["classifier.weight"].dtype == np.float32


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(-1e4, 1e4, width=32)))
def test_rows_and_scales_give_each_value_back_to_half_a_step(matrix: np.ndarray) -> None:
    rows, scales = quantise_rows(matrix)
    assert np.all(np.abs(rows * scales[:, None] - matrix) <= scales[:, None] * 0.5001 + 1e-37)


def test_a_row_without_a_scale_has_scale_one() -> None:
    matrix = np.array([[0, 0], [1e-45, -1e-45], [127, -254]], np.float32)
    rows, scales = quantise_rows(matrix)
    assert scales.tolist() == [1, 1, 2]
    assert rows.tolist() == [[0, 0], [0, 0], [64, -127]]
    again, same = quantise_rows(rows * scales[:, None])
    assert np.array_equal(again, rows)
    assert np.array_equal(same, scales)


@given(hnp.arrays(np.float32, 4, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_half_precision_is_taken_only_where_nothing_is_lost(values: np.ndarray) -> None:
    assert np.array_equal(half_where_exact(values).astype(np.float32), values)


def test_compact_is_not_written_over_anything(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadOption):
        write_compact(bert, tmp_path)
    with pytest.raises(BadOption):
        write_compact(bert, tmp_path / "file")
    with pytest.raises(PathMissing):
        write_compact(tmp_path / "nothing", tmp_path / "into")


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), SafetensorError("I/O"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("was_there", [False, True])
def test_what_is_not_written_in_full_is_not_left(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, was_there: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise failure

    into = tmp_path / "compact"
    if was_there:
        into.mkdir()
    monkeypatch.setattr(compact, "save_file", refuse)
    with pytest.raises(KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else StorageFailed):
        write_compact(bert, into)
    assert list(tmp_path.rglob("*")) == ([into] if was_there else [])
    monkeypatch.undo()
    open_checkpoint(write_compact(bert, into))


def test_measurements_that_the_digests_list_are_tied_to_the_weights(bert: Path, tmp_path: Path) -> None:
    folder = write_compact(bert, tmp_path / "compact")
    (folder / "int8.json").write_text('{"measurements": [{"dataset": "x", "fp32": 0.7, "int8": 0.6}]}')
    assert len(open_checkpoint(folder).int8_gate) == 1, "measured later: not listed"
    listed = json.loads((folder / "digests.json").read_text())
    listed["int8.json"] = hashlib.sha256((folder / "int8.json").read_bytes()).hexdigest()
    (folder / "digests.json").write_text(json.dumps(listed))
    assert len(open_checkpoint(folder).int8_gate) == 1
    (folder / "int8.json").write_text('{"measurements": [{"dataset": "x", "fp32": 0.7, "int8": 0.7}]}')
    with pytest.raises(CheckpointRefused, match=r"int8\.json: expected SHA-256"):
        open_checkpoint(folder)
    (folder / "int8.json").unlink()
    with pytest.raises(CheckpointRefused, match=r"int8\.json.*no such file"):
        open_checkpoint(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_one_bit_flipped_is_refused(bert: Path, tmp_path: Path, file: str) -> None:
    folder = write_compact(bert, tmp_path / "compact")
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(CheckpointRefused):
        open_checkpoint(folder)


def test_a_weight_changed_by_one_step_is_refused(bert: Path, tmp_path: Path) -> None:
    folder = write_compact(bert, tmp_path / "compact")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointRefused, match=r"model\.safetensors: expected SHA-256"):
        open_checkpoint(folder)


def test_digests_cover_every_file_that_is_read(ettin: Path, tmp_path: Path) -> None:
    folder = write_compact(ettin, tmp_path / "compact")
    digests = json.loads((folder / "digests.json").read_text())
    assert {"2_Dense/model.safetensors", "1_Pooling/config.json", "modules.json", "tokenizer.json"} < digests.keys()
    del digests["2_Dense/model.safetensors"]
    (folder / "digests.json").write_text(json.dumps(digests))
    with pytest.raises(CheckpointRefused, match="2_Dense"):
        open_checkpoint(folder)
    (folder / "digests.json").write_text(json.dumps(digests | {"gone.json": "00"}))
    with pytest.raises(CheckpointRefused, match="no such file"):
        open_checkpoint(folder)


def test_the_model_in_the_box_opens_and_is_small() -> None:
    box = open_checkpoint()
    assert box.name == "box"
    assert isinstance(box.network.encoder, Bert)
    assert (box.network.encoder.layers, box.network.encoder.width, box.max_tokens) == (6, 384, 256)
    assert sum(path.stat().st_size for path in box.folder.iterdir() if path.is_file()) < 30_000_000
    assert (box.folder / "digests.json").is_file()
    assert open_checkpoint("box").digest == box.digest


def test_a_damaged_box_is_refused(tmp_path: Path) -> None:
    folder = copied(open_checkpoint().folder, tmp_path / "box")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[10_000_000] ^= 64
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointRefused, match="SHA-256"):
        open_checkpoint(folder)


def test_an_expanded_checkpoint_gives_the_same_scores_here_and_in_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    folder = write_expanded(Path(str(files("rankladder") / "box")), tmp_path / "expanded")
    pairs = [("what causes rain", "Rain falls when vapour in clouds condenses."), ("what causes rain", "Stocks rose.")]
    ours = Reranker.open(folder, dtype="fp32").predict(pairs)
    assert ours.tolist() == Reranker.open(dtype="fp32").predict(pairs).tolist()
    theirs = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    assert str(theirs[0].model.dtype) == "torch.float32"
    np.testing.assert_allclose(theirs.predict(pairs, activation_fn=torch.nn.Identity()), ours, atol=1e-4)


def test_an_expanded_checkpoint_is_not_written_over_anything(bert: Path, tmp_path: Path) -> None:
    source = copied(bert, tmp_path / "source")
    before = open_checkpoint(source).digest
    for into in (source, tmp_path):
        with pytest.raises(BadOption):
            write_expanded(source, into)
    assert open_checkpoint(source).digest == before
