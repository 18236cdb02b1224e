"""PDF and docx: text with its place; what cannot be read is named, never a traceback."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import docx
import pytest

from rankladder.errors import BadFile, MissingExtra
from rankladder.textfiles import office, read_documents
from rankladder.textfiles.office import PagesWithoutText


def pdf(*pages: str, title: str = "", trailer: str = "") -> bytes:
    """A PDF with a line of text on each page; a page of ``IMAGE`` is a picture."""
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "",
        f"<</Title({title})>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    about = "/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1"
    objects.append(f"<</Type/XObject/Subtype/Image{about}>>stream\nA\nendstream")
    kids = []
    for text in pages:
        drawn = (
            "q 99 0 0 99 0 0 cm /I Do Q" if text == "IMAGE" else f"BT /F 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        )
        objects.append(f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream")
        kids.append(len(objects) + 1)
        about = "/Resources<</Font<</F 4 0 R>>/XObject<</I 5 0 R>>>>/MediaBox[0 0 612 792]"
        objects.append(f"<</Type/Page/Parent 2 0 R/Contents {len(objects)} 0 R{about}>>")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(f'{kid} 0 R' for kid in kids)}]>>"
    out = "%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj{body}endobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    return (
        f"{out}xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer<</Size {size}/Root 1 0 R/Info 3 0 R{trailer}>>\nstartxref\n{len(out)}\n%%EOF"
    ).encode()


def reason_of(path: Path) -> str:
    (path.parent / "ok.txt").write_text("fine")
    found = read_documents(path.parent)
    assert [document.text for document in found] == ["fine"]
    (skipped,) = found.skipped
    with pytest.raises(BadFile):
        list(read_documents(path))
    return skipped.reason


def test_a_pdf_is_read_page_by_page(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("Rain falls.", "", "Sun shines.", title="Weather"))
    found = list(read_documents(tmp_path))
    assert [(d.id, d.title, d.text, d.metadata) for d in found] == [
        ("a.pdf#page=1", "Weather › page 1", "Rain falls.", {"file": "a.pdf", "page": 1}),
        ("a.pdf#page=3", "Weather › page 3", "Sun shines.", {"file": "a.pdf", "page": 3}),
    ]


def test_pages_that_are_pictures_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("Rain falls.", "IMAGE"))
    with pytest.warns(PagesWithoutText, match="1 pages are pictures, or cannot be read: 2"):
        assert len(list(read_documents(tmp_path / "a.pdf"))) == 1
    (tmp_path / "a.pdf").write_bytes(pdf("IMAGE", "IMAGE"))
    assert reason_of(tmp_path / "a.pdf") == "a PDF without text (2 pages)"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"%PDF-1.4\n", b"no pdf", pdf("x")[:200],
        pdf("x").replace(b"/Kids[7 0 R]", b"/Kids[2 0 R]"),
        pdf("x").replace(b"/Count 1", b"/Count 99"), pdf("x").replace(b"/Count 1", b"/Count 2000000000"),
    ],
    ids=["empty", "head alone", "text", "cut", "a loop", "a wrong count", "a huge count"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::rankladder.textfiles.office.PagesWithoutText")
def test_a_broken_pdf_is_named_or_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pdf").write_bytes(content)
    found = read_documents(tmp_path)
    assert [d.text for d in found] == ["x"] or len(found.skipped) == 1


def test_a_word_document_is_read_under_its_headings(tmp_path: Path) -> None:
    document = docx.Document()
    document.core_properties.title = ""
    document.add_heading("Guide", 0)
    document.add_paragraph("Rain falls.")
    document.add_heading("Part", 1)
    document.add_paragraph("Sun shines.")
    table = document.add_table(rows=2, cols=2)
    for number, cell in enumerate(table.columns[0].cells):
        cell.text = f"cell {number}"
    document.save(str(tmp_path / "a.docx"))
    found = list(read_documents(tmp_path))
    assert [(d.title, d.text) for d in found] == [
        ("Guide", "Guide\n\nRain falls."),
        ("Guide › Part", "Sun shines.\n\ncell 0 | \ncell 1 | "),
    ]


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a whole Word document"),
        (b"PK\x03\x04", "not a whole Word document"),
        (zipped(a=b"x"), "not a whole Word document"),
        (b"\xd0\xcf\x11\xe0", "encrypted, or an office document of the older kind"),
        (zipped(bomb=b"\0" * 200_000_000), "unpacks to 200,000,000 bytes"),
    ],
    ids=["empty", "cut", "another zip", "encrypted", "bomb"],
)
def test_a_word_document_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.docx").write_bytes(content)
    assert reason_of(tmp_path / "a.docx").startswith(said)


@pytest.mark.parametrize("name", ["a.pdf", "a.docx"])
def test_without_the_extra_the_file_is_left_out_with_the_install_line(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office, "find_spec", lambda _name: None)
    (tmp_path / name).write_bytes(pdf("x"))
    found = read_documents(tmp_path)
    assert list(found) == []
    assert "pip install 'rankladder[documents]'" in found.skipped[0].reason
    with pytest.raises(MissingExtra, match="documents"):
        list(read_documents(tmp_path / name))
