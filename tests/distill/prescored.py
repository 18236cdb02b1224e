"""Rows that were scored already, few enough to train on in a second, and a recipe for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rankladder.distill.recipe.tables import Data, Evaluate, Recipe, Train


def scored_recipe(
    folder: Path,
    start: Path,
    *,
    during: tuple[str, ...] = (),
    scale: float = 1.0,
    positives: bool = True,
    **settings: Any,
) -> Recipe:
    """A recipe over forty rows, ten queries of four candidates, the first of which is known to answer (or none is)."""
    words = ["rain", "clouds", "git", "commit", "bread", "yeast", "mars", "iron", "apple", "score"]
    rows = [
        {
            "query": f"why {words[n // 4]} {n // 4}",
            "document": f"{words[(n // 4 + n % 4) % 10]} {words[n % 7]} falls",
            "score": scale * (3 - n % 4),
            "positive": positives and n % 4 == 0,
        }
        for n in range(40)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    wanted: dict[str, Any] = {
        "batch_size": 8,
        "micro_batch_size": 4,
        "max_tokens": 16,
        "learning_rate": 1e-3,
        "evaluate_every": 0.2,
        **settings,
    }
    return Recipe(
        name="scored",
        data=(Data(name="d", scored=str(folder / "scored.jsonl")),),
        train=Train(start=str(start), **wanted),
        evaluate=Evaluate(during=during, top_k=5),
    )
