"""The graphs that we write are valid ONNX, are written once, and choose their number format for a stated reason."""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from rankladder import Reranker
from rankladder.checkpoint import Int8Gate, open_checkpoint, quantise_rows
from rankladder.rerank import engine, processor
from rankladder.rerank.onnx import cache
from rankladder.rerank.onnx.network import write_network


@pytest.mark.parametrize("precision", ["fp32", "s8", "u8"])
@pytest.mark.parametrize("model", ["ettin", "modernbert_mean", "bert"])
def test_what_we_write_is_onnx(model: str, precision: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    checkpoint = open_checkpoint(request.getfixturevalue(model))
    with (tmp_path / "weights.bin").open("wb") as file:
        content = write_network(
            checkpoint.network, checkpoint.weights, file, weights_name="weights.bin", precision=precision
        )  # type: ignore[arg-type]
    (tmp_path / "graph.onnx").write_bytes(content)
    onnx.checker.check_model(str(tmp_path / "graph.onnx"))
    read = onnx.load_model(tmp_path / "graph.onnx")
    assert read.producer_name == "rankladder"
    assert [o.name for o in read.graph.output] == ["logit"]
    assert {i.name for i in read.graph.input} == ({"ids", "segments"} if model == "bert" else {"ids"})


def test_rows_survive_quantising_twice() -> None:
    """int8 of a matrix that was int8 before is the same int8: the box loses nothing by being stored compactly."""
    matrix = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
    integers, scale = quantise_rows(matrix)
    again, _ = quantise_rows(integers * scale[:, None])
    assert (again == integers).all()
    assert np.abs(integers * scale[:, None] - matrix).max() <= scale.max() / 2 * 1.001


def test_signed_and_offset_weights_hold_the_same_integers(ettin: Path) -> None:
    checkpoint = open_checkpoint(ettin)
    stored = {}
    for precision in ("s8", "u8"):
        file = io.BytesIO()
        model = onnx.load_model_from_string(
            write_network(checkpoint.network, checkpoint.weights, file, weights_name="w", precision=precision)  # type: ignore[arg-type]
        )
        kind = onnx.TensorProto.INT8 if precision == "s8" else onnx.TensorProto.UINT8
        matrices = [t for t in model.graph.initializer if t.data_type == kind and len(t.dims) == 2 and t.external_data]
        matrices = [t for t in matrices if t.dims[0] != checkpoint.network.encoder.vocabulary]
        places = [{e.key: e.value for e in t.external_data} for t in matrices]
        dtype = np.int8 if precision == "s8" else np.uint8
        stored[precision] = [
            np.frombuffer(file.getvalue(), dtype, int(p["length"]), int(p["offset"])).astype(int)
            - (0 if precision == "s8" else 128)
            for p in places
        ]
    assert len(stored["s8"]) == len(stored["u8"]) > 10
    assert all((a == b).all() for a, b in zip(stored["s8"], stored["u8"], strict=True))


def test_a_graph_is_written_once_and_no_draft_is_left(
    ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path))
    first = Reranker.open(ettin, dtype="fp32")
    (folder,) = (tmp_path / "graphs").iterdir()
    monkeypatch.setattr(cache, "write_network", lambda *a, **k: pytest.fail("written again"))
    second = Reranker.open(ettin, dtype="fp32")
    assert second.predict([("rain", "rain falls")]) == first.predict([("rain", "rain falls")])
    assert list((tmp_path / "graphs").iterdir()) == [folder]


