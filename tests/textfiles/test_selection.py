"""What of a folder is wanted: globs and ignore files as git takes them, names that hold nobody's documents."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankladder.errors import BadOption
from rankladder.textfiles import Selection, find_sources, read_documents

GIT = shutil.which("git")
NAMES = ("a", "b", "ab", "c.md", "d.txt", "a b", "é.md", "x.log")
FOLDERS = ("", "a/", "b/", "a/b/", "a/b/ab/", "b/a/")
LINES = (
    "a", "b/", "/a", "/a/", "*.md", "!*.md", "a/b", "/a/b/", "**/ab", "a/**", "a/**/ab", "!a/b/", "!/a/b/c.md", "*",
    "!*/", "?b", "[ab]", "[!a]", "a*", "# c.md", "\\#x", "c.md ", "*.txt", "!d.txt", "x.*", "b/*", "!b/a/", "é.md",
    "/b/**", "a b", "**", "!a/", "/*", "a/**/", "!a/**/", "*/", "/**", "**/", "**/a/**", "!*", "", "!", "/", "a\\",
)  # fmt: skip
rules = st.lists(st.sampled_from(LINES), max_size=5)


def tree(root: Path) -> list[str]:
    files = []
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        for name in NAMES:
            path = root / folder / name
            if not path.is_dir():
                path.with_suffix(path.suffix or ".rst").write_text("rain")
                files.append(path.with_suffix(path.suffix or ".rst").relative_to(root).as_posix())
    return files


def read(root: Path, **chosen: object) -> list[str]:
    found = find_sources([root], select=Selection(**chosen))  # type: ignore[arg-type]
    return sorted(source.name for source in found.sources)


@pytest.mark.skipif(GIT is None, reason="needs git, the reference for its own syntax")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=rules, inner=rules, deep=rules)
def test_ignore_files_say_what_git_says(
    tmp_path_factory: pytest.TempPathFactory, top: list[str], inner: list[str], deep: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    files = tree(root)
    for folder, lines in (("", top), ("a", inner), ("a/b", deep)):
        (root / folder / ".gitignore").write_text("\n".join(lines), encoding="utf-8")
    alone = {"HOME": str(root), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "XDG_CONFIG_HOME": str(root)}
    assert GIT is not None
    subprocess.run([GIT, "init", "-q", str(root)], check=True, env=alone)
    said = subprocess.run(
        [GIT, "-C", str(root), "check-ignore", "-z", "--no-index", "--stdin"],
        input="\0".join(files), capture_output=True, text=True, check=False, env=alone,
    )  # fmt: skip
    ignored = set(said.stdout.split("\0"))
    assert read(root) == sorted(file for file in files if file not in ignored)


def test_rankladderignore_counts_after_gitignore_and_brings_back_what_a_name_leaves_out(tmp_path: Path) -> None:
    for name in ("data/a.md", "data/b.md", "vendor/c.md", ".github/d.md", "e.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("rain")
    (tmp_path / ".gitignore").write_text("data/\n!vendor/\n!.github/\n")
    assert read(tmp_path) == ["e.md"]
    found = find_sources([tmp_path])
    assert found.left_out == {".gitignore": 1, "vendor": 1, "hidden": 1}
    (tmp_path / ".rankladderignore").write_text("!data/\ndata/b.md\n!vendor/\n!.github/\n")
    assert read(tmp_path) == [".github/d.md", "data/a.md", "e.md", "vendor/c.md"]
    assert find_sources([tmp_path]).left_out == {".rankladderignore": 1}
    assert len(read(tmp_path, ignore_files=False)) == 5
    assert read(tmp_path / "data") == ["a.md", "b.md"]  # in no repository the lines of a folder above do not count


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ({"exclude": ["*.log.md", "drafts/"]}, ["a.md", "guide/b.md", "guide/deep/c.txt"]),
        ({"include": ["*.txt"]}, ["guide/deep/c.txt"]),
        ({"include": ["guide/"]}, ["guide/b.md", "guide/deep/c.txt"]),
        ({"include": ["/guide/*.md", "/*.md"], "exclude": ["*.log.md"]}, ["a.md", "guide/b.md"]),
        ({"include": ["guide/", "!deep/"]}, ["guide/b.md"]),
        ({"exclude": ["*", "!/a.md"]}, ["a.md"]),
    ],
)
def test_globs_choose(tmp_path: Path, chosen: dict[str, list[str]], left: list[str]) -> None:
    for name in ("a.md", "x.log.md", "guide/b.md", "guide/deep/c.txt", "drafts/d.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("rain")
    assert read(tmp_path, **chosen) == left


def test_globs_hold_for_what_was_named_outright(tmp_path: Path) -> None:
    (tmp_path / "a.log.md").write_text("rain")
    found = find_sources([tmp_path / "a.log.md"], select=Selection(exclude=("*.log.md",)))
    assert (found.sources, found.left_out) == ([], {"exclude": 1})


def test_what_is_no_glob_is_refused() -> None:
    for wrong in ({"include": "*.md"}, {"exclude": ["!"]}, {"ids": "file name"}):
        with pytest.raises(BadOption):
            Selection(**wrong)  # type: ignore[arg-type]
    assert Selection(exclude=("",)).exclude == ()


def test_build_output_is_known_by_what_stands_beside_it_or_in_it(tmp_path: Path) -> None:
    for name in ("build/a.md", "site/dist/b.md", "site/keep.md", "cache/c.md", "out/d.md", ".git/e.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("rain")
    (tmp_path / "site" / "package.json").write_text("{}")
    (tmp_path / "cache" / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert read(tmp_path) == ["build/a.md", "out/d.md", "site/keep.md", "site/package.json"]
    assert find_sources([tmp_path]).left_out == {"build output": 2, "hidden": 1}
    assert ".git/e.md" not in read(tmp_path, ignore_files=False)


def test_a_rule_of_the_repository_above_counts_but_not_for_the_folder_that_was_named(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("docs/\n*.tmp.md\n")
    (tmp_path / "docs").mkdir()
    for name in ("a.md", "b.tmp.md"):
        (tmp_path / "docs" / name).write_text("rain")
    assert read(tmp_path / "docs") == ["a.md"]
    assert [document.id for document in read_documents(tmp_path / "docs" / "b.tmp.md")] == ["b.tmp.md:1"]
