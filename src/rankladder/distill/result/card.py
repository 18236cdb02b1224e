"""The model card of a student: what it was trained on, how, and how good it is, with intervals."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rankladder.distill.manifests import read_json
from rankladder.distill.recipe.file import recipe_text
from rankladder.distill.recipe.names import FREE
from rankladder.distill.recipe.tables import NANO_BEIR, Recipe
from rankladder.distill.result.evaluating import MEASURE, Figure, Measured
from rankladder.distill.stage import Made
from rankladder.storage import path_digest


def model_card(recipe: Recipe, measured: Measured, provenance: Mapping[str, Any], *, apart: float) -> str:
    """The card as Markdown with the hub's header.

    ``provenance`` holds digests by stage and ``weights`` by file; ``apart`` is how far the two libraries' scores lie
    apart on the exported files.
    """
    return "\n".join(
        [
            *_header(recipe),
            f"# {recipe.name}",
            "",
            recipe.export.description or f"A reranker distilled from {_teachers(recipe)}.",
            "",
            "Scores are raw logits, higher is better; they order documents and are not probabilities.",
            "",
            *_use(recipe),
            *_figures(recipe, measured),
            *_data(recipe),
            *_digests(provenance),
            "## Limits",
            "",
            *_limits(recipe, measured, apart),
            "",
            "## Recipe",
            "",
            "Also beside this card as `recipe.toml`.",
            "",
            "```toml",
            recipe_text(recipe).strip(),
            "```",
            "",
        ]
    )


def sources(recipe: Recipe, work: Path, labelled: Made | None) -> dict[str, dict[str, str]]:
    """Digests, for the card, of what was not made here: data that was scored already, teachers, the start's weights.

    The hub's data has none: it shows the revision, where the recipe names one.
    """
    scored = {one.name: one.scored for one in recipe.data if one.scored}
    teachers: Mapping[str, str] = labelled.facts.get("digests", {}) if labelled is not None else {}
    weights: Sequence[str] = (read_json(work / "train" / "depends.json") or {}).get("start", ())
    return {
        "scored data": {name: _scored_digest(path) for name, path in scored.items()},
        "teacher": {name: digest for name, digest in teachers.items() if name not in FREE},
        "start, weights": {str(number): digest for number, digest in enumerate(weights, start=1)},
    }


def _scored_digest(path: str) -> str:
    return path.partition("@")[2] or "no revision named" if path.startswith("hf:") else path_digest(path)


def _header(recipe: Recipe) -> list[str]:
    licence = [f"license: {_plain(recipe.export.licence)}"] if recipe.export.licence else []
    return [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: text-ranking",
        "tags: [cross-encoder, reranker, distilled, rankladder]",
        *licence,
        "---",
        "",
    ]


def _use(recipe: Recipe) -> list[str]:
    return [
        "```python",
        "from rankladder import Reranker",
        "",
        f'Reranker.open("./{recipe.name}").rank("why does it rain", ["drops grow heavy and fall", "stocks rose"])',
        "```",
        "",
        "```python",
        "from sentence_transformers import CrossEncoder",
        "",
        f'CrossEncoder("./{recipe.name}").predict([("why does it rain", "drops grow heavy and fall")])',
        "```",
        "",
    ]


def _figures(recipe: Recipe, measured: Measured) -> Iterator[str]:
    yield from ("## Quality", "")
    if not measured.figures:
        yield from ("Not measured: the recipe names no evaluation set.", "")
        return
    depth = f"the first {recipe.evaluate.top_k} of BM25's candidates"
    yield f"{MEASURE} over {depth}; 95 % bootstrap intervals over queries."
    yield from ("", "| set | queries | system | role | " + MEASURE + " |", "|---|--:|---|---|---|")
    for one in measured.figures:
        yield f"| {_cell(one.dataset)} | {one.queries:,} | {_cell(one.system)} | {one.role} | {_value(one)} |"
    yield ""


def _value(one: Figure) -> str:
    if one.mean is None:
        return f"failed: {_cell(str(one.failed).splitlines()[0])}"
    return f"{one.mean:.4f}" + ("" if one.low is None else f" [{one.low:.3f}, {one.high:.3f}]")


def _data(recipe: Recipe) -> Iterator[str]:
    yield from ("## Data", "", "| name | queries | documents | scored rows | licence |", "|---|---|---|---|---|")
    for one in recipe.data:
        places = (_named(one.queries), _named(one.documents), _named(one.scored))
        yield f"| {_cell(one.name)} | {' | '.join(places)} | {_cell(one.licence) or 'not stated'} |"
    yield from ("", f"Teachers: {_teachers(recipe)}. Start: {_start(recipe)}.", "")


def _digests(provenance: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Digests (SHA-256)", "")
    yield from (
        "A teacher's digest covers everything that its scores depend on, including the version of this program.",
        "",
    )
    yield from ("| what | digest |", "|---|---|")
    for stage, values in provenance.items():
        for name, digest in values.items() if isinstance(values, Mapping) else [("", values)]:
            yield f"| {_cell(f'{stage} {_tail(name)}'.strip())} | `{digest}` |"
    yield ""


def _limits(recipe: Recipe, measured: Measured, apart: float) -> Iterator[str]:
    yield f"- It reads {recipe.train.max_tokens} tokens of a pair; of a longer pair, the longer text is cut first."
    yield "- A student repeats its teacher's mistakes, and knows only the languages and subjects of the data above."
    if foreign := [_cell(one.name) for one in recipe.data if one.scored]:
        what = "The scores it learned" if recipe.label is None else f"The scores of {', '.join(foreign)}"
        yield f"- {what} came with the data: see the data's own description for who made them, and how."
    for name, count in measured.trained_on.items():
        yield f"- {_cell(name)}: {count:,} of its queries were trained on: its figures say little about new queries."
    if NANO_BEIR in recipe.evaluate.during and recipe.train.checkpoint == "best":
        yield "- The best checkpoint was chosen by NanoBEIR, so figures on its sets are not held-out figures."
    during = {os.path.normpath(path) for path in recipe.evaluate.during} if recipe.train.checkpoint == "best" else set()
    for path in sorted(path for path in recipe.evaluate.sets if os.path.normpath(path) in during):
        yield f"- {_named(path)}: the best checkpoint was chosen by this set, so its figures are not held-out figures."
    if not any(one.role == "student int8" and one.mean is not None for one in measured.figures):
        yield "- int8 was not measured: rankladder runs it in fp32 unless int8 is requested."
    yield f"- At export, scores of rankladder and Sentence Transformers differed by at most {apart:.1g} (fp32)."


def _teachers(recipe: Recipe) -> str:
    if recipe.label is None:
        return "the scores in the data"
    weighed = len({teacher.weight for teacher in recipe.label.teachers}) > 1
    return ", ".join(
        _named(one.model) + (f" (weight {one.weight:g})" if weighed else "") for one in recipe.label.teachers
    )


def _start(recipe: Recipe) -> str:
    revision = f" at {recipe.train.revision}" if recipe.train.revision else ""
    return f"{_named(recipe.train.start)}{revision}"


def _named(path: str | None) -> str:
    """A path's last part: a card says what, not where on somebody's disk."""
    if path is None:
        return "—"
    way, colon, rest = path.partition(":")
    absolute = Path(rest if colon else path).is_absolute() or path.startswith(("~", "."))
    shown = Path(rest if colon else path).name if absolute else rest if colon else path
    return _cell(f"{way}:{shown}" if colon else shown)


def _tail(name: str) -> str:
    _, colon, rest = name.partition(":")
    return _named(name) if colon and Path(rest).is_absolute() else Path(name).name if Path(name).is_absolute() else name


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _plain(text: str) -> str:
    return " ".join(text.split()).replace(":", "")