@pytest.mark.parametrize("name", ["graph.onnx", "weights.bin", "digests.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_graph_is_written_again(
    name: str, damage: str, ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path))
    expected = Reranker.open(ettin, dtype="fp32").predict([("rain", "rain falls")])
    (folder,) = (tmp_path / "graphs").iterdir()
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 64
    if damage == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content if damage == "flip" else content[: len(content) // 2])
    assert Reranker.open(ettin, dtype="fp32").predict([("rain", "rain falls")]) == expected
    assert list((tmp_path / "graphs").iterdir()) == [folder]


def test_two_first_starts_at_once_share_the_graph_of_the_faster(
    ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path))
    fill, opened, kept = cache._fill, [], []

    def overtaken(*args: Any) -> None:
        """Writes a draft; before it is moved to its place, the other process starts and ends."""
        fill(*args)
        monkeypatch.setattr(cache, "_fill", fill)
        opened.append(cache.cached_graph(open_checkpoint(ettin), "fp32"))
        kept.append(opened[0][0].stat().st_ino)

    monkeypatch.setattr(cache, "_fill", overtaken)
    opened.append(cache.cached_graph(open_checkpoint(ettin), "fp32"))
    assert opened[0] == opened[1] == (opened[0][0], True)
    assert [opened[0][0].stat().st_ino] == kept, "the graph that the other process uses was removed"
    assert list((tmp_path / "graphs").iterdir()) == [opened[0][0].parent]


def test_graphs_of_another_writer_and_old_drafts_are_removed(
    ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path))
    Reranker.open(ettin, dtype="fp32")
    Reranker.open(ettin, dtype="int8")
    (tmp_path / "graphs" / ".draft-old").mkdir()
    (tmp_path / "graphs" / ".draft-new").mkdir()
    for path in (tmp_path / "graphs").iterdir():
        if path.name != ".draft-new" and "-u8-" not in path.name and "-s8-" not in path.name:
            os.utime(path, (0, 0))  # the int8 graph is young: a program of before may be about to open it
    monkeypatch.setattr(cache, "_writer_version", lambda: "next")
    Reranker.open(ettin, dtype="fp32")
    names = sorted(path.name for path in (tmp_path / "graphs").iterdir())
    assert names[0] == ".draft-new"
    assert [name.split("-", 1)[1].endswith("next") for name in names[1:]].count(True) == 1
    assert len(names) == 3


