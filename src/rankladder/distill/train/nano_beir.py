"""NanoBEIR: the hub's thirteen small judged sets, reranked as Sentence Transformers does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankladder.errors import Unavailable

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


class NanoBeir:
    """Fifty queries of each set, with BM25's first ``top_k`` and every known positive: what the Ettin release chose by.

    Raises Unavailable where the sets cannot be fetched from the hub.
    """

    def __init__(self, *, top_k: int) -> None:
        from sentence_transformers.cross_encoder.evaluation import CrossEncoderNanoBEIREvaluator
        from sentence_transformers.cross_encoder.evaluation.nano_beir import DATASET_NAME_TO_HUMAN_READABLE

        names = list(DATASET_NAME_TO_HUMAN_READABLE)  # its own default leaves two out
        try:
            self._evaluator: Any = CrossEncoderNanoBEIREvaluator(names, rerank_k=top_k, batch_size=128, write_csv=False)
        except (ValueError, OSError) as error:  # ValueError: its own, whatever went wrong underneath
            cause = str(error.__cause__ or error).strip().partition("\n")[0]
            raise Unavailable(
                f"NanoBEIR cannot be read from the hub: {cause}",
                hint="name a folder in BEIR layout in evaluate.during instead",
            ) from error

    @property
    def mean(self) -> str:
        """What the mean over the sets is called among the figures."""
        return f"{self._evaluator.name}_ndcg@10"

    def measure(self, model: CrossEncoder) -> dict[str, float]:
        """nDCG@10 of every set and their mean, named as Sentence Transformers names them."""
        found = self._evaluator(model)
        return {
            name: float(value)
            for name, value in found.items()
            if name.endswith("ndcg@10") and not name.endswith("base_ndcg@10")
        }
