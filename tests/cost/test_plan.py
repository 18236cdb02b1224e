"""Which rows a comparison has, and which it says that it leaves out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rankladder.catalogue import all_models
from rankladder.checkpoint import open_checkpoint
from rankladder.cost import configuration, peer, plan_grid
from rankladder.cost.configuration import Configuration
from rankladder.cost.published import published
from rankladder.errors import BadOption, CheckpointRefused, ModelMissing, PathMissing
from rankladder.rerank import ModelRequest

BOX = ModelRequest.parse("box")


def rows(*requests: ModelRequest, **options: object) -> list[tuple[str, bool, str, str]]:
    plan = plan_grid(requests or [BOX], **options)  # type: ignore[arg-type]
    return [(one.model, one.peer, one.engine, one.dtype) for one in plan.configurations]


def test_engines_and_number_formats_multiply_and_the_peer_comes_first() -> None:
    assert rows(engines=["onnx", "torch"], dtypes=["fp32", "int8", "bf16"]) == [
        ("box", True, "sentence-transformers", "auto"),
        ("box", True, "sentence-transformers", "bf16"),
        ("box", False, "onnx", "fp32"),
        ("box", False, "onnx", "int8"),
        ("box", False, "torch", "fp32"),
        ("box", False, "torch", "bf16"),
    ]


def test_the_peer_is_opened_under_the_terms_of_its_own_request() -> None:
    small, large = (ModelRequest.parse(f"box,max_tokens={limit},threads=1,device=cpu") for limit in (64, 128))
    plan = plan_grid([small, large], engines=["onnx"])
    peers = [one for one in plan.configurations if one.peer]
    own = [one for one in plan.configurations if not one.peer]
    assert [dict(one.options) for one in peers] == [
        {"max_tokens": limit, "threads": 1, "device": "cpu"} for limit in (64, 128)
    ]
    assert [[peer.is_peer_of(one) for peer in peers] for one in own] == [[True, False], [False, True]]


def test_where_flash_attention_runs_the_peer_has_an_unpadded_row_in_each_16_bit_format(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(configuration, "flash_runs_here", lambda device: device != "cpu")
    plan = plan_grid([BOX], engines=["torch"], dtypes=["fp32", "bf16"])
    default, half, unpadded = (one for one in plan.configurations if one.peer)
    assert (default.dtype, half.dtype, unpadded.dtype) == ("auto", "bf16", "bf16")
    assert (default.attention, half.attention, unpadded.attention) == (None, None, "flash_attention_2")
    assert str(unpadded) == "box, Sentence Transformers, bf16, flash_attention_2"
    on_cpu = plan_grid([ModelRequest.parse("box,device=cpu")], engines=["torch"], dtypes=["bf16"])
    assert not any(one.attention for one in on_cpu.configurations)


def test_flash_attention_wants_its_package_and_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    for card in (True, False):
        for package in (object(), None):
            monkeypatch.setattr(peer, "shows_nvidia_gpu", lambda card=card: card)
            monkeypatch.setattr(peer, "find_spec", lambda name, package=package: package)
            for device in (None, "cuda:1", "cpu"):
                assert peer.flash_runs_here(device) == (card and package is not None and device != "cpu")


def test_what_an_engine_does_not_offer_is_left_out_with_a_note() -> None:
    plan = plan_grid([BOX], engines=["onnx", "torch"], dtypes=["int8", "bf16"], peer=False)
    assert len(plan.configurations) == 2
    assert plan.notes == (
        "box: the onnx engine has no bf16; left out",
        "box: the torch engine has no int8; left out",
    )


def test_what_a_request_names_is_not_varied() -> None:
    request = ModelRequest.parse("box,engine=torch,dtype=fp32,threads=1,max_tokens=64")
    plan = plan_grid([request], engines=["onnx"], dtypes=["int8"], peer=False)
    (one,) = plan.configurations
    assert dict(one.options) == {"engine": "torch", "dtype": "fp32", "threads": 1, "max_tokens": 64}


def test_a_row_is_planned_once_however_often_it_is_asked_for() -> None:
    assert rows(BOX, ModelRequest.parse("box"), dtypes=["int8", "int8"], engines=["onnx"], peer=False) == [
        ("box", False, "onnx", "int8")
    ]


def test_sequences_are_cut_at_512_or_at_what_the_model_reads(ettin: Path) -> None:
    limits = [
        plan_grid([request], max_tokens=wish, peer=False, engines=["onnx"]).configurations[0].options["max_tokens"]
        for request in (BOX, ModelRequest.parse(str(ettin)))
        for wish in (None, 100)
    ]
    assert limits == [256, 100, 512, 100]


def test_a_length_that_a_model_does_not_read_leaves_it_out(ettin: Path) -> None:
    plan = plan_grid([BOX, ModelRequest.parse(str(ettin))], length=400, peer=False, engines=["onnx"])
    assert [one.model for one in plan.configurations] == ["ettin"]
    assert plan.notes == ("box reads at most 256 tokens, not 400; left out",)
    assert plan.configurations[0].options["max_tokens"] == 400


def test_a_length_and_a_longest_sequence_exclude_each_other() -> None:
    with pytest.raises(BadOption, match="leave no room for max_tokens"):
        plan_grid([BOX], length=100, max_tokens=200)
    with pytest.raises(BadOption, match="leave no room for max_tokens"):
        plan_grid([ModelRequest.parse("box,max_tokens=200")], length=100)


def test_without_the_peer_installed_the_plan_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "peer_is_installed", lambda: False)
    plan = plan_grid([BOX], engines=["onnx"])
    assert [one.peer for one in plan.configurations] == [False]
    assert "not installed" in plan.notes[0]


def test_a_model_that_nobody_knows_ends_the_plan_and_one_that_is_refused_does_not(tmp_path: Path, bert: Path) -> None:
    with pytest.raises(ModelMissing, match="etin-17m"):
        plan_grid([BOX, ModelRequest.parse("etin-17m")])
    with pytest.raises(PathMissing):
        plan_grid([ModelRequest.parse("./nowhere")])
    shutil.copytree(bert, tmp_path / "broken")
    (tmp_path / "broken" / "config.json").write_text("{}")
    plan = plan_grid([ModelRequest.parse(str(tmp_path / "broken")), BOX], engines=["onnx"], peer=False)
    assert [one.model for one in plan.configurations] == ["box"]
    (failure,) = plan.failures
    assert failure.configuration.model == "broken"
    assert isinstance(failure.error, CheckpointRefused)


def test_a_request_as_it_stands_names_the_engine_that_auto_means() -> None:
    assert Configuration.of(BOX).engine == "onnx"
    assert Configuration.of(ModelRequest.parse("cohere:rerank-v3.5")).engine == "hosted"


def test_published_figures_are_those_of_the_name_and_a_folder_counts_by_its_shape(ettin: Path) -> None:
    for model in all_models():
        found = published(model.name)
        assert found is None or found[0] == model.name
    assert published("ettin-1b")[1].i7_13700k_fp32 == 2.1  # type: ignore[index]
    assert published("box") is None
    assert published(str(ettin), open_checkpoint(ettin).network) is None
