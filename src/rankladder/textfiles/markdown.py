"""Markdown into blocks: headings and line numbers from markdown-it-py, the text unchanged."""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rankladder.textfiles.front_matter import front_matter
from rankladder.textfiles.jsx import without_jsx
from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page
from rankladder.textfiles.tags import untagged

# Possessive, and never past the next bracket: what opens and never closes costs no second look
_LINK = re.compile(r"!?\[([^\[\]]*+)\]\((?:[^()]++|\([^()]*+\))*+\)")
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]*+\}\s*$")  # kramdown's, Pandoc's and Docusaurus' {#id}
_LINK_TO_PART = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+\[[^\[\]]*+\]\(#[^()]*+\)\s*")
_CONTENTS_MARK = re.compile(r"\s*(?:\[TOC\]|\[\[_TOC_\]\]|\{:\s*toc\s*\}|\$\{toc\})\s*", re.IGNORECASE)


@cache
def _parser() -> MarkdownIt:
    """Block structure alone: the inline pass, which takes most of the time, would give nothing that is used."""
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def markdown_page(text: str, *, jsx: bool = False) -> Page:
    """The page that a Markdown text is.

    The title is the front matter's ``title``, else the one heading of level 1. HTML comments are left out, of HTML
    blocks the tags, and a table of contents (a list of three links or more to parts of the page, and of nothing else).
    ``jsx`` leaves out imports, exports, comments and tags of MDX.
    """
    lines = text.split("\n")
    front, title = front_matter(lines)
    lines[:front] = [""] * front
    outline = Outline(title)
    markdown_into(outline, without_jsx(lines) if jsx else lines)
    return outline.page()


def markdown_into(outline: Outline, lines: list[str], *, above: int = 0) -> None:
    """Adds the headings and blocks of a Markdown text that has ``above`` lines of its file above it."""
    tokens = _parser().parse("\n".join(lines))
    for place, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        first, last = token.map
        if token.type == "heading_open":
            outline.heading(int(token.tag[1:]), _plain(tokens[place + 1]), above + first + 1)
            continue
        while last > first and not lines[last - 1].strip():
            last -= 1
        if _is_contents(token, lines[first:last]):
            outline.pass_over()
            continue
        body = "\n".join(lines[first:last])
        if token.type == "html_block":
            body = untagged(body).strip()
        if body.strip() and token.type != "hr":
            is_code = token.type in {"fence", "code_block"}
            outline.block(body, above + first + 1, above + last, is_code=is_code)


def _is_contents(token: Token, lines: list[str]) -> bool:
    if token.type == "paragraph_open":
        return len(lines) == 1 and _CONTENTS_MARK.fullmatch(lines[0]) is not None
    filled = [line for line in lines if line.strip()]
    is_list = token.type in {"bullet_list_open", "ordered_list_open"}
    return is_list and len(filled) > 2 and all(map(_LINK_TO_PART.fullmatch, filled))


def _plain(inline: Token) -> str:
    """A heading without the marks of links, code and stress."""
    text = _LINK.sub(r"\1", _LINK.sub(r"\1", inline.content))  # twice: a link may hold a picture
    return _ATTRIBUTES.sub("", untagged(text)).replace("`", "").replace("**", "").strip()
