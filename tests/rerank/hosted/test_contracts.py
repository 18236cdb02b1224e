"""A hosted model behaves as any other wherever a model is named, and each service gets what it understands."""

from __future__ import annotations

import pytest

from hosted_server import Reply, RerankServer, ServiceName, rerank_server, shared_words
from rankladder.errors import BadOption
from rankladder.rerank import EncodedDocument, Reranker
from rankladder.rerank.hosted import HostedScorer, Patience, Usage, open_hosted
from rankladder.rerank.hosted.planning import plan_requests
from rankladder.values import Document

QUERY = "red planet"
TEXTS = ["mars is the red planet", "the sea", "red wine", "a planet"]
SERVICES: tuple[ServiceName, ...] = ("cohere", "jina", "voyage", "tei")


def scorer_of(server: RerankServer, name: str | None = None, *, threads: int | None = None) -> HostedScorer:
    return open_hosted(name or server.model(), threads=threads, patience=Patience(timeout_s=5))


@pytest.mark.parametrize("service", SERVICES)
def test_scores_come_back_in_the_order_of_the_pairs(service: ServiceName) -> None:
    with rerank_server(service) as server:
        scores = Reranker(scorer_of(server)).predict([(QUERY, text) for text in TEXTS])
        expected = [shared_words(QUERY, text) for text in TEXTS]
        assert scores.tolist() == pytest.approx([10 * s - 5 for s in expected] if service == "tei" else expected)
        assert len(server.reranks) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_reranking_is_a_permutation_whose_readings_are_unknown(service: ServiceName) -> None:
    with rerank_server(service) as server:
        reranker = Reranker(scorer_of(server))
        ranking = reranker.rank(QUERY, [Document(str(place), text, "A title") for place, text in enumerate(TEXTS)])
        assert [hit.document.id for hit in ranking] == ["0", "2", "3", "1"]
        assert {hit.reading for hit in ranking} == {None}
        assert ranking.stage == reranker.name == server.model()
        assert server.reranks[0].body["texts" if service == "tei" else "documents"][1] == "A title the sea"


@pytest.mark.parametrize("service", SERVICES)
def test_a_request_holds_what_the_contract_names_and_no_more(service: ServiceName) -> None:
    sent: dict[str, dict[str, object]] = {
        "cohere": {"model": "rerank-test", "documents": TEXTS},
        "jina": {"model": "rerank-test", "documents": TEXTS, "return_documents": False},
        "voyage": {"model": "rerank-test", "documents": TEXTS, "truncation": True},
        "tei": {"texts": TEXTS, "truncate": True, "raw_scores": True},
    }
    with rerank_server(service) as server:
        Reranker(scorer_of(server)).rank(QUERY, TEXTS, top_k=1)
        assert server.reranks[0].body == {"query": QUERY, **sent[service]}
        assert server.reranks[0].headers["content-type"] == "application/json"
        assert server.reranks[0].headers["accept"] == "application/json"
        assert "authorization" not in server.reranks[0].headers


def test_the_first_version_of_coheres_api_is_understood_too() -> None:
    with rerank_server("cohere") as server:
        ranking = Reranker(scorer_of(server, f"cohere:rerank-test@{server.url}/v1/rerank")).rank(QUERY, TEXTS)
        assert server.reranks[0].path == "/v1/rerank"
        assert ranking.documents[0].text == TEXTS[0]


@pytest.mark.parametrize("plain", [False, True], ids=["object", "string"])
def test_documents_that_come_back_unasked_are_passed_over(plain: bool) -> None:
    with rerank_server("jina", jina_texts=plain) as server:
        assert Reranker(scorer_of(server)).rank(QUERY, TEXTS).documents[0].text == TEXTS[0]


def test_max_tokens_is_sent_to_cohere_and_refused_elsewhere() -> None:
    with rerank_server("cohere") as server:
        reranker = Reranker(open_hosted(server.model(), max_tokens=128))
        reranker.rank(QUERY, TEXTS)
        assert server.reranks[0].body["max_tokens_per_doc"] == 128
        assert "at most 128 tokens" in reranker.about
        assert reranker.max_tokens == 128
    with pytest.raises(BadOption, match="Jina does not take max_tokens=128"):
        open_hosted("jina:m", max_tokens=128)


def test_neighbours_with_one_query_travel_together_and_no_request_is_larger_than_allowed() -> None:
    pairs = [(query, text) for query in ("red", "sea") for text in TEXTS * 3]
    with rerank_server("tei") as server:  # its /info allows 4 texts
        scores = Reranker(scorer_of(server)).predict(pairs)
        assert [len(request.body["texts"]) for request in server.reranks] == [4] * 6
        assert scores.tolist() == pytest.approx([10 * shared_words(query, text) - 5 for query, text in pairs])


def test_plans_keep_every_pair_once_in_order() -> None:
    pairs = [("q", "x" * (place % 7)) for place in range(50)] + [("é", "x"), ("q", "x")]
    plan = plan_requests(pairs, max_documents=8, max_bytes=20)
    assert [row for rows in plan for row in rows] == list(range(len(pairs)))
    for rows in plan:
        assert len({pairs[row][0] for row in rows}) == 1
        assert len(rows) == 1 or sum(len(pairs[row][0]) + len(pairs[row][1]) for row in rows) <= 20


