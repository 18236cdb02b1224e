"""Words are found whatever form they are written in, and shown where they stand."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

from rankladder.cli.selecting import CODES
from rankladder.errors import BadOption, IndexRefused
from rankladder.retrieve import LANGUAGES, build_index, cached_index, open_index, snippet
from rankladder.retrieve.analysis import analysis_of
from rankladder.retrieve.folding import Letters
from rankladder.storage import checked_json, read_checked_json
from rankladder.values import Query

ENGLISH = analysis_of("en")
LATIN = [chr(code) for code in range(0xC0, 0x250) if chr(code).isalpha()]
SIGNS = st.sampled_from([*"aZ9 .-_é’ﬁ½㎏\u00ad\u200b\u0301証のｶ한นำёﷺ\n🙂"])

SAME = [
    ("résumé séance", unicodedata.normalize("NFD", "résumé séance")),
    ("resume", "Résumé"),
    ("file office", "ﬁle oﬃce"),
    ("softhyphen", "soft\u00adhyphen"),
    ("config", "con\u200bfig"),
    ("joined", "jo\u2060in\ufeffed"),
    ("full width 42", "Ｆｕｌｌ　ｗｉｄｔｈ　４２"),
    ("don't", "don’t"),
    ("Hawai'i", "Hawaiʻi"),
    ("λόγος", "ΛΟΓΟΣ"),
    ("ёлка", "елка"),
    ("Istanbul", "İstanbul"),
    ("مدرسة", "مُدَرِّسَة"),
    ("أحمد", "احمد"),
    ("שלום", "שָׁלוֹם"),
    ("Strasse", "Straße"),
    ("Lodz", "Łódź"),
    ("パソコン", "ﾊﾟｿｺﾝ"),
    ("한국어", unicodedata.normalize("NFD", "한국어")),
    ("น้ำ", "น\u0e4d\u0e49\u0e32"),
    ("2024", "٢٠٢٤"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_of_a_word_are_one(one: str, other: str) -> None:
    assert ENGLISH.query_terms(one) == ENGLISH.query_terms(other) != {}


DIFFERENT = [("en", "й", "и"), ("sv", "får", "far"), ("tr", "ışık", "isik"), ("es", "año", "ano"), ("da", "ø", "o")]


@pytest.mark.parametrize(("code", "one", "other"), DIFFERENT)
def test_letters_that_a_language_tells_apart_stay_apart(code: str, one: str, other: str) -> None:
    analysis = analysis_of(code)
    assert analysis.query_terms(one) != analysis.query_terms(other)
    assert analysis.query_terms(one) == analysis.query_terms(unicodedata.normalize("NFD", one))


@pytest.mark.parametrize(
    ("code", "forms"),
    [
        ("de", ["Häuser", "Haeuser", "Haus", "HÄUSER"]),
        ("fr", ["résumés", "resume"]),
        ("pt", ["informação", "informações"]),
        ("tr", ["IŞIK", "ışık"]),
        ("ru", ["ёлки", "елка"]),
        ("sv", ["flickorna", "flicka"]),
        ("none", ["Été", "ete"]),
    ],
)
def test_a_language_brings_its_forms_to_one_term(code: str, forms: list[str]) -> None:
    assert len({tuple(analysis_of(code).query_terms(form)) for form in forms}) == 1


def test_every_language_that_tantivy_stems_is_there_and_the_command_line_knows_it() -> None:
    assert tuple(LANGUAGES) == CODES
    for language in LANGUAGES.values():
        assert analysis_of(language.code).query_terms("words 証明") != {}
    with pytest.raises(BadOption, match="xx"):
        analysis_of("xx")


def test_latin_letters_fold_to_the_letter_below_their_marks() -> None:
    """Unicode's decomposition is the reference; the folding that we use was written by hand."""
    for letter in LATIN:
        below = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
        assert Letters().fold(letter) == Letters().fold(below), letter
    assert Letters().fold("ÆŒØĐŁÞßǥ") == "aeoeodlthssg"


@given(st.text(st.sampled_from("証明書更新年月日"), min_size=2, max_size=12))
def test_pairs_are_those_of_an_ngram_tokenizer(text: str) -> None:
    reference = TextAnalyzerBuilder(Tokenizer.ngram(2, 2, False)).build()
    pairs = [word for word in ENGLISH.searchable(text).split() if len(word) == 2]
    assert pairs == reference.analyze(text) == [a + b for a, b in pairwise(text)]


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_ascii_text_has_the_words_of_tantivys_english(text: str) -> None:
    chain = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(101)).filter(Filter.lowercase())
    reference = chain.filter(Filter.stemmer("english")).build()
    assert ENGLISH.analyser().analyze(ENGLISH.searchable(text)) == reference.analyze(text)


