"""The house stays as it is drawn: rooms import upwards only, the front door is light, and the documents run."""

from __future__ import annotations

import ast
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from rankladder.textfiles import read_documents

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "rankladder"
ROOT_FILES = (
    "visible",
    "errors",
    "other_names",
    "surrogates",
    "paths",
    "arguments",
    "facts",
    "values",
    "temporary",
    "storage",
    "folders",
    "progress",
    "memory",
    "textfiles",
    "catalogue",
    "drawing",
    "kept",
)
ROOMS = ("box", "checkpoint", "rerank", "scores", "retrieve", "cost", "evaluate", "choose", "distill", "serve", "cli")
NEVER = {("distill", "choose"), ("distill", "cost"), ("choose", "distill")}
"""Rooms side by side: the first never imports the second."""
DISTILL = ("manifests", "step", "stage", "recipe", "data", "label", "train", "result", "plan", "pipeline")
"""The files and rooms of ``distill/``: each imports those before it."""
BASE_MODULES = {
    "click", "filelock", "httpcore2", "huggingface_hub", "markdown_it", "numpy", "onnxruntime", "pathspec",
    "platformdirs",
    "safetensors", "tabulate", "tantivy", "tokenizers", "tqdm", "wcwidth", "yaml",
}  # fmt: skip
EXTRA_MODULES = {
    "torch": (
        "rerank/device",
        "rerank/torch",
        "rerank/sentence",
        "retrieve/dense",
        "cost",
        "distill/train",
        "distill/plan",
    ),
    "flash_attn": ("rerank/torch",),
    "sentence_transformers": (
        "rerank/sentence",
        "retrieve/dense",
        "cost",
        "distill/train",
        "distill/result",
        "distill/plan",
    ),
    "transformers": ("rerank/sentence", "retrieve/dense", "distill/train"),
    "ir_measures": ("evaluate",),
    "mteb": ("evaluate/mteb",),
    "datasets": ("evaluate/mteb", "distill/data", "distill/train", "distill/plan"),
    "msgspec": ("distill/recipe", "distill/data", "distill/label", "distill/train"),
    "pyarrow": ("distill", "distill/data", "distill/label", "distill/train", "distill/plan"),
    "datasketch": ("distill/data",),
    "ray": ("distill/label",),
    "pypdfium2": ("textfiles",),
    "docx": ("textfiles",),
}
"""Optional modules, and the rooms that may import each."""
VAGUE = {"utils", "util", "common", "helpers", "helper", "base", "manager", "factory", "handler", "misc"}


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_a_room_imports_the_root_files_and_the_rooms_above_it() -> None:
    order = {room: place for place, room in enumerate((*ROOT_FILES, *ROOMS))}
    wrong = []
    for path in sources():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in {"__init__", "__main__"}:
            continue  # the front door
        for module in imports_of(path):
            parts = module.split(".")
            if parts[0] == "rankladder" and len(parts) > 1 and order[parts[1]] > order[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
            if len(parts) > 1 and (room, parts[1]) in NEVER:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_a_stage_of_a_distillation_imports_the_stages_before_it() -> None:
    order = {room: place for place, room in enumerate(DISTILL)}
    wrong = []
    for path in sorted((PACKAGE / "distill").rglob("*.py")):
        room = path.relative_to(PACKAGE / "distill").parts[0].removesuffix(".py")
        for module in imports_of(path):
            match module.split("."):
                case ["rankladder", "distill", other, *_] if order[other] > order[room]:
                    wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_the_base_install_needs_only_what_it_declares() -> None:
    outside = {
        module.split(".")[0]: path.name
        for path in sources()
        for module in imports_of(path)
        if module.split(".")[0] not in {*sys.stdlib_module_names, *BASE_MODULES, "rankladder"}
        and path.parent.relative_to(PACKAGE).as_posix() not in EXTRA_MODULES.get(module.split(".")[0], ())
    }
    assert outside == {}
    declared = set(re.findall(r'^    "([a-z0-9-]+)>=', (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    imported_as = {"markdown-it-py": "markdown_it", "pyyaml": "yaml"}
    assert {imported_as.get(name, name.replace("-", "_")) for name in declared} == BASE_MODULES


def test_importing_rankladder_is_light() -> None:
    """No heavy module, nothing of numpy's weight, and under 0.3 s of processor time (the best of three)."""
    script = """
import sys, time, json
start = time.process_time(); import rankladder; spent = time.process_time() - start
print(json.dumps([spent, sorted({name.split(".")[0] for name in sys.modules})]))
"""
    runs = [
        json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    heavy = {"torch", "transformers", "onnx", "onnxruntime", "numpy", "tokenizers", "tantivy", "huggingface_hub"}
    assert heavy.isdisjoint(runs[0][1])
    assert min(spent for spent, _ in runs) < 0.3


def test_scoring_loads_neither_torch_nor_transformers_nor_onnx_nor_the_hub() -> None:
    script = """
import sys
from rankladder import Reranker
Reranker.open().rank("rain", ["rain falls", "stocks"])
print({"torch", "transformers", "onnx", "sentence_transformers", "huggingface_hub"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_no_file_hides_what_it_holds_and_none_is_too_long() -> None:
    assert [path.name for path in sources() if path.stem in VAGUE] == []
    assert [path.name for path in sources() if len(path.read_text().splitlines()) > 330] == []


def test_the_box_is_at_most_30_mb() -> None:
    assert sum(path.stat().st_size for path in (PACKAGE / "box").iterdir() if path.is_file()) < 30_000_000


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_every_example_runs(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


def test_the_readmes_python_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


@pytest.mark.parametrize("page", ["python-api", *(p.stem for p in (ROOT / "docs" / "guide").glob("from-*.md"))])
def test_the_python_of_a_guide_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks marked ``python`` run, one after the other; those marked ``py`` are other libraries'."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    space: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "guide" / f"{page}.md").read_text(), re.DOTALL):
        exec(compile(block, f"{page}.md", "exec"), space)
    assert space


def test_what_the_program_writes_into_the_documents_is_up_to_date() -> None:
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    assert generate["REFERENCE"].read_text() == generate["reference"](), "run ./dev docs"
    assert generate["FIGURES"].read_text() == generate["figures"](), "run ./dev docs"
    assert generate["README"].read_text() == generate["readme"](), "run ./dev docs"
    assert generate["CARD"].read_text() == generate["box_card"](), "run ./dev docs"
    assert generate["CHOOSING"].read_text() == generate["choosing"](), "run ./dev docs"


def test_what_the_readme_finds_is_there() -> None:
    shown = re.search(r"\S+  docs/(\S+:\d+).*\n +(.+)\n", (ROOT / "README.md").read_text())
    assert shown is not None
    titles = {document.id: document.title for document in read_documents(ROOT / "docs")}
    assert titles[shown[1]] == shown[2]
