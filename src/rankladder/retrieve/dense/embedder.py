"""An embedder: texts → vectors, through Sentence Transformers (extra ``dense``)."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.panics import panics_as
from rankladder.checkpoint.tensorfile import most_rows
from rankladder.errors import BadConfig, BadInput, CheckpointRefused
from rankladder.rerank.engine import need
from rankladder.retrieve.dense.folder import EmbedderFolder, check_tokenizer
from rankladder.retrieve.dense.weights import check_weights
from rankladder.surrogates import encodable
from rankladder.values import Document

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH = 32
Similarity = Literal["cosine", "dot"]


class Embedder(Protocol):
    """What turns texts into vectors whose dot product says how well they match."""

    @property
    def name(self) -> str:
        """The model, as a stage or a report names it."""

    @property
    def digest(self) -> str:
        """Says which vectors these are: another wherever weights, tokenizer, prompts or length differ."""

    @property
    def max_tokens(self) -> int | None:
        """Longest text that is read whole, prompt and special tokens included; None where there is no limit."""

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """One row for each query, (N, D) float32."""

    def encode_documents(self, documents: Sequence[Document]) -> NDArray[np.float32]:
        """One row for each document, (N, D) float32."""

    def queries_cut(self, queries: Sequence[str]) -> NDArray[np.bool_]:
        """Which of the queries are longer than ``max_tokens``, (N,)."""

    def documents_cut(self, documents: Sequence[Document]) -> NDArray[np.bool_]:
        """Which of the documents are longer than ``max_tokens``, (N,)."""


class SentenceEmbedder:
    """A Sentence Transformers model, computing in float32. Rows have length 1 where the model compares by cosine."""

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        name: str,
        digest: str,
        query_prompt: str,
        document_prompt: str,
        similarity: Similarity,
    ) -> None:
        self.name = name
        self.digest = digest
        self.query_prompt = query_prompt
        self.document_prompt = document_prompt
        self.similarity = similarity
        self._model = model
        limit = model.max_seq_length
        self.max_tokens: int | None = None if limit is None or limit > 1_000_000 else int(limit)
        self.width = int(model.get_embedding_dimension() or 0)

    def __repr__(self) -> str:
        return f"<SentenceEmbedder {self.name}: {self.about}>"

    @property
    def about(self) -> str:
        """One line for people: width, similarity, how much it reads, prompts."""
        limit = "texts of any length" if self.max_tokens is None else f"at most {self.max_tokens} tokens"
        prompts = {"queries": self.query_prompt, "documents": self.document_prompt}
        shown = "; ".join(f"before {what} {prompt!r}" for what, prompt in prompts.items() if prompt)
        return f"{self.width} numbers, {self.similarity}; reads {limit}; {shown or 'no prompts'}"

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """One row for each query, (N, D) float32. Raises BadInput for a vector that is not finite."""
        rows = self._encode(queries, self.query_prompt)
        self._check(rows, lambda place: f"the query {queries[place]!r}")
        return rows

    def encode_documents(self, documents: Sequence[Document]) -> NDArray[np.float32]:
        """One row for each document's title and text, (N, D) float32. Raises BadInput for one that is not finite."""
        rows = self._encode([document.full_text for document in documents], self.document_prompt)
        self._check(rows, lambda place: f"document {documents[place].id!r}")
        return rows

    def queries_cut(self, queries: Sequence[str]) -> NDArray[np.bool_]:
        """Which of the queries are longer than ``max_tokens``, (N,)."""
        return self._cut(queries, self.query_prompt)

    def documents_cut(self, documents: Sequence[Document]) -> NDArray[np.bool_]:
        """Which of the documents are longer than ``max_tokens``, (N,)."""
        return self._cut([document.full_text for document in documents], self.document_prompt)

    def _encode(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self.width), np.float32)
        with panics_as(self._refusal_of(texts)):
            rows = self._model.encode(
                [encodable(text) for text in texts],
                prompt=prompt,  # given even where empty: else a default prompt of the checkpoint would be used
                batch_size=_BATCH,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=self.similarity == "cosine",
            )
        return np.ascontiguousarray(rows, np.float32)

    def _refusal_of(self, texts: Sequence[str]) -> Callable[[str], BadInput]:
        return lambda message: BadInput(
            f"{self.name}: its tokenizer fails on one of {len(texts)} texts, the first is {texts[0][:60]!r}: {message}",
            hint="leave out what is unusual in the text, or use another model",
        )

    def _check(self, rows: NDArray[np.float32], shown: Any) -> None:
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise BadInput(f"{self.name} gave {shown(int(finite.argmin()))} a vector that is not finite")

    def _cut(self, texts: Sequence[str], prompt: str) -> NDArray[np.bool_]:
        cut = np.zeros(len(texts), np.bool_)
        if self.max_tokens is not None and texts:
            read = [prompt + encodable(text) for text in texts]
            with panics_as(self._refusal_of(texts)):
                ids = self._model.tokenizer(read, add_special_tokens=True, truncation=False, verbose=False)["input_ids"]
            cut[:] = [len(one) > self.max_tokens for one in ids]
        return cut


