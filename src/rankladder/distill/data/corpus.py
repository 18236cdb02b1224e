"""The documents that candidates are mined from: each passage once, near copies counted as one."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rankladder.distill.data.near_duplicates import NearCopies
from rankladder.distill.data.questions import Question
from rankladder.distill.recipe.tables import Data
from rankladder.distill.stage import Made, Stage
from rankladder.errors import BadInput
from rankladder.retrieve import Index, build_index, open_index
from rankladder.textfiles import Selection, find_sources, read_documents, write_documents_jsonl
from rankladder.textfiles.passages import cut_text
from rankladder.values import Document

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST = 50_000
"""Characters of a document that are kept: more than any model here reads (7,999 tokens)."""
_COUNTS = b"rankladder.counts"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents by id, each near copy's text leading to the one that was kept, and an index over them."""

    documents: Mapping[str, Document]
    kept: Mapping[str, str]
    """Digest of a text, copies included → id of the document that stands for it."""
    index: Index
    digest: str

    def id_of(self, text: str) -> str:
        """The document that stands for a text that the corpus was made from."""
        return self.kept[text_digest(text)]


def make_corpus(
    folder: Path,
    data: Data,
    questions: Sequence[Question],
    *,
    near_duplicate: float,
    inputs: Mapping[str, str],
    say: Callable[[str], object],
) -> Corpus:
    """The corpus of a data table, made in ``folder`` or found there: its documents, or else the positives.

    Positives that are not among the documents are added. Empty documents are left out, and those longer than
    ``LONGEST`` are cut; both are counted and said.

    Raises BadInput where nothing is left, and what reading and indexing raise.
    """
    stage = Stage(
        folder,
        settings={
            "near_duplicate": near_duplicate,
            "longest": LONGEST,
            "passage_words": data.passage_words,
            **_selected(data),
        },
        inputs={**inputs, "positives": _digest_of(text for question in questions for text in question.positives)},
        say=say,
    )

    def rows(_place: int) -> pa.Table:
        return _table(texts_of(data, questions), near_duplicate)

    made = stage.run([data.name], rows, facts=_counts)
    if not made.rows:
        raise BadInput(f"data {data.name}: no document is left to mine from")
    for what, count in made.facts.items():
        if count and what != "documents":
            say(f"{data.name}: {count:,} documents {what}")
    documents, kept = _read(made)
    return Corpus(documents, kept, _index(folder, made, documents.values()), made.digest)


def _selection(data: Data) -> Selection:
    return Selection(data.include, data.exclude, data.ignore_files)


def files_of(data: Data) -> list[Path]:
    """The files that hold a data table's documents. Raises what looking for them raises."""
    if data.documents is None:
        return []
    return [source.path for source in find_sources([data.documents], select=_selection(data)).sources]


def _selected(data: Data) -> dict[str, object]:
    """The files of a folder that the recipe leaves out; nothing by default, so that older work stays valid."""
    said = {"include": list(data.include), "exclude": list(data.exclude), "ignore_files": data.ignore_files}
    return said if data.include or data.exclude or not data.ignore_files else {}


def text_digest(text: str) -> str:
    """Identifies a text, without regard to case and white space."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()[:32]


def texts_of(data: Data, questions: Iterable[Question]) -> Iterator[str]:
    """What the corpus of a data table is made from: its documents, then the positives. Raises what reading raises."""
    if data.documents is not None:
        for document in read_documents(data.documents, select=_selection(data)):
            if data.passage_words is None:
                yield document.full_text
            else:
                yield from cut_text(document.full_text, words=data.passage_words)
    for question in questions:
        yield from question.positives


def _table(texts: Iterable[str], near_duplicate: float) -> pa.Table:
    """The rows of the corpus; what was counted stays with them, also where no manifest was written yet."""
    import pyarrow as pa

    counts: Counter[str] = Counter()
    near = NearCopies(near_duplicate) if near_duplicate < 1 else None
    ids: dict[str, str] = {}  # digest → id of the document that stands for it
    rows: list[tuple[str, str, str]] = []
    for text in texts:
        if not text.strip():
            counts["left out: empty"] += 1
            continue
        digest = text_digest(text)
        if digest in ids:
            continue
        if len(text) > LONGEST:
            counts[f"cut to {LONGEST:,} characters"] += 1
        short = text[:LONGEST]
        original = near.find_or_add(digest, short) if near is not None else None
        if original is not None:
            counts["counted as near copies of others"] += 1
            ids[digest] = ids[original]
            rows.append((digest, ids[digest], ""))
        else:
            ids[digest] = digest
            rows.append((digest, digest, short))
            counts["documents"] += 1
    digests, kept, texts_kept = zip(*rows, strict=True) if rows else ((), (), ())
    columns = [("digest", pa.string()), ("id", pa.string()), ("text", pa.string())]
    kinds = pa.schema(columns, metadata={_COUNTS: json.dumps(counts)})
    return pa.table({"digest": list(digests), "id": list(kept), "text": list(texts_kept)}, schema=kinds)


def _counts(made: Made) -> dict[str, int]:
    counts: dict[str, int] = json.loads((made.table(0).schema.metadata or {}).get(_COUNTS, b"{}"))
    return counts


def _read(made: Made) -> tuple[dict[str, Document], dict[str, str]]:
    documents: dict[str, Document] = {}
    kept: dict[str, str] = {}
    for table in made.tables():
        for row in table.to_pylist():
            kept[row["digest"]] = row["id"]
            if row["digest"] == row["id"]:
                documents[row["id"]] = Document(row["id"], row["text"])
    return documents, kept


def _index(folder: Path, made: Made, documents: Iterable[Document]) -> Index:
    """The index over the corpus, in ``folder``; rebuilt only if the corpus changed."""
    source = folder / f"{made.digest[:16]}.jsonl"
    if not source.exists():
        for old in folder.glob("*.jsonl"):
            old.unlink()
        write_documents_jsonl(documents, source)
    build_index([source], folder / "index", progress=False)
    return open_index(folder / "index")


def _digest_of(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()
