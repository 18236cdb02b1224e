"""The wanted files of a folder: globs, ignore files, and folder names without documents of a user."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from rankladder.errors import BadOption

Ids = Literal["auto", "plain", "file"]
IGNORE_FILES = (".gitignore", ".rankladderignore")
"""Their names, the later ones deciding; ``.rankladderignore`` may also bring back what is left out by its name."""

_VERSIONS = frozenset({".git", ".hg", ".svn", ".bzr", ".jj"})
_INSTALLED = frozenset({"node_modules", "bower_components", "__pycache__", "site-packages", "vendor"})
_BUILT = frozenset({"_build", "_site", "build", "dist", "out", "target"})
_BUILT_FROM = frozenset(
    [
        "CMakeLists.txt",
        "Cargo.toml",
        "Makefile",
        "build.gradle",
        "build.gradle.kts",
        "composer.json",
        "go.mod",
        "package.json",
        "pom.xml",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "tox.ini",
        "_config.yml",
        "conf.py",
    ]
)
_ANYTHING = re.compile("")
_CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"  # https://bford.info/cachedir/


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of folders are read, and what the ids of their records are.

    A value of None says nothing: an index that is brought up to date keeps its own, a new one takes the default.

    Attributes:
        include: Only files that match one of these globs are read; by default all.
        exclude: Files and folders that match one of these globs are not read. Globs are written as in a ``.gitignore``,
            below the folder that was named: ``*.log``, ``drafts/``, ``/a/**/b.md``.
        ignore_files: Whether ignore files, hidden names and folders of installed code or build output count. By
            default they do.
        ids: ``plain`` leaves a record's id unchanged, ``file`` puts its file's name before it (``a.csv#7``). ``auto``
            does so for a bare number under ``id`` in a file that lies in a folder, or is not the first path.
    """

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    ignore_files: bool | None = None
    ids: Ids | None = None

    def __post_init__(self) -> None:
        """Raises BadOption."""
        for name in ("include", "exclude"):
            globs = getattr(self, name)
            if isinstance(globs, str):
                raise BadOption(f"{name} should be several globs, got the text {globs!r}", hint=f"{name}=({globs!r},)")
            if globs is not None:
                object.__setattr__(self, name, tuple(glob for glob in globs if glob))
                for glob in getattr(self, name):
                    if _rule(glob) is None:
                        raise BadOption(f"{name} {glob!r} is not a glob", hint="as in a .gitignore: *.log or drafts/")
        if self.ids not in (None, *get_args(Ids)):
            raise BadOption(f"ids must be auto, plain or file, got {self.ids!r}")

    def over(self, other: Selection) -> Selection:
        """This selection, with what it does not say taken from another."""
        given = {name: value for name, value in self.to_dict().items() if value is not None}
        return replace(other, **given)

    def to_dict(self) -> dict[str, Any]:
        """Its values by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


EVERYTHING = Selection()
DEFAULTS = Selection((), (), True, "auto")
"""What is taken where nothing is given."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line of an ignore file. ``inside`` is for what ends in ``**``: all that lies in the folder, but not the folder
    itself; ``folders`` is for what matches folders alone there.
    """

    wanted: bool
    regex: re.Pattern[str]
    inside: bool
    folders: bool

    def matches(self, path: str, *, folder: bool) -> bool:
        if self.inside:
            return (folder or not self.folders) and self.regex.match(path) is not None
        return bool(self.regex.fullmatch(path) or (folder and self.regex.fullmatch(f"{path}/")))


def _rule(line: str) -> _Rule | None:
    """The rule of a line of an ignore file, None for a blank line, a comment, and what git takes for no pattern."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            pattern = GitIgnoreSpecPattern(line)
    except (GitIgnorePatternError, re.error):
        return None
    if pattern.include is None or pattern.regex is None:
        return None
    glob = line.rstrip().removeprefix("!")
    folders = glob.endswith("/")
    if glob in {"*", "*/", "**", "**/", "/**", "/**/"}:
        return _Rule(not pattern.include, _ANYTHING, inside=True, folders=folders)
    return _Rule(not pattern.include, pattern.regex, inside=glob.endswith(("/**", "/**/")), folders=folders)


def _rules(lines: Iterable[str]) -> tuple[_Rule, ...]:
    return tuple(rule for line in lines if (rule := _rule(line)) is not None)


def _verdict(rules: Sequence[_Rule], path: str, *, folder: bool) -> bool | None:
    """Whether the last rule that matches wants a path (below the rules' folder); None where none matches."""
    return next((rule.wanted for rule in reversed(rules) if rule.matches(path, folder=folder)), None)


