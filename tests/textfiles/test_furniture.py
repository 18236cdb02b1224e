"""HTML pages without their furniture, and with all of their text."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankladder.textfiles import read_documents

MENU = '<ul><li><a href="a.html">Menu one</a></li><li><a href="b.html">Menu two</a></li></ul>'
PAGES = {
    "sphinx": f"""<title>Guide &#8212; Handbook 2.1 documentation</title>
        <div class="related" role="navigation">{MENU}</div>
        <div class="document"><div class="body" role="main"><section id="guide"><h1>Guide<a class="headerlink"
        href="#guide" title="Permalink">¶</a></h1><nav class="contents local">{MENU}</nav><div
        class="toctree-wrapper compound">{MENU}</div> <p>Rain falls.</p><section id="footer"><h2>Part<a
        class="headerlink" href="#footer">¶</a></h2><p>Sun <a href="c">shines
        </a>.</p></section></section></div></div><div class="sphinxsidebar" role="navigation"><h3>This
        Page</h3>{MENU}</div> <div class="footer">&copy; Copyright 2026. Created using <a href="s">Sphinx</a>.</div>""",
    "mkdocs": f"""<title>Guide - Handbook</title><body><a href="#guide" class="md-skip">Skip to content</a><header
        class="md-header"><span>Handbook</span></header><div
        class="md-sidebar"><nav>{MENU}</nav></div><main><article><a class="md-content__button" href="e"
        title="Edit"></a><h1 id="guide">Guide<a class="headerlink" href="#guide">&para;</a> </h1><p>Rain
        falls.</p><h2>Part</h2><p>Sun <a href="c">shines</a>.</p></article></main><footer class="md-footer">Made
        with <a href="m">Material</a></footer></body>""",
    "docusaurus": f"""<title>Guide | Handbook</title>
        <div role="region" aria-label="Skip to main content"><a href="#__main">Skip
        to main content</a></div><nav class="navbar">{MENU}</nav><aside
        class="theme-doc-sidebar-container">{MENU}</aside><main> <nav
        class="theme-doc-breadcrumbs">{MENU}</nav><article><header><h1>Guide</h1></header><p>Rain falls.</p><h2
        class="anchor" id="part">Part<a href="#part" class="hash-link">\u200b</a></h2><p>Sun <a
        href="c">shines</a>.</p> </article><div class="table-of-contents">{MENU}</div></main><footer
        class="footer">Copyright</footer>""",
    "mediawiki": f"""<title>Guide - Wiki</title><a class="mw-jump-link" href="#content">Jump to content</a><main
        id="content"><h1>Guide</h1><div class="toc" role="navigation">{MENU}</div><p>Rain
        falls.</p><h2>Part<span class="mw-editsection">[<a href="e">edit</a>]</span></h2><p>Sun <a
        href="c">shines</a>.</p></main><div id="catlinks">{MENU}</div><div id="footer">Edited on Monday</div>""",
    "docbook": """<title>Guide</title><div class="navheader"><table><tr><th>Handbook</th></tr><tr><td><a accesskey="p"
        href="p"> Prev</a></td></tr></table></div><div class="sect1"><div class="titlepage"><h2
        class="title">Guide</h2></div><div class="toc"><p><strong>Table of Contents</strong></p><dl
        class="toc"><dt><a href="#p">Part</a></dt></dl></div><p>Rain falls.</p><h3 class="title">Part</h3><p>Sun <a
        href="c">shines</a>.</p></div><div class="navfooter"><hr><a accesskey="h" href="i">Home</a></div>""",
    "asciidoc": f"""<title>Guide</title><div id="header"><h1>Guide</h1></div><div id="toc"><div
        id="toctitle">Contents</div>{MENU} </div><div id="content"><p>Rain falls.</p><div class="sect1"><h2
        id="_part">Part</h2><p>Sun <a href="c">shines</a>.</p> </div></div><div id="footer"><div
        id="footer-text">Last updated 2026</div></div>""",
    "rustdoc": f"""<title>Guide - Rust</title><nav class="sidebar">{MENU}</nav><main><section
        id="main-content"><h1>Guide<button id="copy-path">Copy item path</button></h1><p>Rain falls.</p><h2
        id="part"><a class="doc-anchor" href="#part">§</a>Part </h2><p>Sun <a
        href="c">shines</a>.</p></section></main>""",
    "hidden things": f"""<title>Guide</title>
        <div id="cookie-banner"><p>We bake.</p></div><div hidden><p>No.</p></div><div
        style="display: none">No.</div><form role="search"><input></form><div
        role="dialog">No.</div><h1>Guide</h1><p>Rain falls.<span
        aria-hidden="true">No.</span></p><h2>Part</h2><p>Sun <a href="c">shines</a>.</p><div class="menu">{MENU}
        </div><select><option>v1</select>""",
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_every_page_has_is_left_out(tmp_path: Path, page: str) -> None:
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    found = [(d.title, " ".join(d.text.split())) for d in read_documents(tmp_path)]
    assert [(title, text.replace(" .", ".")) for title, text in found] == [
        ("Guide", "Rain falls."),
        ("Guide › Part", "Sun shines."),
    ]


KEPT = {
    "a sidebar of text": '<h1>G</h1><aside class="sidebar"><p>Rain falls on the plain.</p></aside>',
    "a note": '<main><aside class="note"><p>Rain falls on the plain, see <a href="x">there</a>.</p></aside></main>',
    "the footer of an article": "<article><p>Text.</p><footer>Rain falls on the plain.</footer></article>",
    "who is quoted": "<blockquote>Text.<footer>Rain falls on the plain.</footer></blockquote>",
    "a section called footer": '<div class="section" id="footer"><h2>F</h2><p>Rain falls on the plain.</p></div>',
    "a section that is called toc": '<section id="toc"><h2>TOC</h2><p>Rain falls on the plain.</p></section>',
    "a hidden tab": '<div role="tabpanel" hidden><p>Rain falls on the plain.</p></div>',
    "text beside the main part": "<p>Rain falls on the plain.</p><main><p>More.</p></main>",
    "links in a text": '<ul><li><a href="x">Rain falls on the plain</a></li></ul>',
    "a link to a part": '<p>See <a href="#x">Rain falls on the plain</a>.</p>',
    "a header with a heading": "<header><h1>G</h1><p>Rain falls on the plain.</p></header>",
    "details": "<details><summary>More</summary><p>Rain falls on the plain.</p></details>",
    "a class of another thing": '<div class="card-header">Rain falls on the plain.</div>',
    "a menu of dishes": '<div class="menu"><p>Rain falls on the plain.</p></div>',
    "an element that is hidden and never closed": "<div hidden><h1>G</h1><p>Rain falls on the plain.</p>",
}


@pytest.mark.parametrize("page", KEPT.values(), ids=KEPT)
def test_no_text_is_taken_for_furniture(tmp_path: Path, page: str) -> None:
    (tmp_path / "a.html").write_text(page)
    assert "Rain falls on the plain" in " ".join(d.text for d in read_documents(tmp_path))


@pytest.mark.parametrize(
    ("title", "heading", "found"),
    [
        ("Guide — Handbook", "Guide", "Guide"),
        ("Handbook: Guide", "Guide", "Guide"),
        ("guide", "Guide", "Guide"),
        ("Guides", "Guide", "Guides › Guide"),
        ("Handbook", "Guide", "Handbook › Guide"),
        ("Guided tours - Handbook", "Guide", "Guided tours - Handbook › Guide"),
    ],
)
def test_a_title_that_says_what_the_heading_says_is_given_once(
    tmp_path: Path, title: str, heading: str, found: str
) -> None:
    (tmp_path / "a.html").write_text(f"<title>{title}</title><h1>{heading}</h1><p>Rain.", encoding="utf-8")
    assert [d.title for d in read_documents(tmp_path)] == [found]
