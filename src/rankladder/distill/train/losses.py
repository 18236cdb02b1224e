"""What the student is trained to: the distance between its logits and the teacher's scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rankladder.distill.recipe.tables import weights_of

if TYPE_CHECKING:
    import torch
    from sentence_transformers import CrossEncoder

    from rankladder.distill.recipe.tables import Loss


def make_objective(model: CrossEncoder, loss: Loss | Mapping[Loss, float]) -> torch.nn.Module:
    """The loss module of a recipe for Sentence Transformers' trainer.

    ``mse`` by name alone is Sentence Transformers' own MSELoss, as in the published recipe. Anything else is a weighted
    sum over one pass of the student:

    - ``mse``: mean squared difference of logit and score;
    - ``bce``: binary cross-entropy of the logit against 1 for a known positive, 0 for the rest;
    - ``margin-mse``: squared difference of margins between a query's best-scored candidate and every other
      (Hofstätter et al., 2020);
    - ``kl``: Kullback-Leibler divergence of the softmax over a query's candidates from the teacher's;
    - ``ranknet``: logistic loss of every pair that the teacher orders, those of near-equal score weighing less
      (Burges et al., 2005).
    """
    from sentence_transformers.cross_encoder.losses import MSELoss

    return MSELoss(model) if loss == "mse" else _mixture(model, weights_of(loss))


def _mixture(model: CrossEncoder, weights: Mapping[Loss, float]) -> torch.nn.Module:
    import torch
    from sentence_transformers.util import batch_to_device

    class Mixture(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model  # the trainer puts its own, wrapped for several processes, in this place

        def forward(self, inputs: list[list[Any]], labels: Any, **_options: Any) -> torch.Tensor:
            """Inputs: queries and documents, or lists of these. Labels: scores and 0/1 for a positive, last axis 2."""
            queries, documents = inputs
            rows = [[row] if isinstance(row, str) else row for row in documents]
            pairs = [(query, text) for query, row in zip(queries, rows, strict=True) for text in row]
            features = batch_to_device(self.model.preprocess(pairs), self.model.device)
            logits = self.model(features)["scores"].view(-1).float()
            target = torch.cat([torch.as_tensor(row).view(-1, 2) for row in labels]).to(logits)
            sizes = [len(row) for row in rows]
            parts = [
                weight * LOSSES[name](logits, target[:, 0], target[:, 1], sizes) for name, weight in weights.items()
            ]
            return torch.stack(parts).sum()

        def get_config_dict(self) -> dict[str, Any]:
            """For the model card that Sentence Transformers may write."""
            return {"weights": dict(weights)}

    return Mixture()


def mse(logits: torch.Tensor, scores: torch.Tensor, positive: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """Mean squared difference."""
    return (logits - scores).square().mean()


def bce(logits: torch.Tensor, scores: torch.Tensor, positive: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """Binary cross-entropy against what is known to answer."""
    import torch

    return torch.nn.functional.binary_cross_entropy_with_logits(logits, positive)


def margin_mse(logits: torch.Tensor, scores: torch.Tensor, positive: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """Mean squared difference of the margins to the query's best-scored candidate."""
    import torch

    parts = []
    for own, teacher in zip(torch.split(logits, sizes), torch.split(scores, sizes), strict=True):
        best = teacher.argmax()
        others = torch.arange(len(teacher), device=teacher.device) != best
        parts.append(((own[best] - own[others]) - (teacher[best] - teacher[others])).square())
    return _mean(torch.cat(parts), logits)


def kl(logits: torch.Tensor, scores: torch.Tensor, positive: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """Mean over queries of the divergence of the student's softmax from the teacher's."""
    import torch

    parts = [
        torch.nn.functional.kl_div(own.log_softmax(0), teacher.log_softmax(0), log_target=True, reduction="sum")
        for own, teacher in zip(torch.split(logits, sizes), torch.split(scores, sizes), strict=True)
    ]
    return torch.stack(parts).mean()


def ranknet(logits: torch.Tensor, scores: torch.Tensor, positive: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """Mean logistic loss of the pairs that the teacher orders, weighed by how far apart it puts them (at most 1)."""
    import torch

    losses, weights = [], []
    for own, teacher in zip(torch.split(logits, sizes), torch.split(scores, sizes), strict=True):
        apart = teacher[:, None] - teacher[None, :]
        ordered = apart > 0
        losses.append(torch.nn.functional.softplus(-(own[:, None] - own[None, :]))[ordered])
        weights.append(apart[ordered].clamp(max=1))
    weight = torch.cat(weights)
    return (torch.cat(losses) * weight).sum() / weight.sum().clamp(min=1e-9)


def _mean(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The mean, 0 where there is nothing to compare (every query has one candidate)."""
    return values.mean() if len(values) else like.sum() * 0


LOSSES = {"mse": mse, "bce": bce, "margin-mse": margin_mse, "kl": kl, "ranknet": ranknet}
