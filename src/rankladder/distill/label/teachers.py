"""What scores pairs for a student to learn from."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

import rankladder
from rankladder.checkpoint.hub import cached_folder
from rankladder.checkpoint.opening import HUB_ID
from rankladder.distill.label.vectors import KeptVectors, passage_vectors, query_vectors, token_vectors
from rankladder.distill.manifests import read_json, write_json
from rankladder.distill.recipe.names import FREE, VECTORS, is_known, model_of
from rankladder.errors import BadInput
from rankladder.paths import expanded, is_folder
from rankladder.rerank import ModelRequest, PairsTruncated, Reranker
from rankladder.storage import path_digest

if TYPE_CHECKING:
    from rankladder.rerank.hosted import HostedScorer

_TOKENISED_AT_ONCE = 512
Rows = Mapping[str, Any]
"""Columns of mined rows (``mining.SCHEMA``), each a list of N values."""


class Teacher(Protocol):
    """Scores mined rows."""

    digest: str
    """Says which scores these are; None of them are kept under another."""

    def score(self, rows: Rows) -> NDArray[np.float32]:
        """Scores (N,), higher is better; only their order and distances mean anything."""
        ...


def predict(reranker: Reranker, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
    """Raw logits (N,); what is longer than the model reads is cut, as in training, and nobody is warned of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PairsTruncated)
        return reranker.predict(list(pairs), progress=False)


class RerankerTeacher:
    """A cross-encoder, local or hosted: its raw scores."""

    def __init__(self, reranker: Reranker) -> None:
        self.reranker = reranker
        self.digest = reranker.digest

    def score(self, rows: Rows) -> NDArray[np.float32]:
        """Raw logits (N,)."""
        return predict(self.reranker, list(zip(rows["query"], rows["document"], strict=True)))


class CosineTeacher:
    """A bi-encoder's cosine of query and document."""

    def __init__(self, name: str) -> None:
        from rankladder.retrieve import open_embedder

        embedder = open_embedder(name)
        self.digest = _digest("cosine", embedder.digest)
        self._queries = KeptVectors(partial(query_vectors, embedder))
        self._documents = KeptVectors(partial(passage_vectors, embedder))

    def score(self, rows: Rows) -> NDArray[np.float32]:
        """Cosines (N,)."""
        left, right = self._queries.of(rows["query"]), self._documents.of(rows["document"])
        return np.array([one @ other for one, other in zip(left, right, strict=True)], dtype=np.float32)


class MaxSimTeacher:
    """A bi-encoder's token vectors compared as ColBERT does: each query token with its nearest document token.

    Source: Khattab & Zaharia, SIGIR 2020; here the mean over query tokens, so that long queries score alike.
    """

    def __init__(self, name: str) -> None:
        from rankladder.retrieve import open_embedder

        embedder = open_embedder(name)
        self.digest = _digest("maxsim, float16", embedder.digest)
        self._queries = KeptVectors(partial(token_vectors, embedder, prompt=embedder.query_prompt))
        self._documents = KeptVectors(partial(token_vectors, embedder, prompt=embedder.document_prompt))

    def score(self, rows: Rows) -> NDArray[np.float32]:
        """Mean maximal cosines (N,)."""
        scores = np.empty(len(rows["query"]), dtype=np.float32)
        for start in range(0, len(scores), _TOKENISED_AT_ONCE):
            part = slice(start, start + _TOKENISED_AT_ONCE)
            left, right = self._queries.of(rows["query"][part]), self._documents.of(rows["document"][part])
            scores[part] = [
                (one.astype(np.float32) @ other.astype(np.float32).T).max(axis=1).mean()
                for one, other in zip(left, right, strict=True)
            ]
        return scores


class Bm25Teacher:
    """The BM25 score that mining found, as a share of the query's best: scores of two queries do not compare.

    0 for what stands beyond the first 250, and where no word of the query was found.
    """

    digest = "bm25, share of the best"

    def score(self, rows: Rows) -> NDArray[np.float32]:
        """Shares (N,), 0 to 1; all candidates of a query are to stand in ``rows``."""
        best: dict[str, float] = {}
        for query, score in zip(rows["query"], rows["bm25"], strict=True):
            best[query] = max(best.get(query, 0.0), score)
        shares = [score / (best[query] or 1.0) for query, score in zip(rows["query"], rows["bm25"], strict=True)]
        return np.array(shares, dtype=np.float32)


