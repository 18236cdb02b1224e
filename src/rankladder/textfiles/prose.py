"""A prose file as a page, by its form."""

from __future__ import annotations

from pathlib import Path

from rankladder.textfiles.bytestream import Digest, read_bytes, read_text
from rankladder.textfiles.forms import Kind
from rankladder.textfiles.hypertext import html_page
from rankladder.textfiles.manual import manual_page
from rankladder.textfiles.markdown import markdown_page
from rankladder.textfiles.markup import asciidoc_page, org_page
from rankladder.textfiles.notebook import notebook_page
from rankladder.textfiles.office import docx_page, pdf_page
from rankladder.textfiles.passages import Page
from rankladder.textfiles.plain import log_page, plain_page, rst_page
from rankladder.textfiles.source_code import code_page


def prose_page(path: Path, kind: Kind, *, digest: Digest | None = None) -> Page:
    """The page that a file is. Raises NotText for what is not text, and for a form that the file has not."""
    if kind == "pdf":
        return pdf_page(read_bytes(path, digest=digest), path)
    if kind == "docx":
        return docx_page(read_bytes(path, digest=digest), path)
    text = read_text(path, digest=digest, html=kind == "html")
    match kind:
        case "markdown" | "mdx":
            return markdown_page(text, jsx=kind == "mdx")
        case "rst":
            return rst_page(text)
        case "html":
            return html_page(text)
        case "asciidoc":
            return asciidoc_page(text)
        case "org":
            return org_page(text)
        case "man":
            return manual_page(text)
        case "notebook":
            return notebook_page(text, path)
        case "code":
            return code_page(text, path)
        case "log":
            return log_page(text)
        case _:
            return plain_page(text)
