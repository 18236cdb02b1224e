"""What a measurement asks of a hosted service, known before the first request is sent: each may cost money."""

from __future__ import annotations

from dataclasses import dataclass

from rankladder.arguments import checked
from rankladder.cost.configuration import Configuration
from rankladder.cost.measuring import REPEATS
from rankladder.cost.workload import Workload
from rankladder.rerank.hosted.address import parse_address
from rankladder.rerank.hosted.blanks import is_blank
from rankladder.rerank.hosted.planning import plan_requests


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests to a service and the documents in them, at most; retries come on top."""

    requests: int
    documents: int


@checked
def asked_of_service(
    configuration: Configuration, workload: Workload, *, passes: int, repeats: int | None = None
) -> Asked:
    """What ``Measurement`` will send for a hosted configuration. How much a TEI server takes at once is its default.

    Raises BadOption for a name that cannot be read.
    """
    service = parse_address(configuration.name).service

    def planned(listed: list[tuple[str, str]]) -> Asked:
        pairs = [(query, text) for query, text in listed if not is_blank(text)]  # which are not sent
        plan = plan_requests(pairs, max_documents=service.max_documents, max_bytes=service.max_bytes)
        return Asked(len(plan), len(pairs))

    one_pass = planned(list(workload.pairs))
    lists = [planned([(query, text) for text in texts]) for query, texts in workload.lists]
    ranked = [lists[number % len(lists)] for number in range(REPEATS if repeats is None else repeats)]
    return Asked(
        passes * one_pass.requests + sum(ranking.requests for ranking in ranked),
        passes * one_pass.documents + sum(ranking.documents for ranking in ranked),
    )
