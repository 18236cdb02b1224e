"""A judged collection of your own as a task of mteb's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankladder.arguments import checked
from rankladder.errors import BadInput
from rankladder.evaluate.dataset import Dataset
from rankladder.evaluate.reading import read_dataset
from rankladder.rerank.engine import need

if TYPE_CHECKING:
    from mteb.abstasks import AbsTaskRetrieval

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@checked
def local_task(folder: str | Path, name: str, *, split: str = "test", language: str = "eng-Latn") -> AbsTaskRetrieval:
    """A retrieval task over a BEIR folder: an object of mteb's AbsTaskRetrieval, for any model and any tool of mteb's.

    Nothing is fetched. Its revision is a digest of the data, so that results over other data are never taken for its
    own. Measures, filtering and files are mteb's: nDCG@10 is the main score. Mismatches in the data are
    in ``task_remarks``.

    Args:
        folder: ``corpus.jsonl``, ``queries.jsonl`` (or ``.jsonl.gz``) and ``qrels/SPLIT.tsv``.
        name: Letters, digits, ``.``, ``_`` and ``-``; not one that mteb has.
        split: Which judgements.
        language: As mteb writes it: ISO 639-3 and ISO 15924.

    Raises:
        MissingExtra: mteb is not installed.
        BadInput: A name that mteb has or cannot file under; a judged query without a text, which mteb would leave out
            of the mean without a word.
        BadFile: As ``read_dataset``, which also raises PathMissing and DuplicateId.
    """
    need("mteb", extra="mteb")
    from mteb import get_task

    if not _NAME.fullmatch(name):
        raise BadInput(f"a task cannot be called {name!r}", hint="letters, digits, '.', '_' and '-'")
    try:
        get_task(name)
    except KeyError:
        pass
    else:
        raise BadInput(f"mteb has a task {name} of its own", hint=f"rename yours, for example {name}-local")
    dataset = read_dataset(folder, split=split)
    if wordless := [query for query in dataset.qrels.grades if query not in dataset.queries]:
        raise BadInput(
            f"{folder}: {len(wordless):,} judged queries have no text, the first {wordless[0]!r}",
            hint="mteb would leave them out of the mean: take their judgements out, or add the queries",
        )
    return _task_over(dataset, name, split=split, language=language)


def task_remarks(task: AbsTaskRetrieval) -> tuple[str, ...]:
    """Mismatches in a local task's data, in sentences (``Dataset.remarks``); nothing for mteb's own."""
    remarks: tuple[str, ...] = getattr(task, "remarks", ())
    return remarks


def _task_over(dataset: Dataset, name: str, *, split: str, language: str) -> AbsTaskRetrieval:
    import datasets
    from mteb.abstasks import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata

    # mteb leaves out every document with its query's id, or none: one that is judged relevant may not go.
    relevant = any(row.get(query, 0) > 0 and query in dataset.documents for query, row in dataset.qrels.grades.items())
    own = ("mteb lets each of these be a candidate, as some are judged relevant",) if dataset.own and relevant else ()

    class LocalRetrieval(AbsTaskRetrieval):  # type: ignore[misc, unused-ignore]
        """A task whose data lies on this machine."""

        remarks = (*dataset.remarks, *own)
        ignore_identical_ids = bool(dataset.own) and not relevant
        metadata = TaskMetadata(
            name=name,
            description=f"A judged collection on this machine: {dataset.name}.",
            dataset={"path": f"local/{name}", "revision": dataset.digest[:40]},
            type="Retrieval",
            category="t2t",
            modalities=["text"],
            eval_splits=[split],
            eval_langs=[language],
            main_score="ndcg_at_10",
        )

        def load_data(self, num_proc: int | None = None, **_options: Any) -> None:
            """Reads the collection into memory; ``num_proc`` decides nothing here."""
            if self.data_loaded:
                return
            documents, queries = list(dataset.documents.values()), list(dataset.queries.values())
            self.dataset = {
                "default": {
                    split: {
                        "corpus": datasets.Dataset.from_dict(
                            {
                                "id": [document.id for document in documents],
                                "title": [document.title for document in documents],
                                "text": [document.text for document in documents],
                            }
                        ),
                        "queries": datasets.Dataset.from_dict(
                            {"id": [query.id for query in queries], "text": [query.text for query in queries]}
                        ),
                        "relevant_docs": {query: dict(row) for query, row in dataset.qrels.grades.items()},
                        "top_ranked": None,
                    }
                }
            }
            self.data_loaded = True

    return LocalRetrieval()
