"""Arguments as callers give them: each is honoured or refused by its name, never taken for something else.

``checked`` reads a function's annotations. It refuses a number that Python would let pass for another kind (True for 1,
1.5 for 1, NaN), takes numpy's numbers for Python's, a generator for a sequence, a str for a Path, and names what it
refuses. Ranges (at least 1, between 0 and 1) are the function's own business.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import operator
import os
import re
import reprlib
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from rankladder.errors import BadOption
from rankladder.paths import checked_path

P = ParamSpec("P")
R = TypeVar("R")
_LARGEST = 2**63 - 1
_PATHS = {"Path", "PathLike[str]", "os.PathLike[str]"}
_MANY = re.compile(r"(Sequence|Iterable|Collection|list|tuple)\[(.+?)(, \.\.\.)?\]")
_UNKNOWN = object()


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function with its arguments checked against its annotations.

    >>> @checked
    ... def first(count: int, *, mean: bool = False) -> int:
    ...     return count
    >>> first(2)
    2
    >>> first(True)
    Traceback (most recent call last):
    rankladder.errors.BadOption: count must be a whole number, got True

    The function raises BadOption, beside its own errors, for an argument of another kind, and PathMissing for a path
    that is longer than any file's name.
    """
    signature = inspect.signature(function)
    forms = [(name, _forms(one.annotation)) for name, one in signature.parameters.items()]

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python's own error names the function as it is called
        scope = sys.modules[function.__module__].__dict__
        for name, form in forms:
            if name in bound.arguments and form:
                bound.arguments[name] = _taken(name, bound.arguments[name], form, scope)
        return function(*bound.args, **bound.kwargs)

    return call


def check_fields(instance: Any) -> None:
    """Checks the fields of a frozen dataclass as ``checked`` checks arguments; for ``__post_init__``."""
    scope = sys.modules[type(instance).__module__].__dict__
    for field in dataclasses.fields(instance):
        if form := _forms(str(field.type)):
            value = getattr(instance, field.name)
            if (taken := _taken(field.name, value, form, scope)) is not value:
                object.__setattr__(instance, field.name, taken)


@functools.cache
def _forms(annotation: Any) -> tuple[str, ...]:
    """The alternatives of an annotation as it is written, none where it is no text."""
    if not isinstance(annotation, str):
        return ()
    parts, depth = [""], 0
    for sign in annotation:
        depth += (sign == "[") - (sign == "]")
        if sign == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    forms = (part.strip() for part in parts)
    return tuple(sorted(forms, key=lambda form: not form.startswith("NDArray")))  # no array is taken for a list


def _taken(name: str, value: Any, forms: tuple[str, ...], scope: Mapping[str, Any]) -> Any:
    """The argument as the function shall have it. Raises BadOption."""
    if value is None and "None" in forms:
        return None
    if name != "name" and not _PATHS.isdisjoint(forms) and isinstance(value, str | os.PathLike):
        given = checked_path(name, value)
        return given if "str" in forms else Path(given)
    expected = []
    for form in forms:
        if form == "None":
            continue
        taken = _as(name, value, form, scope)
        if isinstance(taken, _Taken):
            return taken.value
        expected.append(_described(form, scope))
    words = " or ".join(dict.fromkeys(filter(None, expected)))
    if isinstance(value, int) and abs(value) > _LARGEST:
        words = f"{words} between -2^63 and 2^63"
    raise BadOption(f"{name} must be {words or 'something else'}, got {shown(value)}")


@dataclasses.dataclass(frozen=True, slots=True)
class _Taken:
    value: Any


