"""Services that are busy, broken, slow or wrong: waited for where that helps, and never believed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest

from hosted_server import Reply, RerankServer, ServiceName, rerank_server
from rankladder.errors import BadOption, KeyRefused, ModelMissing, RequestRefused, ServiceFailed, Unavailable
from rankladder.rerank import Reranker
from rankladder.rerank.hosted import Patience, open_hosted

from .clocks import HeldClock

PAIRS = [("red planet", "mars is the red planet"), ("red planet", "the sea"), ("red planet", "red wine")]
GOOD = pytest.approx([2 / 3, 0.0, 0.5])


def reranker_of(
    server: RerankServer, held: HeldClock | None = None, *, threads: int | None = None, **patience: Any
) -> Reranker:
    return Reranker(
        open_hosted(
            server.model(),
            threads=threads,
            patience=Patience(**patience),
            clock=(held or HeldClock()).clock,
        )
    )


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:20 GMT"}, 20),
        ({"retry-after": "Wed, 31 Dec 1969 23:59:00 GMT"}, None),
        ({"retry-after": "tomorrow"}, 0.5),
        ({"retry-after": "nan"}, 0.5),
        ({}, 0.5),
    ],
)
def test_a_busy_service_is_asked_again_when_it_says(headers: dict[str, str], wait_s: float | None) -> None:
    held = HeldClock()
    with rerank_server("cohere") as server:
        server.script = [Reply(status=429, headers=headers)]
        reranker = reranker_of(server, held)
        assert reranker.predict(PAIRS).tolist() == GOOD
        assert held.slept == ([] if wait_s is None else [wait_s])
        assert len(server.requests) == 2
        assert reranker.scorer.usage.retries == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500, body=b'{"message": "internal server error"}'),
        Reply(status=500, body=b""),
        Reply(status=503, body=b"<html>upstream</html>"),
        Reply(status=408),
        Reply(status=409),
        Reply(cut=9),
        Reply(cut=10_000),
        Reply(close=True),
        Reply(body=b"\xff\xfe"),
        Reply(body=b"[" * 100_000),
    ],
    ids=[
        "500",
        "500 without a word",
        "503",
        "408",
        "409",
        "truncated JSON",
        "no body",
        "closed midway",
        "not UTF-8",
        "nested too deep",
    ],
)
def test_a_passing_failure_is_tried_again(reply: Reply) -> None:
    held = HeldClock()
    with rerank_server("cohere") as server:
        server.script = [reply, reply]
        assert reranker_of(server, held).predict(PAIRS).tolist() == GOOD
        assert held.slept == [0.5, 1.0]


def test_a_lasting_failure_ends_after_the_tries_that_patience_allows() -> None:
    held = HeldClock()
    with rerank_server("cohere") as server:
        server.script = [Reply(status=502)] * 9
        with pytest.raises(
            ServiceFailed, match=r"Cohere \(127\.0\.0\.1:\d+\): status 502 \(scripted\); 4 tries failed"
        ):
            reranker_of(server, held, attempts=4).predict(PAIRS)
        assert (len(server.requests), held.slept) == (4, [0.5, 1.0, 2.0])


def test_truncated_json_that_never_ends_well_is_a_failure_of_the_service() -> None:
    with rerank_server("voyage") as server:
        server.script = [Reply(cut=5)] * 9
        with pytest.raises(ServiceFailed, match="is not JSON, or is cut short; 5 tries failed"):
            reranker_of(server).predict(PAIRS)


def test_a_service_that_stays_busy_is_given_up_after_the_total_time() -> None:
    held = HeldClock()
    with rerank_server("tei") as server:
        reranker = reranker_of(server, held, total_s=100)
        server.script = [Reply(status=429)] * 99  # TEI never says how long
        with pytest.raises(ServiceFailed, match="status 429"):
            reranker.predict(PAIRS)
        assert held.slept == [0.5, 1, 2, 4, 8, 16, 30, 30]
        assert held.now <= 100


def test_a_wait_longer_than_patience_allows_is_not_begun() -> None:
    held = HeldClock()
    with rerank_server("cohere") as server:
        server.script = [Reply(status=429, headers={"retry-after": "3600"})]
        with pytest.raises(ServiceFailed, match="the next try would be in 3,600 s"):
            reranker_of(server, held).predict(PAIRS)
        assert (held.slept, len(server.requests)) == ([], 1)


@pytest.mark.parametrize(
    "headers",
    [{"retry-after": "0"}, {"retry-after-ms": "0"}, {"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}],
    ids=["seconds", "milliseconds", "a date in the past"],
)
def test_a_service_that_says_at_once_again_and_again_is_not_asked_in_a_loop(headers: dict[str, str]) -> None:
    held = HeldClock()
    with rerank_server("cohere") as server:
        server.script = [Reply(status=429, headers=headers)] * 99
        with pytest.raises(ServiceFailed, match="status 429"):
            reranker_of(server, held, total_s=100).predict(PAIRS)
        assert held.slept == [1, 2, 4, 8, 16, 30, 30]  # at once the first time
        assert len(server.requests) == 9


def test_what_one_request_is_told_to_wait_holds_for_all() -> None:
    held = HeldClock()
    with rerank_server("cohere") as server:
        scorer = open_hosted(server.model(), threads=1, clock=held.clock)
        server.script = [Reply(status=429, headers={"retry-after": "8"})] * 2
        sent: list[float] = []
        attempt = scorer._caller._attempt

        def timed(*arguments: Any) -> Any:
            sent.append(held.now)
            return attempt(*arguments)

        scorer._caller._attempt = timed  # type: ignore[method-assign, assignment]
        threads = [threading.Thread(target=Reranker(scorer).predict, args=([("red", "x")],)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sent == [0, 8, 16, 16, 16]  # whoever comes second meets the pause that the first was given


def test_a_slow_service_is_a_timeout_and_another_try() -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(hang=True)]
        assert reranker_of(server, timeout_s=1).predict(PAIRS).tolist() == GOOD
        server.script = [Reply(hang=True)] * 2
        with pytest.raises(ServiceFailed, match=r"no complete answer within 0\.1 s; 2 tries failed"):
            reranker_of(server, timeout_s=0.1, attempts=2).predict(PAIRS)


def test_a_huge_body_is_not_read_to_its_end() -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(size=1 << 26)]
        began = time.perf_counter()
        with pytest.raises(ServiceFailed, match="more than any ranking needs"):
            reranker_of(server).predict(PAIRS)
        assert time.perf_counter() - began < 10
        server.script = [Reply(status=400, size=1 << 26)]
        with pytest.raises(RequestRefused, match="status 400"):
            reranker_of(server).predict(PAIRS)


def test_nobody_listening_is_said_with_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    held = HeldClock()
    with pytest.raises(Unavailable, match=rf"TEI \(127\.0\.0\.1:{port}\): the connection failed.*5 tries failed"):
        open_hosted(f"tei:http://127.0.0.1:{port}", clock=held.clock)
    assert held.slept == [0.5, 1, 2, 4]


def drop_last(answer: Any) -> Any:
    return {**answer, "results": answer["results"][:-1]}


def first_result(**fields: Any) -> Any:
    def change(answer: Any) -> Any:
        return {**answer, "results": [{**answer["results"][0], **fields}, *answer["results"][1:]]}

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop_last, "3 documents were sent, 2 came back"),
        (lambda answer: {**answer, "results": answer["results"] * 2}, "3 documents were sent, 6 came back"),
        (first_result(index=1), "index 1 came back twice"),
        (first_result(index=3), "a result has the index 3, expected 0 to 2"),
        (first_result(index=-1), "a result has the index -1"),
        (first_result(index=True), "a result has the index True"),
        (first_result(index="0"), "a result has the index '0'"),
        (first_result(relevance_score=float("nan")), "document 0 has the relevance_score nan"),
        (first_result(relevance_score=float("inf")), "document 0 has the relevance_score inf"),
        (first_result(relevance_score=None), "document 0 has the relevance_score None"),
        (first_result(relevance_score="0.9"), "document 0 has the relevance_score '0.9'"),
        (first_result(relevance_score=10**400), "document 0 has the relevance_score 1000"),
        (lambda answer: {**answer, "results": {}}, r"expected a list of results, found \{\"id\": \"0\""),
        (lambda answer: {}, r"expected a list of results, found \{\}"),
        (lambda answer: answer["results"], r"expected a list of results, found \[\{"),
        (lambda answer: {**answer, "results": [1, 2, 3]}, "a result has the index None"),
    ],
)
def test_an_answer_that_is_not_one_score_a_document_is_refused_at_once(change: Any, said: str) -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(change=change)]
        with pytest.raises(ServiceFailed, match=f"Cohere .* the answer cannot be used: {said}"):
            reranker_of(server).predict(PAIRS)
        assert len(server.requests) == 1


@pytest.mark.parametrize("meta", [[], {"billed_units": None}, {"billed_units": {"search_units": "many"}}, "x"])
def test_a_bill_of_another_shape_does_not_spoil_the_scores(meta: Any) -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(change=lambda answer: {**answer, "meta": meta, "usage": meta})]
        reranker = reranker_of(server)
        assert reranker.predict(PAIRS).tolist() == GOOD
        assert reranker.scorer.usage.search_units is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("service", "status", "kind"),
    [
        ("cohere", 400, RequestRefused),
        ("cohere", 422, RequestRefused),
        ("tei", 413, RequestRefused),
        ("cohere", 404, ModelMissing),
        ("tei", 424, ServiceFailed),
        ("jina", 307, ServiceFailed),
        ("jina", 204, ServiceFailed),
    ],
)
def test_a_refusal_is_passed_on_at_once_in_the_services_words(
    service: ServiceName, status: int, kind: type[Exception]
) -> None:
    with rerank_server(service) as server:
        reranker = reranker_of(server)
        server.script = [Reply(status=status, body=b"" if status == 204 else None)]
        with pytest.raises(kind, match=f"status {status}" + ("" if status == 204 else ": scripted")):
            reranker.predict(PAIRS)
        assert len(server.reranks) == 1


def test_what_a_service_says_is_shown_on_one_printable_line() -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(status=400, body=b'{"message": "two\\nlines \\u001b[31m' + b"x" * 999 + b'"}')]
        with pytest.raises(RequestRefused) as caught:
            reranker_of(server).predict(PAIRS)
        assert "two lines \ufffd[31mxxx" in str(caught.value)
        assert len(str(caught.value)) < 400


def test_one_failed_request_ends_the_others() -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(status=400)]
        with pytest.raises(RequestRefused):
            reranker_of(server, threads=1).predict([(f"query {number}", "x") for number in range(200)])
        assert len(server.requests) < 20


def test_ctrl_c_ends_a_process_at_once_though_a_service_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = f"cohere:m@http://127.0.0.1:{silent.getsockname()[1]}"
        script = f"from rankladder.rerank import Reranker; Reranker.open({name!r}).predict([('a', 'x'), ('b', 'x')])"
        silent.settimeout(60)
        with (
            subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process,
            ExitStack() as held,
        ):
            held.callback(process.kill)
            for _ in range(2):
                connection = held.enter_context(silent.accept()[0])
                connection.recv(1)  # the request is under way, and nobody answers
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) != 0  # a try alone may take 60 s


def test_progress_counts_every_pair_once() -> None:
    with rerank_server("tei") as server:
        scorer = open_hosted(server.model())
        told: list[float] = []
        scorer.score([("q", str(number)) for number in range(10)], long="truncate", done=told.append)
        assert sum(told) == 10


@pytest.mark.parametrize("field", ["timeout_s", "total_s", "first_wait_s", "longest_wait_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_patience_has_bounds(field: str, value: float) -> None:
    with pytest.raises(BadOption, match=f"patience needs|{field} must be a finite number"):
        Patience(**{field: value})  # type: ignore[arg-type]


TOO_LARGE = b'{"error": {"code": 500, "message": "input is too large to process. increase the physical batch size"}}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (500, TOO_LARGE, RequestRefused, "the request held 3 documents, the longest of 22 characters; shorten"),
        (422, b'{"error": "input must have less than 512 tokens: exceeds the limit"}', RequestRefused, "shorten"),
        (413, b"", RequestRefused, "shorten"),
        (500, b'{"message": "invalid request: texts must not be null"}', RequestRefused, "must not be null"),
        (501, b"", ServiceFailed, "status 501"),
        (429, b'{"error": {"message": "insufficient_quota: check your plan and billing"}}', KeyRefused, "account"),
    ],
)
def test_an_error_that_will_not_change_is_not_asked_again(
    status: int, body: bytes, kind: type[Exception], said: str
) -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(status=status, body=body)] * 9
        with pytest.raises(kind, match=said):
            reranker_of(server).predict(PAIRS)
        assert len(server.requests) == 1


def test_a_fault_that_is_said_in_the_same_words_twice_is_not_asked_about_a_third_time() -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(status=500, body=b'{"message": "tensor shapes differ"}')] * 9
        with pytest.raises(ServiceFailed, match=r"tensor shapes differ.*the same error twice"):
            reranker_of(server).predict(PAIRS)
        assert len(server.requests) == 2
        server.script = [Reply(status=500, body=b'{"message": "shape %d"}' % one) for one in range(2)]
        assert reranker_of(server).predict(PAIRS).tolist() == GOOD


@pytest.mark.parametrize("service", ["cohere", "tei"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b'{"code": 30001, "message": "balance is insufficient", "data": null}',
            r"balance is insufficient \(code 30001\)",
        ),
        (b'{"error": {"message": "no such model"}}', "no such model"),
        (b'{"detail": [{"msg": "field required"}]}', "field required"),
        (b'{"results": null, "error": "worker died \\u001b[31m"}', "worker died"),
    ],
)
def test_an_error_under_status_200_is_shown_in_the_services_words(service: ServiceName, body: bytes, said: str) -> None:
    with rerank_server(service) as server:
        reranker = reranker_of(server)
        server.script = [Reply(body=body)]
        with pytest.raises(ServiceFailed, match=f"it says: {said}") as caught:
            reranker.predict(PAIRS)
        assert "\x1b" not in str(caught.value)
        assert len(server.reranks) == 1


@pytest.mark.parametrize("counted", ["9" * 5000, "9" * 30, "-1", "1e9", "\u0663", ""])
def test_a_count_that_no_bill_holds_says_nothing(counted: str) -> None:
    with rerank_server("tei") as server:
        reranker = reranker_of(server)
        server.script = [Reply(headers={"x-compute-tokens": counted.encode().decode("latin-1")})]
        assert len(reranker.predict(PAIRS)) == 3
        assert str(reranker.scorer.usage) == "1 request, 3 documents"  # type: ignore[attr-defined]


@pytest.mark.parametrize("units", [1e308, 10**400, -1, float("nan")])
def test_a_sum_of_bills_stays_a_number(units: float) -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(change=lambda answer: {**answer, "meta": {"billed_units": {"search_units": units}}})] * 3
        reranker = reranker_of(server)
        for _ in range(3):
            reranker.predict(PAIRS)
        assert str(reranker.scorer.usage) == "3 requests, 9 documents"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5000,
        "1e999",
        "-inf",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 +9999999",
    ],
)
def test_a_wait_that_no_clock_holds_is_none(value: str) -> None:
    held = HeldClock()
    with rerank_server("cohere") as server:
        server.script = [Reply(status=429, headers={"retry-after": value})]
        assert reranker_of(server, held).predict(PAIRS).tolist() == GOOD
        assert held.slept == [0.5]


def test_a_score_beyond_float32_is_refused() -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(change=first_result(relevance_score=1e39))]
        with pytest.raises(ServiceFailed, match="relevance_score 1e"):
            reranker_of(server).predict(PAIRS)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error_code": 17, "error_msg": "daily limit reached"}',
        b'{"error": true, "reason": "daily limit reached"}',
        b'{"fault": {"faultstring": "daily limit reached"}}',
        b'{"success": false, "why": ["daily limit reached"]}',
        b'"daily limit reached"',
    ],
)
def test_what_came_in_place_of_scores_is_shown_whatever_its_shape(body: bytes) -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(body=body)]
        with pytest.raises(ServiceFailed, match=r"expected a list of results, found .*daily limit reached"):
            reranker_of(server).predict(PAIRS)


def test_a_page_in_place_of_an_answer_is_shown() -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(body=b"<html>Please\n log in</html>")] * 9
        with pytest.raises(ServiceFailed, match=r"the answer \(27 bytes: <html>Please log in</html>\) is not JSON"):
            reranker_of(server).predict(PAIRS)
