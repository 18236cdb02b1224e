"""PDF and docx into blocks (extra ``documents``)."""

from __future__ import annotations

import io
import threading
import warnings
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from rankladder.errors import MissingExtra
from rankladder.textfiles.bytestream import NotText
from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Block, Page

_PDFIUM = threading.Lock()
"""PDFium may be called by one thread at a time."""
_UNPACKED_MOST = 64_000_000
_UNPACKED_TIMES = 100
_NAMED = 8
_FAILED_MOST = 100  # pages


class PagesWithoutText(UserWarning):
    """Some pages of a PDF are pictures."""


def _extra_needed(path: Path, form: str) -> MissingExtra:
    return MissingExtra(f"{path}: {form} is read with an extra: pip install 'rankladder[documents]'")


def pdf_page(data: bytes, path: Path) -> Page:
    """The page that a PDF is: each of its pages a section, named ``page 3``; the lines of its blocks are page numbers.

    Raises NotText for a file that needs a password, is broken or holds no text (scanned pages), and MissingExtra
    without the extra. Warns of pages that are pictures (``PagesWithoutText``).
    """
    if find_spec("pypdfium2") is None:
        raise _extra_needed(path, "PDF")
    import pypdfium2

    with _PDFIUM:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            locked = "password" in str(error).lower()
            reason = "a PDF that needs a password" if locked else f"not a whole PDF ({error})"
            raise NotText(path, reason, hint="save it without the password" if locked else None) from error
        try:
            texts = [*_texts(document, path)]
            title = document.get_metadata_value("Title")
        finally:
            document.close()
    empty = [number for number, (text, pictures) in enumerate(texts, 1) if pictures and not text]
    if not any(text for text, _ in texts):
        raise NotText(
            path, f"a PDF without text ({len(texts)} pages)", hint="pages that were scanned need text recognition (OCR)"
        )
    if empty:
        shown = ", ".join(map(str, empty[:_NAMED])) + (" …" if len(empty) > _NAMED else "")
        warnings.warn(
            f"{path}: {len(empty)} pages are pictures, or cannot be read: {shown}", PagesWithoutText, stacklevel=2
        )
    blocks = (Block(text, number, number, (f"page {number}",)) for number, (text, _) in enumerate(texts, 1) if text)
    return Page(" ".join(title.split()), tuple(blocks))


def _texts(document: object, path: Path) -> Iterator[tuple[str, bool]]:
    """The text of each page, and whether it holds a picture."""
    import pypdfium2
    from pypdfium2 import raw

    assert isinstance(document, pypdfium2.PdfDocument)
    failed = 0
    for number in range(len(document)):
        try:
            page = document[number]
            text = page.get_textpage().get_text_bounded()
            pictures = (
                not text.strip() and next(iter(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE])), None) is not None
            )
        except pypdfium2.PdfiumError:
            text, pictures = "", True  # a page that cannot be read is named as one without text
            failed += 1
            if failed > _FAILED_MOST:  # the count of pages may be any number
                raise NotText(path, f"not a whole PDF ({failed} of {len(document):,} pages cannot be read)") from None
        lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufffe\n", "").replace("\ufffe", "")
        yield lines.replace("\0", "").strip(), pictures


def docx_page(data: bytes, path: Path) -> Page:
    """The page that a Word document is: its headings, paragraphs, and tables row by row; the lines of its blocks count
    paragraphs and tables. Headers, footers, notes and comments are left out.

    Raises NotText for a file that is encrypted, broken or unpacks to very much more than it is, and MissingExtra
    without the extra.
    """
    if find_spec("docx") is None:
        raise _extra_needed(path, "docx")
    import docx
    from docx.table import Table

    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise NotText(path, "encrypted, or an office document of the older kind", hint="save it as .docx, unprotected")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(one.file_size for one in archive.infolist())
        most = _UNPACKED_MOST + _UNPACKED_TIMES * len(data)
        if unpacked > most:
            raise NotText(path, f"unpacks to {unpacked:,} bytes, more than {most:,}")  # noqa: TRY301
        document = docx.Document(io.BytesIO(data))
        outline = Outline(" ".join((document.core_properties.title or "").split()))
        for number, part in enumerate(document.iter_inner_content(), 1):
            if isinstance(part, Table):
                outline.block(_rows(part), number, number)
            elif part.text.strip():
                _paragraph(part.style.name if part.style is not None else "", part.text, number, outline)
    except NotText:
        raise
    except Exception as error:  # the libraries raise anything for a file that is broken, and each such file is skipped
        raise NotText(path, f"not a whole Word document ({type(error).__name__}: {str(error)[:80]})") from error
    return outline.page()


def _paragraph(style: str | None, text: str, number: int, outline: Outline) -> None:
    name, _, level = (style or "").lower().partition(" ")
    if name == "title":
        outline.title = outline.title or " ".join(text.split())
    if name == "heading" and level.isdigit():
        outline.heading(int(level), text, number)
    else:
        outline.block(text.strip(), number, number)


def _rows(table: object) -> str:
    from docx.table import Table

    assert isinstance(table, Table)
    rows: list[str] = []
    for row in table.rows:
        cells = [" ".join(cell.text.split()) for cell in row.cells]
        rows.append(" | ".join(cell for place, cell in enumerate(cells) if not place or cell != cells[place - 1]))
    return "\n".join(row for row in rows if row.strip(" |"))
