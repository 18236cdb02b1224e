"""The scorer that asks a hosted service, several requests at a time, and believes only a complete answer."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import closing
from dataclasses import dataclass

from rankladder.errors import BadOption, BadQuery, ServiceFailed
from rankladder.facts import HOSTED, Facts
from rankladder.rerank.encoded import EncodedDocument
from rankladder.rerank.engine import Stop
from rankladder.rerank.hosted.address import Address
from rankladder.rerank.hosted.blanks import blank_score, is_blank
from rankladder.rerank.hosted.caller import Abandoned, Caller
from rankladder.rerank.hosted.contracts import BadAnswer, read_bill, read_scores, request_body
from rankladder.rerank.hosted.planning import plan_requests
from rankladder.rerank.hosted.usage import Meter, Usage
from rankladder.rerank.scorer import Long, Scored
from rankladder.values import Document, Reading

_MOST_SIGNS = 400  # of what is wrong with an answer; cut after the key was hidden, so that no part of it is left
_NOTHING_READ = Reading(query_kept=0, query_dropped=0, document_kept=0, document_dropped=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is known of a hosted model before it is used.

    Attributes:
        max_documents: Documents in one request.
        max_tokens: Sent with every request as the longest document, None where nothing is asked for.
        reads: Tokens that the service says it reads, 0 where it does not say.
        identity: What tells this model from another at the same address, as far as the service says.
        note: For people, beside the service's name.
    """

    max_documents: int
    max_tokens: int | None = None
    reads: int = 0
    identity: str = ""
    note: str = ""


