from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from tokenizers import Tokenizer

from rankladder.checkpoint import Checkpoint, open_checkpoint
from rankladder.errors import BadOption
from rankladder.rerank import ModelRequest, Reranker
from rankladder.rerank.engine import OFFERED, Dtype, DtypeChoice, EngineName, choose_dtype
from rankladder.rerank.pairs import PairReader
from rankladder.rerank.scorer import TokenScorer, native_scorer


def test_a_request_opens_what_the_options_say() -> None:
    reranker = ModelRequest.parse("box, dtype=fp32, max_tokens=64").open(offline=True)
    assert (reranker.name, reranker.max_tokens) == ("box fp32", 64)


def test_the_torch_engines_own_options_reach_it(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rankladder.rerank.torch import engine

    asked: list[dict[str, Any]] = []

    class Watched(engine.TorchEngine):
        def __init__(self, checkpoint: Checkpoint, **options: Any) -> None:
            asked.append(options)
            super().__init__(checkpoint, **{**options, "attention": "sdpa", "cuda_graphs": False})

    monkeypatch.setattr(engine, "TorchEngine", Watched)
    ModelRequest.parse(f"{bert},engine=torch,device=cpu,attention=flex,cuda_graphs=true").open()
    ModelRequest.parse(f"{bert},engine=torch,device=cpu").open()
    assert [(one["attention"], one["cuda_graphs"]) for one in asked] == [("flex", True), ("auto", False)]


@pytest.mark.parametrize("option", ["attention=sdpa", "cuda_graphs=true"])
def test_the_torch_engines_own_options_are_refused_by_every_other(option: str) -> None:
    for other in ("box", "box,engine=sentence-transformers", "cohere:rerank-v3.5"):
        with pytest.raises(BadOption, match=f"{option.partition('=')[0]} is for the torch engine"):
            ModelRequest.parse(f"{other},{option}").open()
    ModelRequest.parse("box,attention=auto,cuda_graphs=false").open()


def test_every_engine_takes_what_it_offers_and_nothing_else() -> None:
    box = open_checkpoint()
    for engine in get_args(EngineName):
        for dtype in get_args(Dtype):
            if dtype in OFFERED[engine]:
                assert choose_dtype(box, dtype, engine=engine).dtype == dtype
            else:
                with pytest.raises(BadOption, match=f"the {engine} engine's dtype must be one of auto, fp32"):
                    choose_dtype(box, dtype, engine=engine)


def test_one_thread_bounds_the_tokenizer_too_and_reads_the_same() -> None:
    scorers = [Reranker.open(threads=threads).scorer for threads in (1, 2)]
    readers = [scorer.reader for scorer in scorers if isinstance(scorer, TokenScorer)]
    assert len(readers) == 2
    batches: list[list[str]] = []

    class Watched:
        def __init__(self, tokenizer: Tokenizer) -> None:
            self.tokenizer = tokenizer

        def encode_batch_fast(self, texts: list[str], **options: bool) -> Any:
            batches.append(texts)
            return self.tokenizer.encode_batch_fast(texts, **options)

    for reader in readers:
        assert isinstance(reader, PairReader)
        reader._texts._tokenizer = Watched(reader._texts._tokenizer)
    alone, together = (reader.documents(["rain falls", "", "Mars is red"]) for reader in readers)
    assert batches == [["rain falls"], [""], ["Mars is red"], ["rain falls", "", "Mars is red"]]
    assert [ids.tolist() for ids in alone] == [ids.tolist() for ids in together]


@pytest.mark.parametrize(
    "text",
    ["", ",dtype=fp32", "box,fp32", "box,red=1", "box,threads=many", "box,offline=yes", "box,threads=1,threads=2"],
)
def test_a_request_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="model"):
        ModelRequest.parse(text)


def test_the_digest_tells_scores_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {
        Reranker.open(dtype=dtype, max_tokens=tokens).digest for dtype in ("fp32", "int8") for tokens in (64, 128)
    }
    assert len(digests) == 4
    one = Reranker.open(dtype="fp32", max_tokens=64).scorer
    assert one.facts.digest in digests
    assert isinstance(one, TokenScorer)
    for device in ("cuda:0", "cuda:1"):  # two cards of a machine are one kind
        monkeypatch.setattr(one.engine, "device", device)
        choice = DtypeChoice("fp32", "asked for")
        digests.add(native_scorer(open_checkpoint(), one.engine, dtype=choice, max_tokens=64).facts.digest)
    monkeypatch.setattr("rankladder.__version__", "99.0")
    digests.add(Reranker.open(dtype="fp32", max_tokens=64).digest)
    assert len(digests) == 6