def load_embedder(
    folder: EmbedderFolder,
    *,
    name: str,
    query_prompt: str | None,
    document_prompt: str | None,
    device: str | None,
) -> SentenceEmbedder:
    """The embedder in a folder that has been checked; prompts of None are the checkpoint's own.

    Raises MissingExtra, BadOption for a device that is not here, BadConfig for what Sentence Transformers cannot load
    without code from the checkpoint, and BadTensor for a network with a weight that is not in the files.
    """
    need("sentence_transformers", extra="dense")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel

    from rankladder.rerank.device.device import find_device
    from rankladder.rerank.sentence.paper import check_on_paper

    where = find_device(device)
    try:
        with _quiet(), panics_as(lambda message: BadConfig(f"{folder.path}: a library fails on its files: {message}")):
            for kind, part in folder.modules:
                if kind == "Transformer":
                    check_on_paper(folder.path / part, folder.tensors, AutoModel)
            model = SentenceTransformer(
                str(folder.path),
                device=str(where),
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={} if folder.is_static else {"dtype": torch.float32, "use_safetensors": True},
            )
    except CheckpointRefused:
        raise
    except Exception as error:  # it raises any error of the libraries below it
        raise BadConfig(
            f"{folder.path}: Sentence Transformers cannot load it: {str(error).strip().partition(chr(10))[0]}",
            hint="no code from a checkpoint is run: a newer transformers may know this architecture itself",
        ) from error
    model.eval()
    if not folder.is_static:
        positions = getattr(model[0].config, "max_position_embeddings", None)
        if positions is not None and 0 < positions < model.max_seq_length:  # settings may promise more than there is
            model.max_seq_length = positions
        floats = {key: value for key, value in model.state_dict().items() if value.is_floating_point()}
        check_weights(name, {key: value.float().cpu().numpy() for key, value in floats.items()}, folder.tensors)
        network: Any = model[0].model
        check_tokenizer(folder, network.get_input_embeddings().num_embeddings)
    else:
        check_tokenizer(folder, most_rows(folder.tensors))
    similarity = model.similarity_fn_name
    if similarity not in {"cosine", "dot"}:
        raise BadConfig(f"{folder.path}: compares by {similarity}; expected cosine or dot")
    query = (folder.query_prompt or "") if query_prompt is None else query_prompt
    document = (folder.document_prompt or "") if document_prompt is None else document_prompt
    return SentenceEmbedder(
        model,
        name=name,
        digest=_digest(folder.digest, query, document, similarity, model.max_seq_length),
        query_prompt=query,
        document_prompt=document,
        similarity=similarity,
    )


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar and no report while transformers loads: what would be wrong is checked and raised."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        # It switches the hub's bars too, which warns where HF_HUB_DISABLE_PROGRESS_BARS decides about those.
        warnings.filterwarnings("ignore", message="Cannot (en|dis)able progress bars", category=UserWarning)
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bar:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
