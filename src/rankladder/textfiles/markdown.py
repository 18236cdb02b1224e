"""Markdown into blocks: headings and line numbers from markdown-it-py, the text as it stands."""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page
from rankladder.textfiles.tags import untagged

# Possessive, and never past the next bracket: what opens and never closes costs no second look
_LINK = re.compile(r"!?\[([^\[\]]*+)\]\((?:[^()]++|\([^()]*+\))*+\)")
_FRONT_TITLE = re.compile(r"^title:(.*)$", re.MULTILINE)


@cache
def _parser() -> MarkdownIt:
    """Block structure alone: the inline pass, which takes most of the time, would give nothing that is used."""
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def markdown_page(text: str) -> Page:
    """The page that a Markdown text is.

    The title is the front matter's ``title``, else the one heading of level 1. HTML comments are left out, and of
    HTML blocks the tags.
    """
    lines = text.split("\n")
    front = _front_matter(lines)
    named = _FRONT_TITLE.search("\n".join(lines[:front]))
    outline = Outline(named[1].strip().strip("\"'") if named else "")
    lines[:front] = [""] * front
    tokens = _parser().parse("\n".join(lines))
    for place, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        first, last = token.map
        if token.type == "heading_open":
            outline.heading(int(token.tag[1:]), _plain(tokens[place + 1]), first + 1)
            continue
        while last > first and not lines[last - 1].strip():
            last -= 1
        body = "\n".join(lines[first:last])
        if token.type == "html_block":
            body = untagged(body).strip()
        if body.strip() and token.type != "hr":
            outline.block(body, first + 1, last, is_code=token.type in {"fence", "code_block"})
    return outline.page()


def _front_matter(lines: list[str]) -> int:
    """How many lines the YAML front matter takes, 0 where there is none."""
    if lines[0].rstrip() != "---":
        return 0
    return next((place + 1 for place, line in enumerate(lines[1:200], 1) if line.rstrip() in {"---", "..."}), 0)


def _plain(inline: Token) -> str:
    """A heading without the marks of links, code and stress."""
    text = _LINK.sub(r"\1", _LINK.sub(r"\1", inline.content))  # twice: a link may hold a picture
    return text.replace("`", "").replace("**", "").strip()