class Globs:
    """The globs of a selection, below one folder."""

    def __init__(self, selection: Selection) -> None:
        self._include, self._exclude = _rules(selection.include or ()), _rules(selection.exclude or ())

    def left_out(self, path: str, *, folder: bool) -> str | None:
        """``exclude`` or ``include``, the option that leaves a path out; None where it is read."""
        if self._excluded(path, folder=folder):
            return "exclude"
        return None if folder or not self._include or self._included(path) else "include"

    def _excluded(self, path: str, *, folder: bool) -> bool:
        return _verdict(self._exclude, path, folder=folder) is False

    def _included(self, path: str) -> bool:
        """A glob that matches a folder includes what lies below it."""
        verdict = _verdict(self._include, path, folder=False)
        above = (str(parent) for parent in PurePosixPath(path).parents if parent != PurePosixPath())
        found = (one for parent in above if (one := _verdict(self._include, parent, folder=True)) is not None)
        return (verdict if verdict is not None else next(found, True)) is False


class IgnoreFiles:
    """The ignore files that count below a folder: its own, those in it, and those above it up to the top of its git
    repository. A file deeper down decides over one further up, and a later line over an earlier one, as in git.
    """

    def __init__(self, root: Path) -> None:
        self._rules: dict[str, list[tuple[Path, tuple[_Rule, ...]]]] = {name: [] for name in IGNORE_FILES}
        for folder in reversed(list(_repository_above(root))):
            self.enter(folder)

    def enter(self, folder: Path) -> list[Path]:
        """Reads the ignore files of a folder, and returns those that cannot be read.

        Files of folders that this one does not lie in count no longer.
        """
        unreadable: list[Path] = []
        for name in IGNORE_FILES:
            active = [(place, rules) for place, rules in self._rules[name] if place in folder.parents]
            rules = _read_rules(folder / name)
            if rules is None:
                unreadable.append(folder / name)
            elif rules:
                active.append((folder, rules))
            self._rules[name] = active
        return unreadable

    def wanted(self, path: Path, *, folder: bool) -> tuple[bool | None, bool | None]:
        """What ``.gitignore`` and ``.rankladderignore`` say of a path in the folder entered last."""
        git, ours = (self._said(name, path, folder=folder) for name in IGNORE_FILES)
        return git, ours

    def _said(self, name: str, path: Path, *, folder: bool) -> bool | None:
        for place, rules in reversed(self._rules[name]):
            verdict = _verdict(rules, path.relative_to(place).as_posix(), folder=folder)
            if verdict is not None:
                return verdict
        return None


def _read_rules(file: Path) -> tuple[_Rule, ...] | None:
    """The rules of an ignore file, none where there is no such file, None where it cannot be read."""
    try:
        if not os.path.lexists(file):
            return ()
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would wait for ever
            return None
        return _rules(file.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n"))
    except OSError:
        return None


def _repository_above(root: Path) -> Iterator[Path]:
    """The folders above one, up to the top of the git repository that it lies in; none where it lies in none."""
    above: list[Path] = []
    for folder in (root, *root.parents):
        if folder != root:
            above.append(folder)
        if os.path.lexists(folder / ".git"):
            yield from above
            return


def counted(left_out: Mapping[str, int]) -> str:
    """What was left out, in words.

    >>> counted({"hidden": 2, ".gitignore": 1, "exclude": 3})
    '3 by exclude, 1 by .gitignore, 2 hidden'
    """
    parts = sorted((what, count) for what, count in left_out.items())
    by = {what: f"by {what}" for what in ("exclude", *IGNORE_FILES)} | {"include": "not among include"}
    shown = sorted(parts, key=lambda part: (part[0] not in by, part[0] != "exclude", part[0]))
    return ", ".join(f"{count:,} {by.get(what, what)}" for what, count in shown)


def is_versions(name: str) -> bool:
    """Whether a folder of this name holds a version control system's own data, which is never read."""
    return name in _VERSIONS


def why_unwanted(path: Path, *, folder: bool) -> str | None:
    """The word that counts a file or folder whose name, or what lies in it or beside it, says that it holds nobody's
    own documents; None where it may hold some.

    Names of build output (``build``, ``dist``, ``target`` …) count beside a file that a build starts from, since
    documents too may lie in such a folder.
    """
    name = path.name
    if name.startswith("."):
        return "hidden"
    if not folder:
        return None
    if name in _INSTALLED:
        return name
    if _holds(path, "pyvenv.cfg"):
        return "virtual environments"
    if _is_cache(path / "CACHEDIR.TAG") or (name in _BUILT and _any_of(path.parent, _BUILT_FROM)):
        return "build output"
    return None


def _any_of(folder: Path, names: Iterable[str]) -> bool:
    return any(_holds(folder, name) for name in names)


def _holds(folder: Path, name: str) -> bool:
    return os.path.exists(folder / name)  # noqa: PTH110 — Path.exists raises where a folder may not be entered


def _is_cache(tag: Path) -> bool:
    try:
        if not stat.S_ISREG(tag.stat().st_mode):
            return False
        with tag.open("rb") as file:
            return file.read(len(_CACHE_TAG)) == _CACHE_TAG
    except OSError:
        return False
