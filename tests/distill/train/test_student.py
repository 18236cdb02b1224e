"""The student before its first step: which weights are its head, and what its dropouts do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from checkpoints import word_piece_tokenizer, write_xlm_roberta
from embedders import write_embedder
from rankladder.distill.recipe.tables import Train
from rankladder.distill.train.during import save_student
from rankladder.distill.train.student import attention_for, check_start, head_pattern, needs_bf16, open_student
from rankladder.errors import BadOption
from rankladder.rerank import Reranker

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


@pytest.fixture(params=["bert", "ettin"])
def start(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("before", ["", "model.", "model.module."])
def test_the_head_is_all_above_the_encoder_whatever_wraps_the_model(start: Path, before: str) -> None:
    model = open_student(Train(start=str(start)), seed=1)
    names = [name for name, _ in model.named_parameters()]
    head = [name for name in names if re.search(head_pattern(model), before + name)]
    inside = re.compile(r"layers?\.\d|embeddings|final_norm")
    assert head == [name for name in names if not inside.search(name)]
    assert 0 < len(head) < len(names)


def test_every_dropout_takes_the_recipes_share(start: Path) -> None:
    model = open_student(Train(start=str(start), dropout=0.25), seed=1)
    shares = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    beside = {module.attention_dropout for module in model.modules() if hasattr(module, "attention_dropout")}
    assert shares == {0.25}
    assert beside <= {0.25}
    assert not [one for one in model.modules() if isinstance(getattr(one, "out_drop", None), torch.nn.Identity)]


def test_without_dropout_two_passes_in_training_agree(start: Path) -> None:
    model = open_student(Train(start=str(start), dropout=0.0), seed=1)
    model.train()
    features = model.preprocess([("rain", "drops of rain fall")])
    assert torch.equal(model(features)["scores"], model(model.preprocess([("rain", "drops of rain fall")]))["scores"])


@pytest.mark.parametrize(
    ("dtype", "gpu", "installed", "flash"),
    [
        ("bf16", True, True, True),
        ("fp32", True, True, False),
        ("bf16", False, True, False),
        ("bf16", True, False, False),
    ],
)
def test_flash_attention_is_asked_for_where_it_is_installed_and_the_gpu_computes_in_bf16(
    monkeypatch: pytest.MonkeyPatch, dtype: str, gpu: bool, installed: bool, flash: bool
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    monkeypatch.setattr("transformers.utils.import_utils.is_flash_attn_2_available", lambda: installed)
    assert attention_for(dtype) == ({"attn_implementation": "flash_attention_2"} if flash else {})


@pytest.mark.parametrize("encoder_alone", [False, True])
def test_a_modernbert_student_takes_the_attention_that_was_chosen(
    ettin: Path, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder_alone: bool
) -> None:
    eager = {"attn_implementation": "eager"}
    monkeypatch.setattr("rankladder.distill.train.student.attention_for", lambda dtype: eager)
    if encoder_alone:
        _encoder_of(ettin, tmp_path / "start")
    start = tmp_path / "start" if encoder_alone else ettin
    for folder, chosen in ((start, "eager"), (bert, "sdpa")):
        model = open_student(Train(start=str(folder)), seed=1)
        inner = model[0].model
        assert inner.config._attn_implementation == chosen
        assert not needs_bf16(model)


PAIRS = [("why does it rain", "drops of rain grow heavy and fall " * 4), ("mars", "iron dust")]


@pytest.mark.parametrize(
    ("model", "layers"),
    [("bert", 2), ("ettin", (0, 2)), ("ettin", 1), ("modernbert_cls", 3), ("encoder", 2), ("embedder", 2)],
)
def test_a_student_with_fewer_layers_scores_alike_in_both_libraries(
    model: str, layers: int | tuple[int, ...], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from sentence_transformers import CrossEncoder

    if model == "encoder":
        start = tmp_path / "encoder"
        _encoder_of(request.getfixturevalue("ettin"), start)
    elif model == "embedder":
        start = write_embedder(tmp_path / "embedder", layers=3)
    else:
        start = request.getfixturevalue(model)
    student = open_student(Train(start=str(start), layers=layers, max_tokens=64), seed=1)
    learn_a_step(student)
    expected = student.predict(PAIRS, show_progress_bar=False)
    save_student(student, tmp_path / "student")
    theirs = CrossEncoder(str(tmp_path / "student"), device="cpu").predict(PAIRS, show_progress_bar=False)
    ours = Reranker.open(tmp_path / "student", dtype="fp32").predict(PAIRS, progress=False)
    assert theirs == pytest.approx(expected, abs=1e-4)
    assert ours == pytest.approx(theirs, abs=1e-4)


def learn_a_step(student: CrossEncoder) -> None:
    """One step of gradient descent on the pairs."""
    student.train()
    student(student.preprocess(PAIRS))["scores"].square().mean().backward()
    with torch.no_grad():
        for weights in student.parameters():
            if weights.grad is not None:
                weights.sub_(1e-3 * weights.grad)
    student.eval()


def test_layers_that_lie_elsewhere_are_left_alone_and_named(tmp_path: Path) -> None:
    from transformers import DistilBertConfig, DistilBertModel

    tokenizer = word_piece_tokenizer(64)
    config = DistilBertConfig(vocab_size=512, dim=32, n_layers=2, n_heads=2, hidden_dim=48, max_position_embeddings=64)
    DistilBertModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(BadOption, match=r"no layers of a distilbert can be dropped here[\s\S]*hint: leave"):
        open_student(Train(start=str(tmp_path), layers=1, max_tokens=64), seed=1)
    assert open_student(Train(start=str(tmp_path), max_tokens=64), seed=1).num_labels == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_tokens": 513}, "max_tokens is 513, but .* reads at most 512"),
        ({"layers": 5}, "5 layers requested, the start has 4"),
        ({"layers": (0, 4)}, r"expected places among 4 layers, rising, each once, got \[0, 4\]"),
    ],
)
def test_what_the_start_cannot_do_is_known_from_its_configuration(
    start: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadOption, match=said):
        check_start(Train(start=str(start), **settings))
    assert check_start(Train(start=str(start), max_tokens=512, layers=4)) == start


def test_xlm_roberta_reads_two_tokens_fewer_than_it_has_positions(tmp_path: Path) -> None:
    start = write_xlm_roberta(tmp_path / "start", positions=64)
    assert check_start(Train(start=str(start), max_tokens=64)) == start
    with pytest.raises(BadOption, match="reads at most 64"):
        check_start(Train(start=str(start), max_tokens=65))


def _encoder_of(reranker: Path, folder: Path) -> None:
    """Writes the encoder of a reranker alone."""
    from transformers import AutoTokenizer

    model = open_student(Train(start=str(reranker)), seed=1)
    network = getattr(model[0].model, model[0].model.base_model_prefix, model[0].model)
    network.save_pretrained(folder)
    AutoTokenizer.from_pretrained(reranker).save_pretrained(folder)