def _as(name: str, value: Any, form: str, scope: Mapping[str, Any]) -> Any:
    """The value as one form has it, ``_UNKNOWN`` where it is not of it; a form that is not known takes anything."""
    if form in _SCALARS:
        found = _SCALARS[form][0](value)
        return _UNKNOWN if found is _UNKNOWN else _Taken(found)
    if form in _PATHS:
        return _Taken(value) if isinstance(value, str | os.PathLike) else _UNKNOWN
    if many := _MANY.fullmatch(form):
        return _as_many(name, value, many, scope)
    if form.startswith("Mapping["):
        return _Taken(value) if isinstance(value, Mapping) else _UNKNOWN
    if form.startswith("Callable["):
        return _Taken(value) if callable(value) else _UNKNOWN
    if form.startswith("NDArray"):
        return _Taken(value) if hasattr(value, "dtype") else _UNKNOWN
    meant = scope.get(form)
    if words := typing.get_args(meant) if typing.get_origin(meant) is typing.Literal else ():
        return _Taken(value) if isinstance(value, str) and value in words else _UNKNOWN
    if inspect.isclass(meant) and getattr(meant, "_is_protocol", False):
        members = [one for one in (*vars(meant), *vars(meant).get("__annotations__", ())) if not one.startswith("_")]
        return _Taken(value) if all(hasattr(value, one) for one in members) else _UNKNOWN
    if inspect.isclass(meant):
        return _Taken(value) if isinstance(value, meant) else _UNKNOWN
    return _Taken(value)


def _as_many(name: str, value: Any, many: re.Match[str], scope: Mapping[str, Any]) -> Any:
    inner = _forms(many[2])
    if many[1] == "Iterable" and _is_nested(many[2]):
        return _Taken(value)  # the function reads it as it comes, and says what is wrong with which
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable) or inspect.isclass(value):
        return _UNKNOWN
    if many[1] == "Iterable" and not isinstance(value, Sequence):
        return _Taken(_taken(f"{name}[{place}]", one, inner, scope) for place, one in enumerate(value))
    given = value if isinstance(value, Sequence) else list(value)
    if _is_nested(many[2]):
        return _Taken(given)
    taken = [_taken(f"{name}[{place}]", one, inner, scope) for place, one in enumerate(given)]
    return _Taken(given if all(map(operator.is_, given, taken)) else taken)


def _is_nested(inner: str) -> bool:
    return "[" in inner or "," in inner


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"} or isinstance(value, str | bytes):
        return _UNKNOWN
    try:
        number = operator.index(value)
    except TypeError:
        return _UNKNOWN
    return number if abs(number) <= _LARGEST else _UNKNOWN


def _number(value: Any) -> Any:
    if (whole := _whole(value)) is not _UNKNOWN:
        return float(whole)
    if isinstance(value, bool | str | bytes) or type(value).__name__ in {"bool_", "bool"}:
        return _UNKNOWN
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return _UNKNOWN
    return number if math.isfinite(number) else _UNKNOWN


def _flag(value: Any) -> Any:
    return bool(value) if isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"} else _UNKNOWN


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else _UNKNOWN


_SCALARS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "int": (_whole, "a whole number"),
    "SupportsIndex": (_whole, "a whole number"),
    "float": (_number, "a finite number"),
    "bool": (_flag, "True or False"),
    "str": (_text, "a text"),
}


def _described(form: str, scope: Mapping[str, Any]) -> str:
    if form in _SCALARS:
        return _SCALARS[form][1]
    if form in _PATHS:
        return "a path"
    if (many := _MANY.fullmatch(form)) and _is_nested(many[2]):
        return "a list"
    if many:
        inner = " or ".join(_described(one, scope).removeprefix("a ") + "s" for one in _forms(many[2]))
        return f"a list of {inner}"
    if form.startswith("Mapping["):
        return "a mapping"
    if form.startswith("Callable["):
        return "a function"
    if words := typing.get_args(scope.get(form)):
        return f"one of {', '.join(map(str, words))}"
    return f"{'an' if form[:1] in 'AEIOU' else 'a'} {form}"


def shown(value: object) -> str:
    """A value for a message: its repr on one line, short, and never an error of its own.

    >>> shown("a" * 100), shown(1.5)
    ("'aaaaaaaaaaaa...aaaaaaaaaaaaa'", '1.5')
    """
    try:
        return " ".join(reprlib.repr(value).split())[:80]
    except Exception:  # somebody's class may do anything when it is printed
        return f"a {type(value).__name__}"
