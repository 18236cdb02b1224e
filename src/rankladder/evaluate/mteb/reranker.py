"""A reranker behind mteb's CrossEncoderProtocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rankladder.arguments import checked
from rankladder.catalogue import BOX, Model, all_models
from rankladder.errors import BadInput
from rankladder.evaluate.mteb.kept_scores import kept_scores
from rankladder.rerank import Reranker
from rankladder.rerank.engine import need

if TYPE_CHECKING:
    from mteb.models import ModelMeta

BOX_TRAINING = frozenset(
    {
        "FeedbackQARetrieval",
        "MedicalQARetrieval",
        "XQuADRetrieval",
        "QuoraRetrieval",
        "CQADupstackRetrieval",
        "CodeRAGStackoverflowPosts",
        "LoTTE",
        "StackOverflowQA",
        "CodeSearchNetRetrieval",
        "CodeSearchNetCCRetrieval",
        "COIRCodeSearchNetRetrieval",
        "SCIDOCS",
    }
)
"""The tasks of mteb over data that the model in the box was trained on, or over its source; in doubt a task is named.

By itself: FeedbackQA, MedQuAD and SQuAD (of whose other part XQuAD is made); tldr and PubMedQA are in no such task.
By the model that it grew from, which mteb's registry has in a remark only: the questions of Quora and Stack Exchange,
CodeSearchNet, and SPECTER's citations, which SCIDOCS asks for."""
BOX_START = "sentence-transformers/all-MiniLM-L6-v2"
_DIGITS = 12


class MtebReranker:
    """What ``mteb.evaluate`` takes for a cross-encoder: mteb's pairs in, our logits out.

    mteb hands over texts as every cross-encoder gets them: ``title + " " + text`` of a document, the query as it is.
    Scores come back in the order of the pairs.

    Args:
        reranker: Opened; it stays the caller's.
        settings: What else decides its results (the first stage, the depth). mteb keeps results apart by model,
            revision and these settings alone: it does not look at the first stage, and would hand out the results
            of another one as these.
        store: A folder where scores are kept as they come, in the files of ``rankladder.evaluate``: a task that was
            interrupted then goes on. None keeps none.

    Raises:
        MissingExtra: mteb is not installed.
    """

    @checked
    def __init__(
        self, reranker: Reranker, *, settings: Mapping[str, str | int] | None = None, store: str | Path | None = None
    ) -> None:
        need("mteb", extra="mteb")
        self.reranker = reranker
        self.store = None if store is None else Path(store)
        self.mteb_model_meta: ModelMeta = _meta(reranker, settings or {})

    def __repr__(self) -> str:
        return f"<MtebReranker {self.mteb_model_meta.name}: {self.reranker.about}>"

    def predict(
        self,
        inputs1: Iterable[Mapping[str, Any]],
        inputs2: Iterable[Mapping[str, Any]],
        *,
        task_metadata: object = None,
        hf_split: str = "",
        hf_subset: str = "",
        prompt_type: object = None,
        **options: Any,
    ) -> NDArray[np.float32]:
        """Raw logits (N,), one per pair, in the order of the batches.

        Each input is batches of ``{"text": [...], …}``, queries first, documents second. All pairs are scored
        together, so mteb's ``batch_size`` decides nothing. The split and the prompt type are not needed: a pair's
        score depends on the pair alone.

        Args:
            inputs1: Batches of queries.
            inputs2: Batches of documents, as many.
            task_metadata: mteb's task; its name is that of the file in which scores are kept.
            hf_split: Not needed.
            hf_subset: Not needed.
            prompt_type: Not needed.
            **options: ``encode_kwargs``: ``show_progress_bar`` False hides our bar; ``batch_size`` is not needed.

        Raises:
            BadInput: An unknown option, or batches that do not pair up.
            StorageFailed: Scores cannot be kept.
        """
        unknown = options.keys() - {"batch_size", "show_progress_bar"}
        if unknown:
            raise BadInput(f"encode_kwargs has {', '.join(sorted(unknown))}: this reranker has no such option")
        queries, documents = _texts(inputs1), _texts(inputs2)
        if len(queries) != len(documents):
            raise BadInput(f"mteb gave {len(queries):,} queries for {len(documents):,} documents; expected pairs")
        progress = False if options.get("show_progress_bar") is False else None
        pairs = list(zip(queries, documents, strict=True))
        if self.store is None:
            return self.reranker.predict(pairs, progress=progress)
        return kept_scores(
            self.reranker,
            pairs,
            folder=self.store,
            collection=str(getattr(task_metadata, "name", "mteb")),
            progress=progress,
        )


def as_mteb(
    reranker: Reranker, *, settings: Mapping[str, str | int] | None = None, store: str | Path | None = None
) -> MtebReranker:
    """The reranker for ``mteb.evaluate``; see ``MtebReranker``. Raises MissingExtra without mteb."""
    return MtebReranker(reranker, settings=settings, store=store)


def catalogue_model(reranker: Reranker) -> Model | None:
    """The catalogue's entry for a reranker that was opened by its name there, or by its hub id."""
    name = reranker.facts.model
    return next((model for model in all_models() if name in (model.name, model.hub_id)), None)


def _texts(batches: Iterable[Mapping[str, Any]]) -> list[str]:
    """The texts; equal ones are one object: a text appears in many pairs."""
    seen: dict[str, str] = {}
    return [seen.setdefault(text, text) for batch in batches for text in batch["text"]]


def _meta(reranker: Reranker, settings: Mapping[str, str | int]) -> ModelMeta:
    """What mteb files the results under. Name and revision are the hub's where the model is there, so that mteb's own
    figures for it lie beside ours; what else decides a score (number format, length, engine) is in the settings.
    """
    from mteb.models import ModelMeta

    known = catalogue_model(reranker)
    facts = reranker.facts
    revision = (known.revision if known else None) or facts.revision
    decided = {"dtype": reranker.dtype, "max_tokens": reranker.max_tokens, "scores": reranker.digest[:_DIGITS]}
    training, start = _training(known)
    return ModelMeta.create_empty(
        overwrites={
            "name": _mteb_name(facts.model, known),
            "revision": revision or reranker.digest[:_DIGITS],
            "n_parameters": known.parameters if known else None,
            "max_tokens": reranker.max_tokens,
            "license": known.licence.lower() if known else None,
            "open_weights": True if known else None,
            "framework": ["ONNX"] if facts.engine == "onnx" else ["PyTorch"],
            "model_type": ["cross-encoder"],
            "training_datasets": training,
            "adapted_from": start,
            "experiment_kwargs": {**decided, **settings},
        }
    )


def _mteb_name(name: str, known: Model | None) -> str:
    """A name with one slash, as mteb wants it: the hub id, else ours or the folder's under a made-up owner."""
    if known is not None:
        return known.hub_id or f"rankladder/{known.name}"
    path = PurePath(name)
    is_hub_id = len(path.parts) == 2 and not path.is_absolute() and path.parts[0] not in {".", ".."}
    return name if is_hub_id else f"local/{path.name or 'model'}"


def _training(known: Model | None) -> tuple[set[str] | None, str | None]:
    """Mteb's tasks whose data the model was trained on, None where nobody says; and the model that it grew from."""
    from mteb import get_model_meta

    if known is None or known.hub_id is None:
        return (set(BOX_TRAINING), BOX_START) if known is not None and known.name == BOX else (None, None)
    try:
        registered = get_model_meta(known.hub_id)
    except KeyError:
        return None, None
    return registered.training_datasets, registered.adapted_from
