"""The languages whose words are brought to their stem, and what each does with its letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rankladder.errors import BadOption

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """How the words of a language are searched for.

    Attributes:
        code: ISO 639-1, or ``none``.
        name: In English.
        stemmer: Snowball's name; "" for unchanged words.
        kept: Small letters that keep their marks; all others lose them before the word is brought to its stem.
        casing: Small letters that are not Unicode's.
        digraphs: ``ae``, ``oe`` and ``ue`` are other spellings of ä, ö and ü.
        fold_stems: The stem, too, loses its marks: endings need them, the rest of a word does not.
    """

    code: str
    name: str
    stemmer: str
    kept: str = ""
    casing: Mapping[str, str] = field(default_factory=dict)
    digraphs: bool = False
    fold_stems: bool = False


LANGUAGES = {
    language.code: language
    for language in (
        Language("en", "English", "english"),
        Language("ar", "Arabic", "arabic"),
        Language("da", "Danish", "danish", "åæø"),
        Language("de", "German", "german", digraphs=True),
        Language("el", "Greek", "greek"),
        Language("es", "Spanish", "spanish", "ñ"),
        Language("fi", "Finnish", "finnish", "åäö"),
        Language("fr", "French", "french"),
        Language("hu", "Hungarian", "hungarian", "áéíóöőúüű"),
        Language("it", "Italian", "italian"),
        Language("nl", "Dutch", "dutch"),
        Language("no", "Norwegian", "norwegian", "åæø"),
        Language("pt", "Portuguese", "portuguese", "áâãàçéêíóôõúü", fold_stems=True),
        Language("ro", "Romanian", "romanian", "ăâîșțşţ", fold_stems=True),
        Language("ru", "Russian", "russian"),
        Language("sv", "Swedish", "swedish", "åäö"),
        Language("ta", "Tamil", "tamil"),
        Language("tr", "Turkish", "turkish", "çğıöşü", {"I": "ı", "İ": "i"}),
        Language("none", "any other: words unchanged", ""),
    )
}
"""By code."""


def language_of(code: str) -> Language:
    """The language with a code. Raises BadOption."""
    if code not in LANGUAGES:
        raise BadOption(
            f"language {code!r} is not known",
            hint=f"one of {', '.join(LANGUAGES)}; none leaves words unchanged and works for every language",
        )
    return LANGUAGES[code]
