"""The settings before a Markdown text: YAML, TOML, JSON, and Pandoc's title block."""

from __future__ import annotations

import json
import re
import tomllib

_MOST_LINES = 1_000
_YAML_KEY = re.compile(r"""(?:[\w.-]+|"[^"]*"|'[^']*')[ \t]*:(?:[ \t]|$)""")
_YAML_LINE = re.compile(rf"{_YAML_KEY.pattern}|[ \t]|[-#\]}}]|$")
_TITLE_LINE = re.compile(r"^title[ \t]*:[ \t]*(.*)$", re.MULTILINE | re.IGNORECASE)


def front_matter(lines: list[str]) -> tuple[int, str]:
    """How many lines the front matter takes, with blank lines before it, and the title in it; 0 and ``""`` where
    the text begins with none.

    A ``---`` is a rule, not front matter, where a blank line follows it, nothing closes it, or what is between is not
    ``key: value``.

    >>> front_matter(["---", "title: A", "...", "text"]), front_matter(["---", "", "text", "---"])
    ((3, 'A'), (0, ''))
    """
    start = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
    match lines[start].rstrip() if start < len(lines) else "":
        case "---":
            return _yaml(lines, start)
        case "+++":
            return _toml(lines, start)
        case line if line.startswith("{"):
            return _json(lines, start)
        case line if line.startswith("% ") and not start:
            last = next((place for place, line in enumerate(lines[:3]) if not line.startswith("%")), 3)
            return last, " ".join(line[2:].split())
    return 0, ""


def _yaml(lines: list[str], start: int) -> tuple[int, str]:
    end = _closing(lines, start, {"---", "..."})
    inside = lines[start + 1 : end]
    if end is None or not inside or not _YAML_KEY.match(next((one for one in inside if one[:1] != "#"), "")):
        return 0, ""
    if not _is_settings(inside):
        return 0, ""
    return end + 1, _yaml_title("\n".join(inside))


def _is_settings(lines: list[str]) -> bool:
    """Whether every line is ``key: value``, a comment, an item, or belongs to the value before it."""
    return all(map(_YAML_LINE.match, lines))


def _yaml_title(text: str) -> str:
    import yaml  # 15 ms that most files need not

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)  # nodes alone: nothing is constructed, no alias followed
    except (yaml.YAMLError, RecursionError):
        root = None
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if isinstance(key, yaml.ScalarNode) and key.value.casefold() == "title":
                return " ".join(value.value.split()) if isinstance(value, yaml.ScalarNode) else ""
        return ""
    found = _TITLE_LINE.search(text)  # people write what YAML does not allow: title: Part 1: the start
    return found[1].strip().strip("\"'") if found else ""


def _toml(lines: list[str], start: int) -> tuple[int, str]:
    end = _closing(lines, start, {"+++"})
    if end is None:
        return 0, ""
    try:
        return end + 1, _title_in(tomllib.loads("\n".join(lines[start + 1 : end])))
    except (tomllib.TOMLDecodeError, RecursionError):
        return 0, ""


def _json(lines: list[str], start: int) -> tuple[int, str]:
    text = "\n".join(lines[start : start + _MOST_LINES])
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return 0, ""
    after = start + text.count("\n", 0, end) + 1
    if text[end:].split("\n", 1)[0].strip() or not any(line.strip() for line in lines[after:]):
        return 0, ""  # not settings before a text, but all that there is
    return after, _title_in(value)


def _closing(lines: list[str], start: int, marks: set[str]) -> int | None:
    if start + 1 >= len(lines) or not lines[start + 1].strip():
        return None
    within = lines[start + 1 : start + _MOST_LINES]
    return next((start + 1 + place for place, line in enumerate(within) if line.rstrip() in marks), None)


def _title_in(settings: dict[str, object]) -> str:
    title = next((value for key, value in settings.items() if key.casefold() == "title"), None)
    return " ".join(title.split()) if isinstance(title, str) else ""