class LabelTeacher:
    """What is known: 1 for a positive, 0 for everything else."""

    digest = "labels"

    def score(self, rows: Rows) -> NDArray[np.float32]:
        """Zeros and ones (N,)."""
        return np.array([way == "positive" for way in rows["way"]], dtype=np.float32)


def open_teacher(text: str) -> Teacher:
    """The teacher that a recipe names: ``cosine:``, ``maxsim:``, ``bm25``, ``labels``, or a reranker.

    Raises what opening the model raises.
    """
    kind, colon, name = text.partition(":")
    if colon and kind in VECTORS:
        return CosineTeacher(name) if kind == "cosine" else MaxSimTeacher(name)
    if text in FREE:
        return Bm25Teacher() if text == "bm25" else LabelTeacher()
    return RerankerTeacher(ModelRequest.parse(text).open())


class KnownDigests:
    """Digests of teachers that were open before, in a file, so that they need not be opened to know them.

    What is known holds for this version of the program and, for a folder, for the files that it had.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = read_json(path) or {}
        self._stamps: dict[str, str] = {}

    def of(self, name: str) -> str | None:
        """A teacher's digest, None where it must be opened to know it."""
        if name in FREE:
            return open_teacher(name).digest
        if (stamp := stamp_of(name)) is None:
            return None
        self._stamps[name] = stamp
        return self._known.get(stamp)

    def now(self, names: Iterable[str]) -> dict[str, str | None]:
        """The digests of teachers as they are now, none of them opened: ``"other files"`` for a folder that nobody has
        opened with the files that it has, None where nothing is known.
        """
        digests = {name: self.of(name) for name in names}
        return {name: digest or ("other files" if _lies_here(name) else None) for name, digest in digests.items()}

    def keep(self, digests: Mapping[str, str | None]) -> None:
        """Keeps the digests of teachers that were asked for, by name."""
        now = {self._stamps[name]: digest for name, digest in digests.items() if name in self._stamps and digest}
        if now and now != self._known:
            write_json(self._path, now)


def stamp_of(text: str) -> str | None:
    """Says which files a teacher is, by what costs little to know; None where its name may come to mean others.

    A folder is read through, wherever it lies; a service and a name of the catalogue are what they are called; of the
    hub's, the commit that is on this machine counts.
    """
    name = model_of(text)
    folder = expanded(name)
    files = ""
    if not is_known(name):
        if is_folder(folder):
            files, text = path_digest(str(folder)), text.replace(name, "", 1)
        elif (match := HUB_ID.fullmatch(name)) and (cached := cached_folder(match["id"], match["revision"])):
            files = cached.name
        else:
            return None
    return _digest(rankladder.__version__, text, files)


def _lies_here(text: str) -> bool:
    name = model_of(text)
    return not is_known(name) and is_folder(expanded(name))


def usage_of(teacher: Teacher) -> str | None:
    """What a hosted teacher has been asked and billed so far, None for one that runs here."""
    usage = teacher.reranker.usage if isinstance(teacher, RerankerTeacher) else None
    return None if usage is None else str(usage)


def service_of(teacher: Teacher) -> HostedScorer | None:
    """The service that a hosted teacher asks, None for a teacher that runs here."""
    from rankladder.rerank.hosted import HostedScorer

    scorer = teacher.reranker.scorer if isinstance(teacher, RerankerTeacher) else None
    return scorer if isinstance(scorer, HostedScorer) else None


def checked(scores: NDArray[np.float32], rows: Rows, teacher: str) -> NDArray[np.float32]:
    """The scores. Raises BadInput, naming the first pair, where one is not finite: it would poison the training."""
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        query, document = rows["query"][bad[0]], rows["document"][bad[0]]
        raise BadInput(
            f"teacher {teacher} gave {len(bad):,} of {len(scores):,} pairs a score that is not finite, first: "
            f"query {query!r:.60}, document {document!r:.60}",
            hint="try another number format (dtype=fp32) or leave the pair out",
        )
    return scores


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
