"""The furniture of an HTML page: menus, tables of contents, footers, banners, invisible parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Region = Literal["links", "foot"]
"""A part that is left out where what it holds bears out what its name says: ``links`` where half of its text or more is
links, ``foot`` also where it is short.
"""
Attributes = Mapping[str, str | None]

_ROLES = frozenset({"navigation", "search", "contentinfo", "dialog", "alertdialog", "menu", "menubar", "toolbar"})
_CLASS_NAMES = (
    # Sphinx and its themes
    "headerlink sphinxsidebar toctree-wrapper viewcode-link viewcode-back wy-nav-side wy-nav-top wy-breadcrumbs "
    "rst-versions rst-footer-buttons toc-drawer sidebar-drawer sidebar-tree bd-sidebar bd-header bd-footer bd-toc "
    "prev-next-area prev-next-footer related-pages copybtn "
    # MkDocs, Docusaurus
    "md-content__button md-header md-sidebar md-footer md-tabs md-nav md-search md-skip md-source-file "
    "hash-link pagination-nav "
    "theme-doc-sidebar-container theme-doc-toc-desktop theme-doc-toc-mobile theme-doc-breadcrumbs theme-doc-footer "
    # Javadoc, rustdoc, Doxygen, DocBook
    "top-nav sub-nav bottom-nav topNav subNav bottomNav skip-nav skipNav sidebar-elems mobile-topbar navpath ttc "
    "navheader navfooter "
    # MediaWiki
    "mw-editsection mw-jump-link "
    # anybody's
    "breadcrumb breadcrumbs skip-link skiplink skip-to-content skip-to-main-content"
)
_CLASSES = frozenset(_CLASS_NAMES.split())
_IDS = frozenset((
    "MSearchSelectWindow", "MSearchResultsWindow", "side-nav", "nav-path", "nav-tree", "main-nav", "skip-link",
))  # fmt: skip
_COOKIES = re.compile(
    r"(?:cookies?|gdpr|onetrust|cc|consent)[-_]?(?:banner|consent|notice|bar|popup|window|message|law|overlay|modal|sdk)",
    re.IGNORECASE,
)
_LINK_NAMES = (
    "sidebar sidenav toc toclist tocs table-of-contents contents menu mainmenu nav navbar navigation related "
    "header site-header page-header masthead titlearea nav-list indextable genindextable modindextable "
    "pagination pager index book-summary catlinks"
)
_OF_LINKS = frozenset(_LINK_NAMES.split())
_OF_LINKS_PART = re.compile(r"(?:^|[-_])(?:toc\d?|breadcrumbs?|nosearch|noindex|nocontent)(?:$|[-_])", re.IGNORECASE)
_OF_FOOT = frozenset((
    "footer", "page-footer", "site-footer", "footer-text", "copyright", "cookies", "cookie",
))  # fmt: skip
_CONTAINERS = frozenset({"div", "ul", "ol", "section", "aside", "header", "footer", "table", "form", "dl"})
_ENDED = _CONTAINERS | {"span", "a", "button", "nav", "main", "article", "details", "figure", "dialog", "menu"}
"""Elements whose end tag may not be left out: only such an element is passed over up to its end."""
_FROM_HEADING = re.compile(r"section|sect\d|level\d", re.IGNORECASE)  # the id of such a part is made from its heading
_TABS = re.compile(r"tab|panel|collapse|accordion|details", re.IGNORECASE)
_INVISIBLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)

MARKS = frozenset(
    ["¶", "#", "§", "^", "∞", "🔗", "⚓", "⚓︎", "↩", "↩︎", "⤴", "↑", "[¶]", "(#)", "link", "permalink"]
) | {""}
"""All that the text of a link to its own heading may be."""
_SKIP_LINK = re.compile(r"(?:skip|jump)(?: directly)? (?:to|over)\b.{0,40}", re.IGNORECASE)


def is_passed_over(tag: str, attributes: Attributes) -> bool:
    """Whether an element is furniture, or invisible, with any content."""
    if tag not in _ENDED or not attributes:
        return False
    if (attributes.get("role") or "").lower() in _ROLES:
        return True
    classes = (attributes.get("class") or "").split()
    if not _CLASSES.isdisjoint(classes) or _is_hidden(attributes, classes):
        return True
    names = [*classes, *_ids(tag, attributes, classes)]
    return any(map(_COOKIES.match, names)) or not _IDS.isdisjoint(_ids(tag, attributes, classes))


def region_of(tag: str, attributes: Attributes, *, in_article: bool) -> Region | None:
    """What an element may be by its name, role, class or id; None for what is none of them. The footer of an article or
    of a quotation is not the page's.
    """
    if tag not in _CONTAINERS:
        return None
    classes = (attributes.get("class") or "").split()
    names = {name.lower() for name in (*classes, *_ids(tag, attributes, classes))}
    if tag == "footer" or not _OF_FOOT.isdisjoint(names):
        return "links" if in_article else "foot"
    banner = (attributes.get("role") or "").lower() in {"banner", "complementary", "directory", "doc-toc"}
    by_name = not _OF_LINKS.isdisjoint(names) or any(map(_OF_LINKS_PART.search, names))
    return "links" if banner or by_name or tag in {"aside", "header"} else None


def is_skip_link(text: str) -> bool:
    """Whether the text of a link into its own page helps only to move about in it: "¶", "Skip to content"."""
    text = text.strip().strip("\u200b\ufeff").strip()
    return text.lower() in MARKS or _SKIP_LINK.fullmatch(text) is not None


def _ids(tag: str, attributes: Attributes, classes: list[str]) -> list[str]:
    id = attributes.get("id")
    return [id] if id and tag != "section" and not any(map(_FROM_HEADING.match, classes)) else []


def _is_hidden(attributes: Attributes, classes: list[str]) -> bool:
    hidden = (
        ("hidden" in attributes and attributes["hidden"] != "until-found")
        or (attributes.get("aria-hidden") or "").lower() == "true"
        or _INVISIBLE.search(attributes.get("style") or "") is not None
    )
    return hidden and attributes.get("role") != "tabpanel" and not any(map(_TABS.search, classes))