def test_scores_do_not_depend_on_how_many_requests_are_open() -> None:
    pairs = [(f"red {number % 7}", TEXTS[number % 4]) for number in range(60)]
    with rerank_server("cohere") as server:
        alone, many = (Reranker(scorer_of(server, threads=threads)).predict(pairs) for threads in (1, 8))
    assert alone.tolist() == many.tolist()


def test_no_pairs_ask_nothing() -> None:
    with rerank_server("cohere") as server:
        assert len(Reranker(scorer_of(server)).rank(QUERY, [])) == 0
        assert server.requests == []


def test_lone_surrogates_are_replaced_before_they_are_sent() -> None:
    with rerank_server("cohere") as server:
        Reranker(scorer_of(server)).predict([("caf\udce9", "\ud800 x")])
        assert (server.reranks[0].body["query"], server.reranks[0].body["documents"]) == ("caf\ufffd", ["\ufffd x"])


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("cohere", Usage(requests=2, documents=150, search_units=3.0)),
        ("jina", Usage(requests=2, documents=150, tokens=150 * 2)),
        ("voyage", Usage(requests=2, documents=150, tokens=150 * 2)),
    ],
)
def test_usage_adds_up_what_the_service_reports(service: ServiceName, expected: Usage) -> None:
    with rerank_server(service) as server:
        scorer = scorer_of(server)
        assert scorer.usage == Usage()
        Reranker(scorer).rank_many([("a", ["x"] * 0 + [f"x{n}" for n in range(30)]), ("b", ["y"] * 120)])
        assert scorer.usage == expected
    assert "150 documents" in str(expected)


def test_tei_counts_tokens_in_a_header() -> None:
    with rerank_server("tei") as server:
        scorer = scorer_of(server)
        server.script.append(Reply(headers={"x-compute-tokens": "42"}))
        Reranker(scorer).rank(QUERY, TEXTS)
        assert scorer.usage == Usage(requests=1, documents=4, tokens=42)


def test_tei_says_what_it_serves() -> None:
    with rerank_server("tei") as server:
        scorer = scorer_of(server)
        assert scorer.facts.reads == 512
        assert "BAAI/bge-reranker-base (float16)" in scorer.facts.note
        assert scorer.facts.dtype == "raw logit"
        assert server.info is not None
        server.info["model_sha"] = "1" * 40
        assert scorer_of(server).facts.digest != scorer.facts.digest


def test_a_tei_server_without_an_info_page_is_taken_at_its_defaults() -> None:
    with rerank_server("tei") as server:
        server.info = None
        Reranker(scorer_of(server, threads=1)).predict([(QUERY, str(number)) for number in range(40)])
        assert [len(request.body["texts"]) for request in server.reranks] == [32, 8]


def test_a_tei_server_with_few_permits_gets_smaller_requests() -> None:
    with rerank_server("tei") as server:
        assert server.info is not None
        server.info |= {"max_client_batch_size": 32, "max_concurrent_requests": 8}
        Reranker(scorer_of(server, threads=4)).predict([(QUERY, str(number)) for number in range(8)])
        assert {len(request.body["texts"]) for request in server.reranks} == {2}


def test_a_tei_server_that_runs_no_reranker_is_refused() -> None:
    with rerank_server("tei") as server:
        assert server.info is not None
        server.info["model_type"] = {"embedding": {"pooling": "cls"}}
        with pytest.raises(BadOption, match=r"not a reranker \(embedding\)"):
            scorer_of(server)


def test_the_digest_tells_models_addresses_and_lengths_apart() -> None:
    names = ["cohere:a@http://localhost", "cohere:b@http://localhost", "cohere:a@http://localhost:1", "jina:a@http://x"]
    digests = [open_hosted(name).facts.digest for name in names] + [open_hosted(names[0], max_tokens=9).facts.digest]
    assert len(set(digests)) == len(digests)
    assert open_hosted(names[0], threads=2).facts.digest == digests[0]


def test_what_only_a_local_model_can_do_is_refused() -> None:
    with rerank_server("cohere") as server:
        reranker = Reranker(scorer_of(server))
        with pytest.raises(BadOption, match="takes texts"):
            reranker.encode(TEXTS)
        with pytest.raises(BadOption, match="long='passages'"):
            reranker.rank(QUERY, TEXTS, long="passages")
        assert server.requests == []


@pytest.mark.parametrize("tokenizer", ["another", ""])
def test_documents_encoded_for_another_model_are_sent_as_text(tokenizer: str) -> None:
    encoded = [EncodedDocument(text, text, tokenizer=tokenizer) for text in TEXTS]
    with rerank_server("cohere") as server:
        assert Reranker(scorer_of(server)).rank(QUERY, encoded).documents[0].text == TEXTS[0]
        assert server.reranks[0].body["documents"] == TEXTS
