"""What the guide says to do, done: a folder of Markdown and a log, to a student."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from embedders import write_embedder
from rankladder.distill.pipeline import Distillation
from rankladder.distill.step import StageName
from rankladder.rerank import Reranker

from .toy import THINGS, Count

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "distilling.md"


def test_the_guides_recipe_makes_a_student_of_a_folder_and_a_log(
    tmp_path: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start is a bi-encoder's folder, and its tokenizer another than the teacher's."""
    (tmp_path / "handbook").mkdir()
    for thing, words in THINGS.items():
        sections = [f"## {word}\n\n{word} is what {thing} needs.\n" for word in words]
        (tmp_path / "handbook" / f"{thing}.md").write_text(f"# {thing}\n\n" + "\n".join(sections))
    asked = [f"what about {word} for {thing}" for thing, words in THINGS.items() for word in words[:5]]
    (tmp_path / "log.txt").write_text("\n".join(asked) + "\n")
    write_embedder(tmp_path / "start", seed=2)
    text = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    for old, new in {
        '"cross-encoder/ms-marco-MiniLM-L12-v2"': f'"{ettin}"',
        'start = "box"': 'start = "start"\nevaluate_every = 0.5',
        "max_tokens = 256": "max_tokens = 32",
        "bm25 = 48": "bm25 = 6",
    }.items():
        assert old in text
        text = text.replace(old, new)
    recipe = tmp_path / "handbook.toml"
    recipe.write_text(text)
    monkeypatch.chdir(tmp_path)

    def run(only: StageName | None = None) -> Any:
        nothing = nullcontext(Count())
        return Distillation(
            recipe, None, data=Path(), only=only, say=lambda line: None, watch=lambda *_about: nothing
        ).run()

    student = run().folder
    assert f"--model {student} " in GUIDE.read_text()
    assert run("label").rows  # nothing that was made counts as one of the documents
    ours, teacher = Reranker.open(student, dtype="fp32"), Reranker.open(ettin)
    assert ours.tokenizer != teacher.tokenizer
    assert ours.predict([(query, "rain needs clouds") for query in asked]).std() > 0
