"""Names, options and keys: what is honoured, what is refused, and that a key is seen by its service alone."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
import traceback

import pytest

from hosted_server import Reply, ServiceName, rerank_server
from rankladder.errors import BadOption, KeyRefused, RankladderError, ServiceFailed
from rankladder.rerank import ModelRequest, Reranker
from rankladder.rerank.hosted import Patience, is_hosted, open_hosted
from rankladder.rerank.hosted.address import parse_address

SECRET = "s3cret-k3y-0123456789"
VARIABLES = ("COHERE_API_KEY", "CO_API_KEY", "JINA_API_KEY", "VOYAGE_API_KEY", "TEI_API_KEY", "RANKLADDER_API_KEY")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("name", "model", "url"),
    [
        ("cohere:rerank-v3.5", "rerank-v3.5", "https://api.cohere.com/v2/rerank"),
        ("jina:jina-reranker-v3", "jina-reranker-v3", "https://api.jina.ai/v1/rerank"),
        ("voyage:rerank-2.5", "rerank-2.5", "https://api.voyageai.com/v1/rerank"),
        ("cohere:org/m@v1@https://gate.example/x/rerank", None, None),
        ("cohere:org/m@https://gate.example/x/rerank", "org/m", "https://gate.example/x/rerank"),
        ("cohere:m@http://localhost:8000/", "m", "http://localhost:8000/v2/rerank"),
        ("jina:m@http://[::1]:8000", "m", "http://[::1]:8000/v1/rerank"),
        ("tei:http://10.0.0.1:8080", "", "http://10.0.0.1:8080/rerank"),
        ("tei:http://localhost:8080/rerank", "", "http://localhost:8080/rerank"),
        ("tei:https://gate.example/tei/", "", "https://gate.example/tei/rerank"),
    ],
)
def test_a_name_says_the_service_the_model_and_the_address(name: str, model: str | None, url: str | None) -> None:
    assert is_hosted(name)
    if model is None:
        with pytest.raises(BadOption):
            parse_address(name)
        return
    address = parse_address(name)
    assert (address.model, address.url) == (model, url)


@pytest.mark.parametrize(
    "name",
    [
        "cohere:",
        "jina:@https://x",
        "cohere:m@",
        "cohere:m@ftp://x",
        "cohere:m@localhost:8000",
        "cohere:https://x",
        "cohere:two words",
        "tei:",
        "tei:localhost:8080",
        "tei:http://",
        "tei:http://h:99999",
        "tei:http://h:0",
        "tei:http://h h",
        "tei:http://[::1",
        "tei:http://h/\n",
        "https://api.cohere.com/v2/rerank",
        "COHERE:m",
        "tei:http://h/?a=b",
        "tei:http://h/#x",
    ],
)
def test_a_name_that_cannot_be_read_is_refused(name: str) -> None:
    assert is_hosted(name)
    with pytest.raises(BadOption, match=r"model "):
        open_hosted(name)


@pytest.mark.parametrize("name", ["box", "ettin-17m", "org/name", "./cohere", "cohere/rerank", "C:\\models", "", None])
def test_other_names_are_left_to_the_local_models(name: str | None) -> None:
    assert not is_hosted(name)


@pytest.mark.parametrize("name", [f"tei:http://user:{SECRET}@h", f"cohere:m@https://h/r?key={SECRET}"])
def test_a_key_in_the_address_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(BadOption) as caught:
        open_hosted(name)
    assert SECRET not in str(caught.value)
    assert "RANKLADDER_API_KEY" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"offline": True},
        {"device": "cuda"},
        {"dtype": "fp32"},
        {"engine": "torch"},
        {"engine": "onnx"},
        {"revision": "main"},
        {"threads": 0},
        {"max_tokens": 0},
    ],
)
def test_an_option_that_a_hosted_model_cannot_honour_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadOption, match=next(iter(options))):
        open_hosted("cohere:m@http://localhost", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("service", ["cohere", "jina", "voyage"])
def test_a_service_without_a_key_is_refused_before_anything_is_sent(service: str) -> None:
    with pytest.raises(KeyRefused, match=f"{service.upper()}_API_KEY .*not set"):
        open_hosted(f"{service}:m")


@pytest.mark.parametrize("variable", ["COHERE_API_KEY", "CO_API_KEY"])
def test_either_of_coheres_variables_serves(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, SECRET)
    assert open_hosted("cohere:m").facts.model == "cohere:m"


@pytest.mark.parametrize("secret", ["two words", "line\nbreak", "schlüssel"])
def test_what_cannot_be_a_key_is_not_sent(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHERE_API_KEY", secret)
    with pytest.raises(KeyRefused, match="COHERE_API_KEY holds") as caught:
        open_hosted("cohere:m")
    assert secret not in str(caught.value)


@pytest.mark.parametrize("service", ["cohere", "tei"])
def test_the_key_travels_as_a_bearer_token(service: ServiceName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", f" {SECRET}\n")
    with rerank_server(service, key=SECRET) as server:
        Reranker(open_hosted(server.model())).rank("q", ["x"])
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {SECRET}"}


def test_a_services_own_key_is_never_sent_to_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHERE_API_KEY", SECRET)
    with rerank_server("cohere") as server:
        Reranker(open_hosted(server.model())).rank("q", ["x"])
        assert "authorization" not in server.requests[0].headers


def test_a_key_is_not_sent_unencrypted_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    open_hosted("cohere:m@http://gate.example")  # without a key there is none to lose
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    for name in ("cohere:m@http://gate.example", "tei:http://10.0.0.1", "tei:http://localhost.example"):
        with pytest.raises(KeyRefused, match="unencrypted") as caught:
            open_hosted(name)
        assert SECRET not in str(caught.value)
    for name in ("cohere:m@https://gate.example", "cohere:m@http://localhost", "jina:m@http://127.8.9.1"):
        open_hosted(name)


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    with rerank_server("cohere") as other, rerank_server("cohere") as server:
        server.script = [Reply(status=307, headers={"location": f"{other.url}/v2/rerank"})]
        with pytest.raises(ServiceFailed, match="another address"):
            Reranker(open_hosted(server.model())).rank("q", ["x"])
        assert other.requests == []


@pytest.mark.parametrize("status", [401, 402, 403, 498])
def test_a_refused_key_is_said_at_once(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    with rerank_server("voyage") as server:
        server.script = [Reply(status=status)]
        with pytest.raises(KeyRefused, match=f"status {status}: scripted; the key in RANKLADDER_API_KEY"):
            Reranker(open_hosted(server.model())).rank("q", ["x"])
        assert len(server.requests) == 1


def test_a_server_that_asks_for_a_key_that_was_not_given_is_answered_with_the_variable() -> None:
    with rerank_server("cohere", key=SECRET) as server, pytest.raises(KeyRefused, match="export RANKLADDER_API_KEY"):
        Reranker(open_hosted(server.model())).rank("q", ["x"])


def test_the_key_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    patience = Patience(attempts=1, timeout_s=1)
    with rerank_server("cohere", key="another") as server:
        reranker = Reranker(open_hosted(server.model(), patience=patience))
        scorer = reranker.scorer
        seen = [repr(reranker), repr(scorer), reranker.about, reranker.digest, repr(scorer.usage)]  # type: ignore[attr-defined]
        seen += [repr(value) for value in vars(scorer).values()]
        seen += [repr(value) for name, value in vars(scorer._caller).items() if name != "_headers"]  # type: ignore[attr-defined]
        for reply in (Reply(), Reply(status=500), Reply(hang=True), Reply(close=True)):  # 401 quotes the key
            server.script = [reply]
            with pytest.raises(RankladderError) as caught:
                reranker.rank("q", ["x"])
            shown = traceback.TracebackException.from_exception(caught.value)
            seen += [str(caught.value), *shown.format()]
    assert not any(SECRET in text for text in [*seen, caplog.text])
    assert any("…" in text for text in seen)


def test_a_scorer_that_is_dropped_leaves_no_connection_open() -> None:
    with rerank_server("cohere") as server:
        Reranker(open_hosted(server.model())).rank("q", ["x"])
        gc.collect()  # an open socket would be a ResourceWarning, and that an error


@pytest.mark.parametrize(
    ("variable", "value"), [("ALL_PROXY", f"ftp://user:{SECRET}@proxy"), ("SSL_CERT_FILE", "/no/such/file")]
)
def test_an_environment_that_no_connection_can_be_made_with_is_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ServiceFailed, match=f"(?s)environment's settings.*{variable}") as caught:
        open_hosted("cohere:m@https://gate.example")
    assert SECRET not in str(caught.value)


def test_a_proxy_is_not_asked_about_this_machines_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with rerank_server("cohere") as server:
        assert len(Reranker(open_hosted(server.model())).rank("q", ["x"])) == 1


def test_the_http_library_is_imported_for_hosted_models_alone() -> None:
    script = "import sys, rankladder.rerank.hosted, rankladder.rerank; print('httpcore2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_about_says_what_a_score_is_and_who_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHERE_API_KEY", SECRET)
    about = open_hosted("cohere:m").facts.note
    assert "Cohere (api.cohere.com); scores are relevance from 0 to 1, not logits" in about
    assert "may change the model without notice" in about
    assert "from 0 to 1" not in open_hosted("cohere:m@http://localhost").facts.note


def test_a_model_request_opens_a_hosted_model() -> None:
    with rerank_server("cohere") as server:
        request = ModelRequest.parse(f"{server.model()},max_tokens=64,threads=2")
        assert request.open().rank("red", ["blue", "red"]).documents[0].text == "red"
        assert server.requests[0].body["max_tokens_per_doc"] == 64


@pytest.mark.parametrize("secret", [SECRET, 's3cret"k3y\\0123456789'])
def test_a_key_that_is_cut_or_escaped_in_a_long_answer_is_shown_in_no_part(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", secret)
    with rerank_server("voyage") as server:
        for said in ("x" * 290 + secret, [{"input": secret}]):
            server.script = [Reply(status=400, body=json.dumps({"detail": said}).encode())]
            with pytest.raises(RankladderError) as caught:
                Reranker(open_hosted(server.model())).rank("q", ["x"])
            assert "s3cret" not in str(caught.value)


AT_AZURE = "cohere:m@https://x.example/providers/cohere/v2/rerank?api-version=2024-05-01-preview"


@pytest.mark.parametrize("header", ["api-key", "Ocp-Apim-Subscription-Key", "x_token"])
@pytest.mark.parametrize("by", ["name", "request", "environment"])
def test_the_key_travels_in_the_header_that_the_user_says(
    header: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    with rerank_server("cohere") as server:
        if by == "environment":
            monkeypatch.setenv("RANKLADDER_KEY_HEADER", header)
            reranker = Reranker.open(server.model())
        else:
            name = f"{server.model()},key_header={header}"
            reranker = Reranker.open(name) if by == "name" else ModelRequest.parse(f"{name},threads=2").open()
        reranker.rank("q", ["x"])
        sent = server.requests[0].headers
        assert sent[header.lower()] == SECRET
        assert "authorization" not in sent


def test_the_authorization_header_stays_a_bearer_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    with rerank_server("cohere", key=SECRET) as server:
        assert len(Reranker.open(f"{server.model()},key_header=Authorization").rank("q", ["x"])) == 1


def test_the_name_wins_over_the_environment_and_a_services_own_address_takes_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    monkeypatch.setenv("COHERE_API_KEY", SECRET)
    monkeypatch.setenv("RANKLADDER_KEY_HEADER", "x-one")
    with rerank_server("cohere") as server:
        Reranker.open(f"{server.model()},key_header=x-two").rank("q", ["x"])
        assert {"x-one", "x-two"} & server.requests[0].headers.keys() == {"x-two"}
    assert "x-one" not in open_hosted("cohere:m")._caller._headers
    with pytest.raises(BadOption, match="key_header needs an address of your own"):
        open_hosted("cohere:m,key_header=x-two")


@pytest.mark.parametrize(
    "header", ["", "two words", "host", "Content-Length", "x:y", "proxy-authorization", "a,b", "\n"]
)
def test_what_cannot_be_a_header_for_a_key_is_refused(header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    with pytest.raises(BadOption, match="name of a header"):
        open_hosted(f"cohere:m@http://localhost,key_header={header}")
    if header.strip():
        monkeypatch.setenv("RANKLADDER_KEY_HEADER", header)
        with pytest.raises(BadOption, match="RANKLADDER_KEY_HEADER must be the name"):
            open_hosted("cohere:m@http://localhost")


def test_an_api_version_stays_in_the_address() -> None:
    assert parse_address(AT_AZURE).url.endswith("/v2/rerank?api-version=2024-05-01-preview")
    of_tei = parse_address("tei:http://localhost:8080/?api-version=1")
    assert of_tei.url == "http://localhost:8080/rerank?api-version=1"
    assert of_tei.beside("/info") == "http://localhost:8080/info?api-version=1"


@pytest.mark.parametrize("query", [f"key={SECRET}", f"api-version=1&key={SECRET}", "api-version=", "api-version=a b"])
def test_another_query_is_refused_and_not_repeated(query: str) -> None:
    with pytest.raises(BadOption, match="no query but api-version") as caught:
        open_hosted(f"cohere:m@https://h/r?{query}")
    assert SECRET not in str(caught.value)


def test_a_refused_key_says_how_to_send_it_in_another_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", SECRET)
    with rerank_server("cohere") as server:
        server.script = [Reply(status=401)]
        with pytest.raises(KeyRefused, match=r"write cohere:rerank-test@http://\S+,key_header=api-key"):
            Reranker(open_hosted(server.model())).rank("q", ["x"])


def test_a_host_beyond_ascii_and_one_that_cannot_be() -> None:
    open_hosted("cohere:m@https://bücher.example")
    with pytest.raises(BadOption, match="is not an address"):
        open_hosted(f"cohere:m@https://{'ü' * 80}.example")


def test_a_proxy_of_the_environment_takes_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with rerank_server("cohere") as server:
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.setenv("no_proxy", "other.example")
        with pytest.raises(RankladderError, match="status 404"):  # the stand-in is asked for a whole address
            Reranker.open("cohere:m@http://gate.example/v2/rerank").rank("q", ["x"])
        assert server.requests[0].path == "http://gate.example/v2/rerank"
        assert server.requests[0].headers["host"] == "gate.example"
