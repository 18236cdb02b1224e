"""What is scored: pairs for the throughput and lists for the latency, from the user's texts or made up."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankladder.arguments import checked, shown
from rankladder.cost.prose import question, sentences
from rankladder.errors import BadInput, BadOption
from rankladder.textfiles import read_documents, read_queries
from rankladder.textfiles.beir import is_beir_folder
from rankladder.values import Document

NATURAL_WORDS, NATURAL_SPREAD = 131, 0.6
"""Mean words of a document and sigma of their logarithm: about 150 tokens a pair with the query, which is what pairs
of Natural Questions have at 512 tokens; 10 to 440 words."""

LISTS = 5
"""Different lists whose latency is measured in turn, so that not one list's lengths decide."""


PASS_PAIRS = 128
"""The most pairs of a user's own that one pass scores."""


_MOST_PAIRS, _MOST_DOCUMENTS, _MOST_TOKENS = 1_000_000, 10_000, 1_000_000
"""More is no measurement that anybody waits for."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Texts to score. The same for every configuration that is compared."""

    about: str
    pairs: tuple[tuple[str, str], ...]
    """Query and document text: one pass scores them all."""
    lists: tuple[tuple[str, tuple[str, ...]], ...]
    """A query and its documents' texts: one latency sample ranks one of them."""
    tokens: int | None = None
    """Every sequence has exactly this many tokens: the texts are longer, and a model is opened with this limit."""

    @classmethod
    @checked
    def of(cls, about: str, tasks: Sequence[tuple[str, Sequence[Document]]]) -> Workload:
        """A user's own queries with their candidates: a sample ranks one query's list, and one pass scores every pair,
        or ``PASS_PAIRS`` of them, evenly spaced, where there are more: a large model would take minutes for them.

        Raises BadInput where there is no pair.
        """
        for task in tasks:
            if not (isinstance(task, tuple | list) and len(task) == 2 and isinstance(task[1], Sequence)):
                raise BadInput(f"{about}: expected a query and its documents, got {shown(task)}")
        lists = tuple((query, tuple(document.full_text for document in documents)) for query, documents in tasks)
        every = [(query, text) for query, texts in lists for text in texts]
        wanted = min(PASS_PAIRS, len(every))
        pairs = tuple(every[place * len(every) // wanted] for place in range(wanted))
        if not pairs:
            raise BadInput(
                f"{about}: no documents to measure with", hint="give at least one query with one candidate document"
            )
        return cls(about, pairs, tuple(one for one in lists if one[1]))

    @property
    def list_size(self) -> float:
        """Documents of a list, on average."""
        return sum(len(texts) for _, texts in self.lists) / len(self.lists)


@checked
def natural_workload(*, pairs: int, top: int, seed: int = 0) -> Workload:
    """Made-up texts with lengths like those of Natural Questions: log-normal, about 150 tokens a pair.

    Raises BadOption for fewer than one pair or one document of a list.
    """
    _check(pairs, top)
    draw = random.Random(seed)  # noqa: S311 — text to measure with, no secret
    mean = math.log(NATURAL_WORDS) - NATURAL_SPREAD**2 / 2

    def document() -> str:
        return sentences(min(440, max(10, round(draw.lognormvariate(mean, NATURAL_SPREAD)))), draw)

    drawn = tuple((question(draw), document()) for _ in range(pairs))
    lists = tuple((question(draw), tuple(document() for _ in range(top))) for _ in range(LISTS))
    return Workload(f"made-up text, natural lengths, seed {seed}", drawn, lists)


@checked
def fixed_workload(tokens: int, *, pairs: int, top: int, seed: int = 0) -> Workload:
    """Made-up texts that every tokenizer cuts to sequences of exactly ``tokens`` tokens, as a word is at least one.

    Raises BadOption for fewer than 16 tokens, one pair, or one document of a list.
    """
    _check(pairs, top)
    if not 16 <= tokens <= _MOST_TOKENS:
        raise BadOption(f"a length must be at least 16 tokens and at most {_MOST_TOKENS:,}, got {tokens}")
    draw = random.Random(seed)  # noqa: S311 — text to measure with, no secret
    drawn = tuple((question(draw), sentences(tokens, draw)) for _ in range(pairs))
    lists = ((question(draw), tuple(sentences(tokens, draw) for _ in range(top))),)
    return Workload(f"made-up text, {tokens} tokens each, seed {seed}", drawn, lists, tokens)


@checked
def own_workload(data: Path, *, queries: Path | None = None, pairs: int, top: int, seed: int = 0) -> Workload:
    """A seeded sample of the user's documents, with the user's queries where there are any.

    Args:
        data: A file or folder of documents, as ``read_documents`` reads them.
        queries: A file of queries, which need no ids; by default those of ``data`` where it is a BEIR folder, else
            made-up ones.
        pairs: Pairs of one pass; documents are used again where there are fewer.
        top: Documents of a list whose latency is measured.
        seed: Decides which documents and queries are drawn.

    Raises BadInput where ``data`` holds no documents or ``queries`` no queries, BadOption as ``natural_workload``,
    and what reading raises.
    """
    _check(pairs, top)
    draw = random.Random(seed)  # noqa: S311 — a sample, no secret
    texts = _sampled((document.full_text for document in read_documents(data)), pairs + LISTS * top, draw)
    if not texts:
        raise BadInput(f"{data} holds no documents", hint="leave --data out to measure with made-up text")
    source = queries or (data if data.is_dir() and is_beir_folder(data) else None)
    asked = [] if source is None else [query.text for query in read_queries(source, line_ids=True)]
    if queries is not None and not asked:
        raise BadInput(f"{queries} holds no queries", hint="leave it out to measure with made-up queries")

    def query() -> str:
        return draw.choice(asked) if asked else question(draw)

    def document(place: int) -> str:
        return texts[place % len(texts)]

    drawn = tuple((query(), document(place)) for place in range(pairs))
    lists = tuple(
        (query(), tuple(document(pairs + number * top + place) for place in range(top))) for number in range(LISTS)
    )
    again = f", {len(texts)} of them used repeatedly" if len(texts) < pairs + LISTS * top else ""
    kind = "your queries" if asked else "made-up queries"
    return Workload(f"your documents{again}, {kind}, seed {seed}", drawn, lists)


def _sampled(texts: Iterable[str], wanted: int, draw: random.Random) -> list[str]:
    """A uniform sample in random order, read once and held once. Source: reservoir sampling, Vitter's algorithm R."""
    kept: list[str] = []
    for place, text in enumerate(texts):
        if place < wanted:
            kept.append(text)
        elif (other := draw.randrange(place + 1)) < wanted:
            kept[other] = text
    draw.shuffle(kept)
    return kept


def _check(pairs: int, top: int) -> None:
    for name, value, most in (("pairs", pairs, _MOST_PAIRS), ("top", top, _MOST_DOCUMENTS)):
        if not 1 <= value <= most:
            raise BadOption(f"{name} must be at least 1 and at most {most:,}, got {value}")