class HostedScorer:
    """A model behind a rerank API. Scores are the service's own; nothing is known of what it cut.

    A blank document is not sent: its score is below those of its list (at most 0 for relevance, -10 for a raw logit),
    and its reading says that nothing was read and nothing cut.

    ``usage`` says what was asked and billed so far. May be used from several threads at once: together they have at
    most ``in_flight`` requests open.
    """

    def __init__(self, address: Address, caller: Caller, terms: Terms, *, in_flight: int) -> None:
        service = address.service
        digest = hashlib.sha256(
            "\n".join(
                ("hosted", service.name, address.url, address.model, terms.identity, str(terms.max_tokens))
            ).encode()
        ).hexdigest()
        bounds = " from 0 to 1" if service.from_0_to_1 and address.url == service.url else ""
        score = f"{service.scale}s" if service.scale == "raw logit" else f"{service.scale}{bounds}, not logits"
        served = f"hosted by {caller.where}{f', {terms.note}' if terms.note else ''}"
        asked = f"at most {terms.max_tokens} tokens a document requested; " if terms.max_tokens else ""
        self.facts = Facts(
            model=address.name,
            dtype=service.scale,
            engine=HOSTED,
            device=HOSTED,
            threads=None,
            reads=(terms.reads if terms.max_tokens is None else terms.max_tokens) or None,
            tokenizer="",
            digest=digest,
            note=(
                f"{served}; scores are {score}, as the service gives them; {asked}"
                "the service does not report what it cut and may change the model without notice"
            ),
        )
        self._address = address
        self._caller = caller
        self._terms = terms
        self._in_flight = in_flight
        self._meter = Meter()

    def __repr__(self) -> str:
        return f"<HostedScorer {self.facts.model}: {self.facts.note}>"

    @property
    def usage(self) -> Usage:
        """What was asked of the service, and billed, since the model was opened."""
        return self._meter.usage

    def encode(self, documents: Sequence[Document]) -> list[EncodedDocument]:
        """Refused: a service takes texts, not token ids."""
        raise BadOption(
            f"{self.facts.model} takes texts: there are no token ids to keep", hint="give the documents themselves"
        )

    def score(
        self,
        pairs: Sequence[tuple[str, str | EncodedDocument]],
        *,
        long: Long,
        done: Callable[[float], object],
    ) -> list[Scored]:
        """One Scored per pair, in the order given. Neighbours with one query travel together.

        The reading is None, but for a blank document, which is not sent.

        Raises:
            BadOption: ``long`` is not ``truncate``.
            BadQuery: A query is blank; nothing is sent.
            ServiceFailed: The service stayed unreachable, busy or broken, or left documents without a usable score.
            KeyRefused: The key is not accepted.
            ModelMissing: No such model.
            RequestRefused: The service will not take a query or a document.
        """
        found: list[Scored | None] = [None] * len(pairs)
        for row, scored in self.stream(pairs, long=long):
            found[row] = scored
            done(1)
        return [scored for scored in found if scored is not None]

    def stream(
        self, pairs: Sequence[tuple[str, str | EncodedDocument]], *, long: Long, stop: Stop | None = None
    ) -> Generator[tuple[int, Scored], None, None]:
        """The place of each pair with its score, request by request. Once ``stop`` is set nothing more is waited for,
        and no request is begun. Raises as ``score``.
        """
        if long != "truncate":
            raise BadOption(
                f"{self.facts.model}: long={long!r} needs a model whose tokens are known",
                hint="the service decides how long documents are handled; split them yourself, or use a local model",
            )
        texts = [(query, document if isinstance(document, str) else document.full_text) for query, document in pairs]
        with closing(self.answers(texts)) as answers:
            for rows, answer in answers:
                for row, score in zip(rows, answer, strict=True):
                    yield row, Scored(score, _NOTHING_READ if is_blank(texts[row][1]) else None)
                if stop is not None and stop.is_set():
                    return

    def answers(self, texts: list[tuple[str, str]]) -> Generator[tuple[Sequence[int], list[float]], None, None]:
        """The rows of each request with their scores, as they arrive: paid scores can be kept even if a later
        request fails. The blank documents, which are not sent, come last.

        Raises what ``score`` raises, once every answer that came before was given.
        """
        for query in dict.fromkeys(query for query, _ in texts):
            if is_blank(query):
                raise BadQuery(
                    f"{self.facts.model}: a query is blank, which services refuse", hint="give it at least one word"
                )
        blank = [row for row, (_, text) in enumerate(texts) if is_blank(text)]
        if not blank:
            yield from self._answers(texts)
            return
        asked = [row for row, (_, text) in enumerate(texts) if not is_blank(text)]
        found: dict[str, list[float]] = {}
        for places, answer in self._answers([texts[row] for row in asked]):
            rows = [asked[place] for place in places]
            found.setdefault(texts[rows[0]][0], []).extend(answer)
            yield rows, answer
        yield blank, [blank_score(self._address.service.scale, found.get(texts[row][0], ())) for row in blank]

    def _answers(self, texts: list[tuple[str, str]]) -> Iterator[tuple[range, list[float]]]:
        plan = plan_requests(texts, max_documents=self._terms.max_documents, max_bytes=self._address.service.max_bytes)
        abandoned = threading.Event()
        if len(plan) <= 1:  # a thread would only cost
            yield from ((rows, self._ask(texts, rows, abandoned)) for rows in plan)
            return
        asked = {Future[list[float]](): rows for rows in plan}
        left = deque(asked.items())

        def work() -> None:
            while not abandoned.is_set():
                try:
                    answer, rows = left.popleft()
                except IndexError:
                    return
                try:
                    answer.set_result(self._ask(texts, rows, abandoned))
                except BaseException as error:
                    answer.set_exception(error)
                    abandoned.set()  # at once: the reader of the answers may be busy with earlier answers

        # Python waits at its end for the threads of a pool, however long a service hangs; for daemons it does not.
        for number in range(min(self._in_flight, len(plan))):
            threading.Thread(target=work, name=f"rankladder-hosted-{number}", daemon=True).start()
        try:
            for answer in as_completed(asked):
                if not isinstance(answer.exception(), Abandoned):
                    yield asked[answer], answer.result()
        finally:
            abandoned.set()  # where one request failed, no other is begun or waited for

    def _ask(self, texts: list[tuple[str, str]], rows: range, abandoned: threading.Event) -> list[float]:
        service = self._address.service
        body = request_body(
            service,
            self._address.model,
            texts[rows.start][0],
            [texts[row][1] for row in rows],
            max_tokens=self._terms.max_tokens,
        )
        # Some servers send the documents back unasked, perhaps escaped; more than that is no answer.
        answer = self._caller.ask(
            self._address.url,
            body,
            max_bytes=(1 << 20) + 1024 * len(rows) + 4 * len(body),
            sent=f"the request held {len(rows):,} {'document' if len(rows) == 1 else 'documents'}, "
            f"the longest of {max(len(texts[row][1]) for row in rows):,} characters",
            abandoned=abandoned,
        )
        self._meter.add(len(rows), retries=answer.retries, bill=read_bill(answer.content, answer.headers))
        try:
            return read_scores(service, answer.content, len(rows))
        except BadAnswer as error:
            raise ServiceFailed(
                f"{self._caller.where}: the answer cannot be used: {self._caller.hidden(str(error))[:_MOST_SIGNS]}",
                hint=f"check that the server speaks {service.title}'s rerank contract",
            ) from None
