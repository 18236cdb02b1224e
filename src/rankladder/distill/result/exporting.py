"""Export: the best checkpoint as a folder that Sentence Transformers and rankladder load, with a card that says all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rankladder.checkpoint.digests import DIGESTS, check_digests, write_digests
from rankladder.checkpoint.gate import GATE
from rankladder.distill.label.teachers import predict
from rankladder.distill.manifests import clear, expect_ours, plain
from rankladder.distill.recipe.file import recipe_text, write_recipe
from rankladder.distill.recipe.tables import Recipe
from rankladder.distill.result.card import model_card
from rankladder.distill.result.evaluating import Figure, Measured
from rankladder.distill.step import MARKS, Depends
from rankladder.distill.train.run_folder import Trained
from rankladder.errors import CheckpointRefused, RankladderError
from rankladder.rerank import Reranker
from rankladder.storage import file_digest, storage_errors

_MARK = MARKS["export"]
FORMAT = "2"
"""Another wherever the same student is exported otherwise."""
AGREEMENT = 1e-3
"""How far our scores and Sentence Transformers' may lie apart on the exported checkpoint, in logits (fp32)."""
_PAIRS: Sequence[tuple[str, str]] = (
    ("how do I undo a commit", "git reset --soft HEAD~1 moves the branch back one commit and keeps the changes."),
    ("how do I undo a commit", "Rain falls when drops grow too heavy for the air to hold them."),
    ("why does it rain", "Rain falls when drops grow too heavy for the air to hold them. " * 40),
)


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished checkpoint's folder, and the key of what it depends on."""

    folder: Path
    key: str
    depends: None = None


def export(
    recipe: Recipe,
    work: Path,
    trained: Trained,
    measured: Measured,
    provenance: Mapping[str, Any],
    *,
    say: Callable[[str], object],
) -> Exported:
    """The folder ``export``: weights, tokenizer, ``README.md``, ``recipe.toml``, ``figures.json``, ``digests.json``.

    ``int8.json`` lies beside them where int8 was measured.

    It takes its place whole, an earlier export's too. Before that it is loaded by both libraries, and their scores are
    compared.

    Args:
        recipe: As it was written, with paths as they stand there.
        work: The folder of the stages.
        trained: The student.
        measured: Its figures.
        provenance: Digests of data and stages, for the card (JSON values).
        say: Called with a line for each result.

    Raises CheckpointRefused for weights in another form than safetensors, and where the two disagree; BadInput
    where somebody else's files lie in its place; StorageFailed.
    """
    into, partial = work / "export", work / "export.partial"
    key = export_depends(recipe, trained, measured, provenance).key
    if (done := open_exported(into)) is not None and done.key == key:
        say(f"export: complete, {into}")
        return done
    expect_ours(into, _MARK)
    try:
        with storage_errors(into):
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(trained.folder, partial)
            apart = _complete(partial, trained.folder, recipe, measured, provenance, key)
            if into.is_dir():
                clear(into, _MARK)
                shutil.rmtree(into)
            partial.rename(into)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say(f"export: {into}, scores of both libraries within {apart:.1g}")
    return Exported(into, key)


def _complete(
    folder: Path, student: Path, recipe: Recipe, measured: Measured, provenance: Mapping[str, Any], key: str
) -> float:
    """Writes into a copy of the student's folder what an export has beside it; how far the two libraries' scores lie
    apart. Raises CheckpointRefused, and OSError.
    """
    pickled = [path.name for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl"}]
    if pickled:
        raise CheckpointRefused(f"{student}: expected safetensors alone, found {', '.join(pickled)}")
    weights = {path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(folder.rglob("*.safetensors"))}
    write_recipe(recipe, folder / "recipe.toml")
    if gates := gates_of(measured.figures):
        (folder / GATE).write_text(json.dumps({"measurements": gates}, indent=1) + "\n", encoding="utf-8")
    figures = {"key": key, "figures": [asdict(one) for one in measured.figures]}
    (folder / _MARK).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    apart = disagreement(folder)
    if not apart <= AGREEMENT:  # NaN too
        raise CheckpointRefused(
            f"{student}: our scores and Sentence Transformers' differ by {apart:.2g}, expected at most {AGREEMENT}: "
            "nothing was exported"
        )
    card = model_card(recipe, measured, {**provenance, "weights": weights}, apart=apart)
    (folder / "README.md").write_text(card, encoding="utf-8")
    # What a hub's copy is fetched without, and what its owner may rewrite, is not promised: card and recipe.
    write_digests(folder, sorted(path for path in folder.rglob("*") if path.suffix in {".json", ".safetensors"}))
    return apart


def gates_of(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """The rows of ``int8.json``: each set on which the student was measured in both number formats."""
    means = {(one.dataset, one.role): one.mean for one in figures}
    return [
        {"dataset": name, "fp32": round(full, 4), "int8": round(short, 4)}
        for name in dict.fromkeys(one.dataset for one in figures)
        if (full := means.get((name, "student"))) is not None
        and (short := means.get((name, "student int8"))) is not None
    ]


def disagreement(folder: Path) -> float:
    """The largest difference of our scores and Sentence Transformers' on three pairs, one of them long."""
    from sentence_transformers import CrossEncoder

    ours = predict(Reranker.open(folder, dtype="fp32"), _PAIRS)
    model = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    theirs = model.predict(list(_PAIRS), show_progress_bar=False)
    return float(np.abs(ours - np.asarray(theirs, dtype=np.float32)).max())


def export_depends(recipe: Recipe, trained: Trained, measured: Measured, provenance: Mapping[str, Any]) -> Depends:
    """What an export depends on: the recipe as it was written, the student and its figures, the digests on the card."""
    figures = [asdict(one) for one in measured.figures]
    parts = [FORMAT, recipe_text(recipe), trained.key, measured.key, json.dumps(figures)]
    key = hashlib.sha256("\n".join([*parts, json.dumps(provenance, sort_keys=True)]).encode()).hexdigest()
    return Depends({"recipe": recipe_text(recipe), "figures": figures, "provenance": plain(provenance)}, key)


def open_exported(folder: Path) -> Exported | None:
    """An export whose every file is as it was written, or None."""
    try:
        key = json.loads((folder / _MARK).read_bytes())["key"]
        if not (folder / DIGESTS).is_file():
            return None
        check_digests(folder, ())
    except (OSError, ValueError, KeyError, TypeError, RankladderError):
        return None
    return Exported(folder, key)