def test_an_interrupted_writer_leaves_nothing(ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path))

    def interrupted(*_args: object, **_options: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "write_network", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Reranker.open(ettin, dtype="fp32")
    assert list((tmp_path / "graphs").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said_and_does_not_stop_us(
    ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "file"))
    with pytest.warns(cache.CacheUnusable, match="RANKLADDER_CACHE"):
        reranker = Reranker.open(ettin, dtype="fp32")
    assert np.isfinite(reranker.predict([("rain", "rain falls")])).all()


@pytest.mark.parametrize(
    ("gates", "path", "dtype", "reason"),
    [
        ((), "vnni", "fp32", "no measurement"),
        ((Int8Gate("a", 0.70, 0.698),), "vnni", "int8", r"\+0.0020 nDCG@10 on a"),
        (
            (Int8Gate("a", 0.70, 0.698),),
            "saturating",
            "int8",
            r"\+0.0020 nDCG@10 on a .* without VNNI, so it gains less here$",
        ),
        ((Int8Gate("a", 0.70, 0.71), Int8Gate("b", 0.70, 0.694)), "vnni", "fp32", r"\+0.0060 nDCG@10 on b"),
        ((Int8Gate("a", 0.70, 0.70),), "unknown", "fp32", "not known to gain by int8"),
    ],
)
def test_auto_takes_int8_only_where_a_measurement_allows_it(
    gates: tuple[Int8Gate, ...], path: str, dtype: str, reason: str, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "int8_path", lambda: path)
    choice = engine.choose_dtype(replace(open_checkpoint(ettin), int8_gate=gates), "auto")
    assert choice.dtype == dtype
    assert re.search(reason, choice.reason)


def test_the_model_in_the_box_may_run_in_int8_by_the_figures_of_its_benchmark() -> None:
    recorded = json.loads((Path(__file__).parents[2] / "benchmarks" / "results" / "box_quality.json").read_text())
    gates = {gate.dataset: gate for gate in open_checkpoint(None).int8_gate}
    shared = gates.keys() & recorded["table"].keys()
    assert len(shared) >= 2
    for name in shared:
        row = recorded["table"][name]
        assert (gates[name].fp32, gates[name].int8) == (row["fp32"], row["int8"])
    assert all(gate.loss <= engine.INT8_LOSS_ALLOWED for gate in gates.values())


def test_int8_that_is_asked_for_is_taken_and_says_what_the_processor_lacks(
    ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_checkpoint(ettin)
    for path, said in (("vnni", "asked for"), ("saturating", "without VNNI"), ("unknown", "not known to gain")):
        monkeypatch.setattr(engine, "int8_path", lambda path=path: path)
        choice = engine.choose_dtype(checkpoint, "int8")
        assert choice.dtype == "int8"
        assert said in choice.reason
    assert engine.choose_dtype(checkpoint, "fp32").reason == "asked for"


@pytest.mark.parametrize(
    ("content", "cores"),
    [("max 100000", 2), ("100000 100000", 1), ("50000 100000", 1), ("garbage", 2), ("800000 100000", 2)],
)
def test_cores_follow_the_containers_quota(
    content: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(content)
    monkeypatch.setattr(processor, "_GROUPS", tmp_path)
    monkeypatch.setattr(processor, "_OWN_GROUPS", tmp_path / "none")
    monkeypatch.setattr(processor.os, "sched_getaffinity", lambda _pid: {0, 1}, raising=False)
    assert processor.usable_cores() == cores


@pytest.mark.parametrize(
    ("own", "quotas", "cores"),
    [
        ("0::/slice/unit", {"slice/unit/cpu.max": "300000 100000"}, 3),
        ("0::/slice/unit", {"slice/unit/cpu.max": "max 100000", "slice/cpu.max": "200000 100000"}, 2),
        ("0::/slice/unit", {"slice/unit/cpu.max": "400000 100000", "slice/cpu.max": "200000 100000"}, 2),
        ("0::/slice/unit", {"other/cpu.max": "100000 100000"}, 8),
        ("0::/../beside", {"cpu.max": "500000 100000"}, 5),
        ("0::/docker/not-mounted", {"cpu.max": "500000 100000"}, 5),
        ("0::/", {}, 8),
        ("4:memory:/a\n5:cpu,cpuacct:/b/c", {"cpu/b/cpu.cfs_quota_us": "150000", "cpu/b/c/cpu.cfs_quota_us": "-1"}, 1),
        ("5:cpuset:/b", {"cpu/b/cpu.cfs_quota_us": "150000"}, 8),
    ],
)
def test_cores_follow_the_smallest_quota_from_the_own_group_up_to_the_root(
    own: str, quotas: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in quotas.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
        if name.endswith("quota_us"):
            (tmp_path / name).with_name("cpu.cfs_period_us").write_text("100000")
    (tmp_path / "own").write_text(own + "\n")
    monkeypatch.setattr(processor, "_GROUPS", tmp_path)
    monkeypatch.setattr(processor, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(processor.os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    assert processor.usable_cores() == cores


@pytest.mark.parametrize(
    ("machine", "info", "path"),
    [
        ("x86_64", "flags : fpu avx2 fma", "saturating"),
        ("x86_64", "flags : fpu avx2 avx512_vnni", "vnni"),
        ("x86_64", "flags : fpu avx2 avx_vnni", "vnni"),
        ("aarch64", "Features : fp asimd asimddp", "vnni"),
        ("aarch64", "Features : fp asimd", "unknown"),
        ("x86_64", "flags : fpu sse4_1 avx", "unknown"),
        ("x86_64", "", "unknown"),
    ],
)
def test_the_integer_path_is_read_off_the_processor(
    machine: str, info: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(info)
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor.platform, "machine", lambda: machine)
    monkeypatch.setattr(processor.platform, "system", lambda: "Linux")
    assert processor.int8_path() == path
