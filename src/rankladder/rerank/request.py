"""A model as people write it where several may be named: ``box,dtype=fp32,max_tokens=256``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rankladder.arguments import checked
from rankladder.errors import BadOption
from rankladder.rerank.hosted import is_hosted
from rankladder.rerank.reranker import Reranker


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"


_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "engine": str,
    "device": str,
    "dtype": str,
    "max_tokens": int,
    "threads": int,
    "revision": str,
    "offline": _flag,
    "attention": str,
    "cuda_graphs": _flag,
}
"""The options of ``Reranker.open`` and how each is read."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A model's name and the options to open it with; ``text`` is how it was written."""

    text: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    @checked
    def parse(cls, text: str) -> ModelRequest:
        """Reads ``NAME[,OPTION=VALUE]…`` with the options of ``Reranker.open``.

        >>> ModelRequest.parse("box,dtype=fp32,max_tokens=128").options
        {'dtype': 'fp32', 'max_tokens': 128}

        Raises BadOption for an option that there is not, that is given twice, or whose value cannot be read.
        """
        name, *settings = (part.strip() for part in text.split(","))
        if not name:
            raise BadOption(f"model {text!r} has no name", hint="write a name, a hub id or a folder first")
        options: dict[str, Any] = {}
        for setting in settings:
            option, equals, value = setting.partition("=")
            if option == "key_header" and is_hosted(name):
                name += f",{setting}"  # a part of the address, wherever one is written
                continue
            if not equals or option not in _OPTIONS:
                raise BadOption(
                    f"model {text!r}: expected OPTION=VALUE after the comma, got {setting!r}",
                    hint=f"the options are {', '.join(_OPTIONS)}",
                )
            if option in options:
                raise BadOption(f"model {text!r}: {option} is given twice")
            try:
                options[option] = _OPTIONS[option](value)
            except ValueError:
                kind = "true or false" if _OPTIONS[option] is _flag else "a whole number"
                raise BadOption(f"model {text!r}: {option} must be {kind}, got {value!r}") from None
        return cls(text, name, options)

    @property
    def hosted(self) -> bool:
        """Whether a service runs the model (``Facts.hosted``), which its name says before it is opened."""
        return is_hosted(self.name)

    @checked
    def open(self, *, offline: bool | None = None) -> Reranker:
        """The reranker; ``offline`` holds where the request does not say. Raises as ``Reranker.open``."""
        return Reranker.open(self.name, **{"offline": offline, **self.options})
