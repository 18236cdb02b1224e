"""A step of a distillation: what its result depends on, the result that lies in its folder, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from rankladder.distill.manifests import difference
from rankladder.errors import NotFound

StageName = Literal["mine", "label", "sample", "train", "evaluate", "export"]
MARKS: Mapping[StageName, str] = {
    "mine": "stage.json",
    "label": "stage.json",
    "sample": "stage.json",
    "train": "key",
    "evaluate": "manifest.json",
    "export": "figures.json",
}
"""The stages in their order, and the file by which the folder of each is known."""


@dataclass(frozen=True, slots=True)
class Depends:
    """What a result depends on: the values (JSON), and their digest."""

    values: Mapping[str, Any]
    key: str


class Result(Protocol):
    """A finished step."""

    @property
    def key(self) -> str:
        """The digest of what it was made with."""
        ...

    @property
    def depends(self) -> Mapping[str, Any] | None:
        """What it was made with; None where an earlier version kept the digest alone."""
        ...


R = TypeVar("R", bound=Result)


@dataclass(frozen=True, slots=True)
class Step(Generic[R]):
    """One step.

    Attributes:
        name: The stage.
        work: The folder of the stages.
        depends: What the result depends on now. It costs reading: data and models are digested.
        found: The complete result in a folder, whatever it was made with; None where there is none.
        make: Makes the result, or what is missing of it.
    """

    name: StageName
    work: Path
    depends: Callable[[], Depends]
    found: Callable[[Path], R | None]
    make: Callable[[], R]

    @property
    def folder(self) -> Path:
        """Where its result lies."""
        return self.work / self.name

    def done(self) -> R | None:
        """The result that was made with what it depends on now, None where there is none."""
        found = self.found(self.folder)
        return found if found is not None and differs(found, self.depends()) is None else None

    def need(self) -> R:
        """As ``done``. Raises NotFound, saying what differs and what to run, where there is none."""
        found = self.found(self.folder)
        what = "this stage is not complete" if found is None else differs(found, self.depends())
        if found is None or what is not None:
            raise NotFound(f"{self.folder}: {what}", hint=f"rankladder distill {self.name} RECIPE makes it")
        return found


def differs(found: Result, now: Depends) -> str | None:
    """What a result was made with that is other now, for people; None where it was made with these values.

    Inputs that are not named now may be any.
    """
    if found.key == now.key:
        return None
    if found.depends is None:
        return "made with something else"
    then = {name: found.depends.get(name) for name in now.values}
    if isinstance(inputs := then.get("inputs"), dict):
        then["inputs"] = {name: inputs[name] for name in now.values["inputs"] if name in inputs}
    changed = difference(then, now.values)
    return f"made with something else: {changed}" if changed else None