@given(st.text(SIGNS, max_size=12))
def test_what_is_shown_is_what_is_searched(text: str) -> None:
    """The words that a text is shown by have the terms that it is indexed under, each where it stands."""
    words = ENGLISH.words_of(text)
    indexed = ENGLISH.analyser().analyze(ENGLISH.searchable(text))
    assert {term for word in words for term in word.terms} == set(indexed)
    assert all(a.end <= b.start for a, b in pairwise(words))
    for form in ("NFC", "NFD"):
        assert set(ENGLISH.analyser().analyze(ENGLISH.searchable(unicodedata.normalize(form, text)))) == set(indexed)


@pytest.mark.parametrize(
    "hostile",
    ["a" + "\u0301" * 50_000, "証" * 20_000, "ก\u0e49" * 10_000, "a" * 200_000 + "証", "証" + "\u0301" * 50_000],
)
def test_long_rows_take_no_longer_than_others(hostile: str) -> None:
    assert len(ENGLISH.words_of(hostile)) <= len(hostile)
    assert ENGLISH.searchable(hostile)


DOCUMENTS = {
    "zh.md": "# 部署\n\n本系统每九十天自动轮换证书。如果轮换失败，请检查调度程序日志。\n",
    "ja.md": "# 証明書\n\n証明書は九十日ごとに自動的に更新されます。\n",
    "ko.md": "# 인증서\n\n인증서는 구십 일마다 자동으로 갱신됩니다. 물은 차갑다.\n",
    "th.md": "# ใบรับรอง\n\nระบบจะหมุนเวียนใบรับรองโดยอัตโนมัติทุกเก้าสิบวัน\n",
    "km.md": "ប្រព័ន្ធនឹងបង្វិលវិញ្ញាបនបត្រដោយស្វ័យប្រវត្តិ\n",
    "hi.md": "प्रमाणपत्र हर नब्बे दिन में बदला जाता है।\n",
    "mixed.md": "Run `git push` 之后检查 Certificate 状态。\n",
    "en.md": "# Deploy\n\nCertificates are rotated every ninety days.\n",
}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("证书轮换", "zh.md"), ("証明書の更新", "ja.md"), ("인증서", "ko.md"), ("물", "ko.md"), ("ใบรับรอง", "th.md"),
        ("វិញ្ញាបនបត្រ", "km.md"), ("प्रमाणपत्र", "hi.md"), ("检查状态", "mixed.md"),
        ("certificate 状态", "mixed.md"), ("rotating", "en.md"),
    ],
)  # fmt: skip
def test_documents_are_found_in_every_script(tmp_path: Path, query: str, first: str) -> None:
    for name, text in DOCUMENTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    index, _ = cached_index(tmp_path)
    with index:
        found = index.retrieve(Query("q", query), k=5)
        assert found.hits[0].document.metadata["file"] == first
        assert found.hits[0].document.text in DOCUMENTS[first]


def test_snippets_point_at_the_original_text() -> None:
    text = unicodedata.normalize("NFD", "Le résumé de la séance") + " est ﬁni。証明書の自動更新と書類"
    shown_by = {"resume": "résumé", "fini": "ﬁni", "証明書": "証明書", "自動更新": "自動更新", "類": "類"}
    for query, shown in shown_by.items():
        found = snippet(text, query)
        assert [unicodedata.normalize("NFC", found.text[a:b]) for a, b in found.spans] == [shown]


def test_an_index_keeps_its_language_and_one_of_an_older_analyser_is_built_anew(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Die Häuser stehen.", encoding="utf-8")
    into = tmp_path / "ix"
    assert build_index([tmp_path / "docs"], into, language="de").language == "de"
    assert build_index([tmp_path / "docs"], into).language == "de"

    def found(text: str) -> int:
        with open_index(into) as index:
            return len(index.retrieve(Query("q", text), k=5))

    assert (found("haus"), found("Haeuser")) == (1, 1)
    (manifest,) = into.rglob("manifest.json")
    content = read_checked_json(manifest.read_bytes())
    content["settings"]["analyser"] = "folded-1"
    manifest.write_text(checked_json(content))
    with pytest.raises(IndexRefused, match="rankladder index"):
        found("haus")
    build_index([tmp_path / "docs"], into)
    assert found("haus") == 1
    build_index([tmp_path / "docs"], into, language="none")
    assert (found("haus"), found("hauser")) == (0, 1)
