"""What a caller of Reranker may rely on."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rankladder.box
from rankladder import Document, Reranker, probability
from rankladder.errors import BadInput, BadOption, BadQuery, DuplicateId, MissingExtra, ModelMissing, PathMissing
from rankladder.rerank import PairsTruncated, engine

TEXTS = ["Rain falls when vapour condenses.", "The market closed higher.", "", "Why is the sky blue?", "rain " * 600]


@pytest.fixture(scope="module")
def tiny(bert: Path) -> Reranker:
    return Reranker.open(bert)


def test_predict_gives_float32_logits_in_the_order_given(tiny: Reranker) -> None:
    scores = tiny.predict(("rain", text) for text in TEXTS[:4])
    assert scores.dtype == np.float32
    assert scores.shape == (4,)
    assert [float(s) for s in scores] == [
        hit.score for hit in sorted(tiny.rank("rain", TEXTS[:4]), key=lambda h: h.index)
    ]


def test_nothing_in_gives_nothing_out(tiny: Reranker) -> None:
    assert tiny.predict([]).shape == (0,)
    assert len(tiny.rank("rain", [])) == 0
    assert tiny.rank_many([]) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=8), st.none() | st.integers(1, 10))
def test_reranking_is_a_permutation_best_first(tiny: Reranker, texts: list[str], top_k: int | None) -> None:
    ranking = tiny.rank("rain", texts, top_k=top_k)
    assert len(ranking) == min(len(texts), top_k or len(texts))
    assert len({hit.index for hit in ranking}) == len(ranking)
    assert all(hit.document.text == texts[hit.index] for hit in ranking)
    order = [(-hit.score, hit.index) for hit in ranking]
    assert order == sorted(order)


def test_equal_documents_keep_the_callers_order(tiny: Reranker) -> None:
    assert [hit.index for hit in tiny.rank("rain", ["same"] * 5)] == [0, 1, 2, 3, 4]


def test_documents_keep_their_ids_and_metadata_and_are_read_with_their_title(tiny: Reranker) -> None:
    documents = [Document("a", "falls", title="rain", metadata={"line": 3}), Document("b", "rain falls")]
    ranking = tiny.rank("rain", documents)
    assert {hit.document.id: hit.document for hit in ranking} == {d.id: d for d in documents}
    scores = {hit.document.id: hit.score for hit in ranking}
    assert scores["a"] == scores["b"] == float(tiny.predict([("rain", "rain falls")])[0])


def test_every_cut_is_reported_in_tokens(tiny: Reranker) -> None:
    hits = {hit.index: hit for hit in tiny.rank("rain", TEXTS)}
    assert [hits[i].truncated for i in range(5)] == [False, False, False, False, True]
    reading = hits[4].reading
    assert reading is not None
    assert reading.query_kept + reading.document_kept == tiny.max_tokens - 3
    assert reading.document_kept + reading.document_dropped == 600
    assert reading.query_dropped == 0


def test_predict_warns_of_cuts_once_with_their_number(tiny: Reranker) -> None:
    with pytest.warns(PairsTruncated, match=r"1 of 5 pairs .* were cut"):
        tiny.predict([("rain", text) for text in TEXTS])


def test_passages_read_everything_and_name_the_winner(tiny: Reranker) -> None:
    text = "The market closed higher. " * 90 + "Rain falls when water vapour condenses. " + "The market closed. " * 90
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (score,) = tiny.predict([("rain", text)], long="passages")
    (hit,) = tiny.rank("rain", [text], long="passages")
    assert hit.score == float(score)
    assert not hit.truncated
    assert hit.reading is not None
    passage = hit.reading.passage
    assert passage is not None
    assert hit.score == pytest.approx(float(tiny.predict([("rain", text[passage.start : passage.end])])[0]), abs=1e-5)
    every = [float(tiny.predict([("rain", text[: passage.end])], long="passages")[0])]
    assert max(every) <= hit.score + 1e-5


def test_probability_is_the_sigmoid_and_never_overflows() -> None:
    logits = np.array([-1000, -2, 0, 2, 1000], dtype=np.float32)
    with np.errstate(all="raise", under="ignore"):
        values = probability(logits)
    assert values.dtype == np.float32
    assert values[2] == 0.5
    assert values[1] + values[3] == pytest.approx(1)
    assert (values[0], values[4]) == (0, 1)


def test_a_megabyte_of_document_and_two_of_query_are_cut_not_refused(tiny: Reranker) -> None:
    (hit,) = tiny.rank("rain", ["rain falls " * 100_000])
    assert hit.reading is not None
    assert hit.reading.document_dropped > 199_000
    (hit,) = tiny.rank("why is rain " * 170_000, ["rain"])
    assert hit.reading is not None
    assert hit.reading.query_dropped > 500_000


@pytest.mark.parametrize("query", ["", " ", "\n\t"])
def test_a_blank_query_is_refused(tiny: Reranker, query: str) -> None:
    with pytest.raises(BadQuery, match="query '0' is"):
        tiny.rank(query, ["rain"])


@pytest.mark.parametrize("top_k", [0, -1, 1.5])
def test_top_k_below_one_is_refused(tiny: Reranker, top_k: int) -> None:
    with pytest.raises(BadOption, match=r"top_k must be a whole number(, at least 1)?, got"):
        tiny.rank("rain", ["rain"], top_k=top_k)


def test_two_documents_with_one_id_are_refused_before_anything_is_scored(
    tiny: Reranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny.scorer, "score", lambda *_, **__: pytest.fail("scored"))
    twice = [Document("a", "x"), Document("a", "y")]
    with pytest.raises(DuplicateId, match="query '1': two documents have the id 'a'"):
        tiny.rank_many([("rain", ["x"]), ("rain", twice)])


@pytest.mark.parametrize(
    "pairs", [("rain", "rain falls"), ["rain", "rain falls"], ["hi", "yo"], [("rain", None)], [("a", "b", "c")]]
)
def test_what_is_not_a_list_of_pairs_is_refused(tiny: Reranker, pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(BadInput, match=r"pair 0: expected .*\n.*predict\(\[\(query, document\)\]\)"):
        tiny.predict(pairs)


def test_one_document_alone_and_what_is_no_text_are_refused(tiny: Reranker) -> None:
    with pytest.raises(BadInput, match="put it into a list"):
        tiny.rank("rain", "rain falls")
    with pytest.raises(BadInput, match="document 1 is missing"):
        tiny.rank("rain", ["rain falls", None])  # type: ignore[list-item]
    with pytest.raises(BadInput, match="query must be a text or a Query, got None"):
        tiny.rank(None, ["rain falls"])  # type: ignore[arg-type]


def test_options_out_of_range_are_refused(bert: Path, tiny: Reranker) -> None:
    for options, message in (
        ({"threads": 0}, "threads must be at least 1"),
        ({"max_tokens": 9999}, "reads at most"),
        ({"max_tokens": 2}, "max_tokens must be at least"),
        ({"max_tokens": 0}, "max_tokens must be at least"),
        ({"engine": "abacus"}, "engine must be one of auto, onnx, torch, sentence-transformers"),
        ({"device": "cuda"}, "the onnx engine runs on the CPU"),
        ({"engine": "torch", "dtype": "int8"}, "torch engine's dtype must be one of auto, fp32, bf16, fp16"),
        ({"engine": "torch", "device": "cuda"}, "cuda"),
        ({"dtype": "bf16"}, r'onnx engine.* got .bf16.\nhint: engine="torch" has it'),
        ({"dtype": "fp8"}, "dtype must be one of auto, fp32, int8, bf16, fp16, got .fp8."),
    ):
        with pytest.raises(BadOption, match=message):
            Reranker.open(bert, **options)  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="long must be one of"):
        tiny.rank("rain", ["x"], long="cut")  # type: ignore[arg-type]


def test_a_wrong_name_offers_the_nearest_and_a_wrong_path_says_so() -> None:
    with pytest.raises(ModelMissing, match="ettin-17m"):
        Reranker.open("etin-17m")
    with pytest.raises(PathMissing, match="nowhere"):
        Reranker.open("./nowhere")


def test_a_shorter_max_tokens_is_honoured(bert: Path) -> None:
    short = Reranker.open(bert, max_tokens=16)
    (hit,) = short.rank("rain", ["rain falls " * 20])
    assert hit.reading is not None
    assert hit.reading.query_kept + hit.reading.document_kept == 13


def test_the_box_gives_its_golden_logits() -> None:
    """The worked examples of its card. The weights lie in the box in 8 bits, hence the band."""
    card = (Path(rankladder.box.__path__[0]) / "README.md").read_text()
    golden = re.findall(r"^\| (.+?) \| (.+?) \| (-?\d+\.\d+) \|$", card, re.MULTILINE)
    assert len(golden) == 4
    scores = Reranker.open(dtype="fp32").predict([(query, document) for query, document, _ in golden])
    assert np.abs(scores - [float(logit) for *_, logit in golden]).max() < 1e-3


def test_passages_never_read_less_than_a_cut_does(tiny: Reranker) -> None:
    for query, document in (("why rain " * 600, ""), ("why rain " * 600, "rain falls"), ("rain", "falls " * 900)):
        (cut,) = tiny.rank(query, [document])
        (read,) = tiny.rank(query, [document], long="passages")
        assert cut.reading is not None
        assert read.reading is not None
        assert read.reading.document_dropped == 0
        assert read.reading.query_kept >= min(cut.reading.query_kept, (tiny.max_tokens - 3) // 2)
    (short,) = tiny.rank("why rain " * 600, ["rain falls"], long="passages")
    assert short.reading == tiny.rank("why rain " * 600, ["rain falls"])[0].reading


def test_a_block_is_bounded_by_its_text(tiny: Reranker, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    score = tiny.scorer.score
    monkeypatch.setattr(
        tiny.scorer, "score", lambda pairs, **options: sizes.append(len(pairs)) or score(pairs, **options)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PairsTruncated)
        tiny.predict([("rain", "x" * 1_500_000)] * 7)
    assert sizes == [3, 3, 1]


def test_the_torch_engine_ranks_behind_the_same_door(bert: Path, tiny: Reranker) -> None:
    other = Reranker.open(bert, engine="torch", device="cpu", threads=1)
    scores = {hit.index: hit.score for hit in other.rank("rain", TEXTS)}
    assert other.dtype == "fp32"
    assert {hit.index: hit.score for hit in tiny.rank("rain", TEXTS)} == pytest.approx(scores, abs=1e-4)


def test_without_torch_the_install_line_is_named(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'rankladder\[torch\]'"):
        Reranker.open(bert, engine="torch")
