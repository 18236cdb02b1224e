"""In which encoding the bytes of a file are, and what a file is that holds no text."""

from __future__ import annotations

import codecs
import re

_BOMS = (  # UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGICS = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "gzip data whose name does not end in .gz"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0", "an office document of the older kind"),
    (b"{\\rtf", "a rich text (RTF) document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
)
_XML = re.compile(rb"""<\?xml[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]{1,40})["']""", re.IGNORECASE)
_META = re.compile(rb"""<meta\b[^>]{0,400}?\bcharset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_EDITOR = re.compile(rb"^[ \t]*(?:#|//|\.\.|;|%|--|/\*|<!--).{0,80}?coding[:=][ \t]*([\w.-]{1,40})")
_META_WITHIN = 8_192
_AS_BROWSERS = {
    "cp1252": "iso-8859-1 iso8859-1 iso_8859-1 latin1 latin-1 l1 ascii us-ascii windows-1252 x-cp1252 cp1252",
    "cp1254": "iso-8859-9 iso8859-9 latin5",
    "cp874": "iso-8859-11 iso8859-11 tis-620",
    "cp932": "shift_jis shift-jis sjis x-sjis ms_kanji windows-31j",
    "cp949": "euc-kr ks_c_5601-1987 ksc5601 korean",
    "gb18030": "gb2312 gb_2312-80 gbk x-gbk chinese",
    "big5hkscs": "big5 big5-hkscs x-x-big5",
    "mac_roman": "macintosh x-mac-roman mac",
    "utf-8": "utf8 utf-8 unicode-1-1-utf-8 utf-16 utf-16le utf-16be",  # UTF-16 would have a byte order mark
}
"""What a declared name is taken for. Source: the labels of https://encoding.spec.whatwg.org"""
_LABELS = {label: name for name, labels in _AS_BROWSERS.items() for label in labels.split()}
_NOT_OF_FILES = frozenset({"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs"})
_SEVEN_BIT = {"iso2022_jp": b"\x1b", "iso2022_kr": b"\x1b", "hz": b"~{"}


def _c1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("rankladder.c1", _c1)  # five bytes that windows-1252 leaves open are control characters


def mark_of(data: bytes) -> str | None:
    """The encoding that a byte order mark tells, None without one."""
    return next((name for mark, name in _BOMS if data.startswith(mark)), None)


def magic_of(data: bytes) -> str | None:
    """What a file is that holds no text, by its first bytes; None where they do not tell."""
    return next((what for magic, what in _MAGICS if data.startswith(magic)), None)


def declared_label(data: bytes, *, html: bool = False) -> str | None:
    """The encoding that a text declares, as it is written there: in an XML declaration, in a line for editors
    (``coding: latin-1``) among the first two, or for ``html`` in a ``<meta>`` of the first 8 KiB.
    """
    if (found := _XML.match(data.lstrip()[:300])) is None and html:
        found = _META.search(data, 0, _META_WITHIN)
    for line in data[:400].split(b"\n")[:2]:
        found = found or _EDITOR.match(line)
    return found[1].decode("ascii") if found else None


def codec_of(label: str) -> str | None:
    """Python's name for a declared encoding, read as browsers do; None for one that is not known.

    >>> codec_of("ISO-8859-1"), codec_of("koi8-r"), codec_of("x-unknown")
    ('cp1252', 'koi8-r', None)
    """
    label = label.lower()
    if label in _LABELS:
        return _LABELS[label]
    try:
        name = codecs.lookup(label).name
        "".encode(name)  # refuses what is no encoding of texts
    except (LookupError, ValueError):
        return None
    return None if name in _NOT_OF_FILES else name


def decoded(data: bytes, *, html: bool = False) -> str:
    """The text that bytes hold, without a byte order mark: UTF-8, UTF-16 or UTF-32 by their mark, or what they declare
    where they are not UTF-8. Raises ValueError with the reason for what is no text.
    """
    if (mark := mark_of(data)) is not None:
        try:
            return data.decode(mark)
        except UnicodeDecodeError as error:
            name = mark.removesuffix("-sig").upper()
            raise ValueError(f"not {name} (byte 0x{data[error.start]:02x} at byte {error.start})") from error
    if (reason := why_not_utf8(data, whole=True)) is None and b"\x1b" not in data and b"~{" not in data:
        return data.decode()
    label = declared_label(data, html=html)
    codec = None if label is None else codec_of(label)
    if reason is None:
        seven_bit = codec in _SEVEN_BIT and _SEVEN_BIT[codec] in data
        return data.decode(codec if codec and seven_bit else "utf-8")
    if b"\0" in data or label is None or codec == "utf-8":
        raise ValueError(reason)
    if codec is None:
        raise ValueError(f"{reason}; it declares {label!r}, which is not known")
    try:
        return data.decode(codec, errors="rankladder.c1" if codec == "cp1252" else "strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"{reason}; nor {label}, which it declares (at byte {error.start})") from error


def why_not_utf8(data: bytes, *, whole: bool) -> str | None:
    r"""The reason why bytes are not UTF-8 text, or None where they are; ``whole`` is False for the head of a file.

    >>> why_not_utf8(b"PK\x03\x00", whole=True)
    'binary (a NUL byte at byte 3)'
    >>> why_not_utf8("é".encode("latin-1"), whole=True)
    'not UTF-8 (byte 0xe9 at byte 0)'
    """
    if (what := magic_of(data)) is not None:
        return f"{what}, not text"
    if (place := data.find(b"\0")) >= 0:
        few = data[:1000]
        if len(few) > 11 and 0.4 < max(few[0::2].count(0), few[1::2].count(0)) / (len(few) / 2) <= 1:
            return "UTF-16 without a byte order mark, or binary"
        return f"binary (a NUL byte at byte {place})"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte 0x{data[error.start]:02x} at byte {error.start})"
    return None
