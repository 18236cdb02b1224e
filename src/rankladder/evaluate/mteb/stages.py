"""First stages in mteb: our BM25, TREC runs that somebody has, or any embedder that mteb can load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption, MissingExtra, ModelMissing, PathMissing
from rankladder.evaluate.mteb.tasks import first_line
from rankladder.paths import is_folder
from rankladder.rerank.engine import need
from rankladder.retrieve import build_index, open_index
from rankladder.retrieve.dense.known import all_embedders, known_embedder
from rankladder.storage import file_digest, path_digest
from rankladder.temporary import temporary_folder
from rankladder.textfiles import read_run, write_documents_jsonl
from rankladder.values import Document, Query, Run

if TYPE_CHECKING:
    from mteb.abstasks import AbsTaskRetrieval
    from mteb.models import ModelMeta

_DIGITS = 12


class FirstStage(Protocol):
    """What finds the candidates of a task."""

    @property
    def name(self) -> str:
        """As it is written on the command line."""
        ...

    def meta(self, task: AbsTaskRetrieval) -> ModelMeta:
        """What mteb files its results under; another wherever its candidates could differ."""
        ...

    def model(self, task: AbsTaskRetrieval) -> Any:
        """What ``mteb.evaluate`` runs: a searcher or an encoder."""
        ...

    def close(self) -> None:
        """Lets go of what ``model`` keeps in memory."""
        ...


@checked
def first_stage(text: str) -> FirstStage:
    """``bm25``; ``run:FOLDER`` of TREC runs, one a task (``SciFact.trec``); or an embedder's hub id, folder, or name.

    A known name (``all-MiniLM-L6-v2``) means its hub id. Raises BadOption for anything else, PathMissing for a
    folder of runs that is not there, and MissingExtra.
    """
    need("mteb", extra="mteb")
    kind, _, argument = text.partition(":")
    if text == "bm25":
        return Bm25Stage()
    if kind == "run" and argument:
        return RunStage(Path(argument))
    if (text and is_folder(text)) or text.count("/") == 1:
        return EmbedderStage(text)
    if known := known_embedder(text):
        return EmbedderStage(known.hub_id)
    raise BadOption(
        f"a first stage is bm25, run:FOLDER or an embedder, got {text!r}",
        hint="an embedder is a hub id (organisation/name), a folder, or one of "
        + ", ".join(embedder.name for embedder in all_embedders()),
    )


@dataclass(frozen=True, slots=True)
class Bm25Stage:
    """Our index: BM25 (k1 1.2, b 0.75, English stemming) over title and text."""

    name: str = "bm25"

    def meta(self, task: AbsTaskRetrieval) -> ModelMeta:
        """The same for every task: our version and tantivy's decide the candidates."""
        revision = f"{version('rankladder')}-tantivy-{version('tantivy')}"
        return _searcher_meta("rankladder/bm25", revision, trained_on=set())

    def model(self, task: AbsTaskRetrieval) -> Any:
        """A searcher that indexes the task's corpus in a temporary folder."""
        return Bm25Search(self.meta(task))

    def close(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class RunStage:
    """TREC runs in a folder, one a task: ``NAME.trec``."""

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise PathMissing(f"no folder of runs at {self.folder}")

    @property
    def name(self) -> str:
        """As it is written on the command line."""
        return f"run:{self.folder}"

    def meta(self, task: AbsTaskRetrieval) -> ModelMeta:
        """Its revision is the digest of the task's file. Raises PathMissing where there is none."""
        file = self._file(task)
        digest = file_digest(file)[:_DIGITS]
        return _searcher_meta(f"run/{self.folder.resolve().name}", digest)

    def model(self, task: AbsTaskRetrieval) -> Any:
        """A searcher that answers from the file."""
        return RunSearch(read_run(self._file(task)), self.meta(task))

    def close(self) -> None:
        """Nothing is kept."""

    def _file(self, task: AbsTaskRetrieval) -> Path:
        file = self.folder / f"{task.metadata.name}.trec"
        if not file.is_file():
            raise PathMissing(f"no run of {task.metadata.name} at {file}", hint="one file a task: TASK.trec")
        if sum(len(task.hf_subsets) for _ in task.eval_splits) != 1:
            raise BadInput(f"{task.metadata.name} has several splits or languages: a run does not say which is meant")
        return file


@dataclass(slots=True)
class EmbedderStage:
    """An embedder as mteb loads it, with the prompts that its registry has; or a Sentence Transformers folder."""

    name: str
    _opened: Any = field(default=None, repr=False)
    _meta: ModelMeta | None = field(default=None, repr=False)

    def meta(self, task: AbsTaskRetrieval) -> ModelMeta:
        """Mteb's own entry for it, else what the opened model says of itself; a folder's revision is its digest."""
        from mteb import get_model_meta

        if self._meta is None:
            try:
                self._meta = _folder_meta(Path(self.name)) if self._is_folder else get_model_meta(self.name)
            except KeyError:
                self._meta = self.model(task).mteb_model_meta
        return self._meta

    def model(self, task: AbsTaskRetrieval) -> Any:
        """The embedder, opened at first use and kept. Raises ModelMissing and MissingExtra."""
        if self._opened is None:
            self._opened = self._open()
            if self._is_folder:
                self._opened.mteb_model_meta = self.meta(task)
        return self._opened

    def close(self) -> None:
        """Lets go of the embedder; the next use opens it again."""
        self._opened = None

    @property
    def _is_folder(self) -> bool:
        return is_folder(self.name)

    def _open(self) -> Any:
        from mteb import get_model
        from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper

        try:
            return SentenceTransformerEncoderWrapper(self.name) if self._is_folder else get_model(self.name)
        except ImportError as error:
            raise MissingExtra(f"embedder {self.name} needs more than is installed: {first_line(error)}") from error
        except (OSError, ValueError) as error:
            raise ModelMissing(
                f"embedder {self.name} cannot be loaded: {first_line(error)}",
                hint="a hub id needs the network or the hub's cache; a folder holds a Sentence Transformers model",
            ) from error


class Bm25Search:
    """Our BM25 behind mteb's SearchProtocol."""

    def __init__(self, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self._corpus: Any = ()

    def index(self, corpus: Any, **_task: Any) -> None:
        """Takes the corpus, rows of ``id``, ``text`` and maybe ``title``."""
        self._corpus = corpus

    def search(
        self, queries: Any, *, top_k: int, top_ranked: object = None, **_task: Any
    ) -> dict[str, dict[str, float]]:
        """Scores by query and document id, at most ``top_k`` a query, best first; none where no word is shared."""
        if top_ranked is not None:
            raise BadInput("BM25 finds candidates; it does not rerank those of another first stage")
        with temporary_folder() as place:
            file = place / "corpus.jsonl"
            write_documents_jsonl(_documents(self._corpus), file)
            build_index([file], place / "index")
            with open_index(place / "index") as index:
                return {
                    query: {hit.document.id: hit.score for hit in index.retrieve(Query(query, text), k=top_k)}
                    if text.strip()
                    else {}
                    for query, text in zip(queries["id"], queries["text"], strict=True)
                }


class RunSearch:
    """A run behind mteb's SearchProtocol."""

    def __init__(self, run: Run, meta: ModelMeta) -> None:
        self.run = run
        self.mteb_model_meta = meta
        self._known: frozenset[str] = frozenset()

    def index(self, corpus: Any, **_task: Any) -> None:
        """Takes the ids of the corpus: a run may name no other document."""
        self._known = frozenset(corpus["id"])

    def search(
        self, queries: Any, *, top_k: int, top_ranked: object = None, **_task: Any
    ) -> dict[str, dict[str, float]]:
        """The run's scores by query and document id, best first, equal scores by document id descending.

        A query that the run does not answer has no candidates, and counts as 0. Raises BadInput where the run answers
        none, or names a document that the task does not have.
        """
        if top_ranked is not None:
            raise BadInput("a run gives candidates; it does not rerank those of another first stage")
        found = {query: _best(self.run.scores.get(query, {}), top_k) for query in queries["id"]}
        if not any(found.values()):
            raise BadInput(f"run {self.run.name!r} has none of the task's {len(found):,} queries")
        if unknown := {document for row in found.values() for document in row} - self._known:
            raise BadInput(
                f"run {self.run.name!r} has {len(unknown):,} documents that the task does not have, "
                f"such as {min(unknown)!r}",
                hint="is it a run over another corpus?",
            )
        return found


def _best(row: Mapping[str, float], top_k: int) -> dict[str, float]:
    ordered = sorted(row.items(), key=lambda item: (item[1], item[0]), reverse=True)
    return dict(ordered[:top_k])


def _documents(corpus: Any) -> Iterator[Document]:
    for row in corpus:
        yield Document(row["id"], row["text"] or "", row.get("title") or "")


def _searcher_meta(name: str, revision: str, *, trained_on: set[str] | None = None) -> ModelMeta:
    from mteb.models import ModelMeta

    return ModelMeta.create_empty(
        overwrites={
            "name": name,
            "revision": revision,
            "model_type": ["sparse"],
            "training_datasets": trained_on,
        }
    )


def _folder_meta(folder: Path) -> ModelMeta:
    """Its revision is a digest of the files."""
    from mteb.models import ModelMeta

    return ModelMeta.create_empty(
        overwrites={"name": f"local/{folder.resolve().name}", "revision": path_digest(folder)[:_DIGITS]}
    )
