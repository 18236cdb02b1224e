"""Judged collections from files: every layout, and everything that does not fit together."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from rankladder.errors import BadFile, BadInput, BadOption, DuplicateId, PathMissing
from rankladder.evaluate import Dataset, read_dataset
from rankladder.textfiles import ReadAs, read_pairs, read_topics
from rankladder.values import Document, Qrels, Query

from .toy import DOCUMENTS, GRADES, QUERIES, toy_dataset, write_beir


@pytest.mark.parametrize("packed", [False, True], ids="plain gzip".split())
def test_a_beir_folder_gives_what_it_holds(tmp_path: Path, packed: bool) -> None:
    dataset = read_dataset(write_beir(tmp_path / "toy", packed=packed))
    assert dataset.name == "toy"
    assert {id: query.text for id, query in dataset.queries.items()} == QUERIES
    assert dataset.qrels.grades == GRADES
    assert len(dataset.documents) == len(DOCUMENTS)
    assert set(dataset.documents) == set(DOCUMENTS)
    assert dataset.documents["git"].text == DOCUMENTS["git"]
    assert "git" in dataset.documents
    assert "nothing" not in dataset.documents
    assert dataset.remarks == ()


def test_a_trec_collection_is_given_in_parts(tmp_path: Path) -> None:
    write_beir(tmp_path / "toy")
    topics = "".join(
        f"<top>\n<num> Number: {id}\n<title> {text}\n<desc> Description:\nmore\n</top>\n\n"
        for id, text in QUERIES.items()
    )
    (tmp_path / "topics.301").write_text(topics)
    rows = [f"{query} 0 {document} {grade}" for query, row in GRADES.items() for document, grade in row.items()]
    (tmp_path / "qrels.txt").write_text("\n".join(rows))
    dataset = read_dataset(
        documents=tmp_path / "toy" / "corpus.jsonl", topics=tmp_path / "topics.301", qrels=tmp_path / "qrels.txt"
    )
    assert {id: query.text for id, query in dataset.queries.items()} == QUERIES
    assert dataset.qrels.grades == GRADES


def test_a_users_own_file_of_judged_queries(tmp_path: Path) -> None:
    write_beir(tmp_path / "toy")
    rows = [
        {"query": "rain drops", "relevant": {"drops": 2, "rain": 1}, "note": "left alone"},
        {"query": "undo commit git", "relevant": ["git"], "id": "undo"},
        {"query": "nobody judged this", "relevant": {}},
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = read_dataset(tmp_path / "mine.jsonl", documents=tmp_path / "toy" / "corpus.jsonl")
    assert dataset.name == "mine"
    assert dataset.qrels.grades == {"1": {"drops": 2, "rain": 1}, "undo": {"git": 1}}
    assert dataset.queries["1"] == Query("1", "rain drops")
    assert dataset.remarks == ("1 of 3 queries have no judgement: they are left out",)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"relevant": ["a"]}', "no text under 'query'"),
        ('{"query": " ", "relevant": ["a"]}', "no text under 'query'"),
        ('{"query": "a"}', "'relevant' should be"),
        ('{"query": "a", "relevant": "d1"}', "'relevant' should be"),
        ('{"query": "a", "relevant": [true]}', "'relevant' should be"),
        ('{"query": "a", "relevant": {"d": 0.5}}', "whole number"),
        ('{"query": "a", "relevant": {"d": "1"}}', "whole number"),
        ('{"query": "a", "relevant": ["d", "d"]}', "appears twice"),
        ('{"query": "a", "relevant": ["d"], "id": 1.5}', "'id' should be"),
        ('{"query": "a", "relevant": ["d"], "id": "first"}', "query 'first' appears twice"),
        ("[]", "expected a JSON object"),
    ],
)
def test_a_line_of_judged_queries_that_cannot_be_used_is_named(tmp_path: Path, line: str, what: str) -> None:
    (tmp_path / "mine.jsonl").write_text('{"query": "b", "relevant": ["d"], "id": "first"}\n' + line + "\n")
    with pytest.raises((BadFile, DuplicateId), match=r"mine\.jsonl:2") as refused:
        read_dataset(tmp_path / "mine.jsonl", documents=tmp_path)
    assert what in str(refused.value)


@pytest.mark.parametrize(
    "header", ["", "query-id\tcorpus-id\tscore\n", "qid docid label\n"], ids="none beir blanks".split()
)
@pytest.mark.parametrize("line", ["{}\t{}\t{}\n", "{} {}  {}\n", "{} 0 {} {}\n", "{}\t0\t{} {}\r\n"])
def test_judgements_may_mix_separators_and_have_a_header_or_none(tmp_path: Path, header: str, line: str) -> None:
    lines = [line.format(query, document, grade) for query, row in GRADES.items() for document, grade in row.items()]
    lines[0] = "q1\tdrops\t2\n"  # a file may mix them
    folder = write_beir(tmp_path / "toy", qrels=header + "".join(lines))
    assert read_dataset(folder).qrels.grades == GRADES


def test_judgements_of_unknown_queries_and_documents_count_and_are_named(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "toy", qrels="q1\tdrops\t1\nq1\tlost\t1\nghost\train\t1\nq2\tgit\t0\n")
    dataset = read_dataset(folder)
    assert list(dataset.qrels.grades) == ["q1", "q2", "ghost"]
    assert list(dataset.queries) == ["q1", "q2"]
    assert dataset.qrels.grades["q1"] == {"drops": 1, "lost": 1}
    unjudged, ghost, lost, hopeless = dataset.remarks
    assert unjudged.startswith("2 of 4 queries have no judgement")
    assert ghost.startswith("1 of 3 judged queries have no text ('ghost')")
    assert lost.startswith("1 judged documents are not in the collection ('lost')")
    assert hopeless.startswith("1 judged queries have no relevant document ('q2')")


@pytest.mark.parametrize("qrels", ["", "query-id\tcorpus-id\tscore\n"], ids="empty header".split())
def test_a_collection_without_judgements_is_refused(tmp_path: Path, qrels: str) -> None:
    with pytest.raises(BadInput, match="no query is judged"):
        read_dataset(write_beir(tmp_path / "toy", qrels=qrels))


def test_a_collection_without_documents_is_refused(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "toy")
    (folder / "corpus.jsonl").write_text("")
    with pytest.raises(BadInput, match="no documents"):
        read_dataset(folder)


def test_the_first_queries_are_the_files_first_and_the_name_says_so() -> None:
    whole = toy_dataset({query: GRADES[query] for query in ("q4", "q2", "q1", "q3")})
    part = whole.first(2)
    assert list(part.qrels.grades) == list(part.queries) == ["q1", "q2"]
    assert part.name == "toy (first 2 of 4 queries)"
    assert part.collection == "toy"
    assert part.digest != whole.digest
    assert whole.first(4) is whole
    assert whole.first(99) is whole
    with pytest.raises(BadOption, match="at least 1"):
        whole.first(0)


def test_a_part_says_of_itself_what_does_not_fit_and_nothing_of_the_whole() -> None:
    grades = {"q1": {"rain": 1}, "q2": {"lost": 1}, "q3": {"gone": 1}, "ghost": {"rain": 1}}
    whole = toy_dataset(grades).without([("q1", "sun")])
    assert [remark.split(" (")[0] for remark in whole.remarks] == [
        "1 of 4 queries have no judgement: they are left out",
        "1 of 4 judged queries have no text",
        "2 judged documents are not in the collection",
        "1 pairs of query and document are never candidates",
    ]
    first, second = whole.first(1).remarks, whole.first(2).remarks
    assert [remark.split(" (")[0] for remark in first] == [
        "1 of 4 queries have no judgement: they are left out",
        "1 pairs of query and document are never candidates",
    ]
    assert second[:2] == first
    assert "1 judged documents are not in the collection ('lost')" in second[2]


def test_dropped_pairs_of_unknown_ids_are_counted_and_named() -> None:
    found = toy_dataset().without([("q1", "sun"), ("q2", "nothing"), ("Q3", "sun"), ("Q4", "none")])
    pairs, queries, documents = found.remarks
    assert pairs.startswith("4 pairs")
    assert queries == "2 queries of drop-pairs are not judged here ('Q3', 'Q4'): nothing is dropped"
    assert documents == "2 documents of drop-pairs are not in the collection ('nothing', 'none')"
    assert len(toy_dataset().without([("q1", "sun")]).remarks) == 1


def test_queries_spread_over_the_file_are_at_even_steps_and_the_name_says_so() -> None:
    whole = toy_dataset(GRADES)
    ids = list(whole.qrels.grades)
    assert [list(whole.spread(count).qrels.grades) for count in (1, 2)] == [ids[:1], [ids[0], ids[len(ids) // 2]]]
    assert whole.spread(2).name == f"toy (spread 2 of {len(ids)} queries)"
    assert whole.spread(2).digest not in {whole.digest, whole.first(2).digest}
    assert whole.spread(len(ids)) is whole
    with pytest.raises(BadOption, match="at least 1"):
        whole.spread(0)


def test_the_digest_changes_with_every_text_and_grade_and_with_nothing_else(tmp_path: Path) -> None:
    base = read_dataset(write_beir(tmp_path / "toy")).digest
    assert read_dataset(write_beir(tmp_path / "copy" / "toy")).digest == base
    seen = {base}
    for number, (name, old, new) in enumerate(
        [("corpus.jsonl", "falls", "fell"), ("queries.jsonl", "undo", "redo"), ("qrels/test.tsv", "\t2", "\t3")]
    ):
        folder = write_beir(tmp_path / str(number) / "toy")
        (folder / name).write_text((folder / name).read_text().replace(old, new))
        seen.add(read_dataset(folder).digest)
    assert len(seen) == 4


def test_the_digest_of_a_collection_in_memory_knows_where_a_text_ends() -> None:
    def digest(query: str, document: str) -> str:
        return Dataset.of("x", [Query("q", query)], {"d": Document("d", document)}, Qrels({"q": {"d": 1}})).digest

    assert len({digest("a", "bc"), digest("ab", "c"), digest("a", "bd")}) == 3


def test_dropped_pairs_are_kept_with_the_data_and_in_its_digest(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "toy")
    for name, text in {
        "plain": "q1 rain\nq2\tgit\n",
        "qrels": "query-id\tcorpus-id\tscore\nq1\train\t-1\nq2 0 git -1\n",
    }.items():
        (tmp_path / name).write_text(text)
        dataset = read_dataset(folder, drop_pairs=tmp_path / name)
        assert dataset.dropped == {"q1": {"rain"}, "q2": {"git"}}
        assert dataset.qrels.grades == GRADES
        assert dataset.digest != read_dataset(folder).digest
        assert "2 pairs of query and document are never candidates" in dataset.remarks[-1]


@pytest.mark.parametrize("line", ["only-one\n", "a b c d e\n", "q1 7 d 1\n"])
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "pairs").write_text("q1 rain\n" + line)
    with pytest.raises(BadFile, match="pairs:2: expected a query and a document"):
        list(read_pairs(tmp_path / "pairs"))


def test_topics_are_read_in_trecs_two_dialects(tmp_path: Path) -> None:
    old = "<top>\n\n<num> Number: 301 \n<title> International\nOrganized Crime \n\n<desc> Description: \nx\n</top>\n"
    new = "<top><num>302</num><title>Polio &amp; more</title><desc>y</desc></top>"
    (tmp_path / "topics").write_text(old + new)
    assert [*read_topics(tmp_path / "topics").queries] == [
        Query("301", "International Organized Crime"),
        Query("302", "Polio & more"),
    ]
    (tmp_path / "topics.tsv").write_text("1\train\n")
    assert [*read_topics(tmp_path / "topics.tsv").queries] == [Query("1", "rain")]


def test_only_a_tag_ends_a_title(tmp_path: Path) -> None:
    top = "<top>\n<num> 1 </num>\n<title> soil pH < 7 &lt; 8 a<2 undo </title>\n<desc> more </desc>\n</top>\n"
    (tmp_path / "topics.txt").write_text(top)
    assert [*read_topics(tmp_path / "topics.txt").queries] == [Query("1", "soil pH < 7 < 8 a<2 undo")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("topics.txt.gz", "<top><num>1</num><title>rain</title></top>"),
        ("topics.gz", "<top><num>1</num><title>rain</title></top>"),
        ("topics.txt.gz", "1\train\n"),
        ("topics.tsv.gz", "1\t<rain\n"),
        ("topics.jsonl.gz", '{"_id": "1", "text": "rain"}\n'),
    ],
)
def test_topics_may_be_gzipped(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    assert [query.text.lstrip("<") for query in read_topics(tmp_path / name).queries] == ["rain"]


@pytest.mark.parametrize(
    "text",
    [
        "<top><num>1</num></top>",
        "<top><title>x</title></top>",
        "<topics>1</topics>",
        "<top><num>1<title>x</top>" * 2,
        "<top><num>1<title>a <top><num>2<title>b</top>",
        "<top><num>1<title>a</top><top><num>2<title>b",
    ],
    ids="title number none twice open cut".split(),
)
def test_topics_that_cannot_be_used_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "topics").write_text(text)
    with pytest.raises((BadFile, DuplicateId)):
        read_topics(tmp_path / "topics")


def test_arguments_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "toy")
    (tmp_path / "mine.jsonl").write_text('{"query": "a", "relevant": ["rain"]}\n')
    with pytest.raises(BadOption, match="documents, topics and qrels"):
        read_dataset(documents=folder)
    with pytest.raises(BadOption, match="has its own documents"):
        read_dataset(folder, documents=folder)
    with pytest.raises(BadOption, match="topics and qrels exclude it"):
        read_dataset(folder, topics=folder / "queries.jsonl")
    with pytest.raises(BadOption, match="need their documents"):
        read_dataset(tmp_path / "mine.jsonl")
    with pytest.raises(BadOption, match="split chooses"):
        read_dataset(tmp_path / "mine.jsonl", documents=folder, split="test")
    with pytest.raises(BadFile, match="the splits are: test"):
        read_dataset(folder, split="dev")
    with pytest.raises(BadFile, match="not a BEIR folder"):
        read_dataset(tmp_path)
    with pytest.raises(PathMissing):
        read_dataset(tmp_path / "nothing")


def test_names_keep_their_dots_and_lose_what_says_how_a_file_is_written(tmp_path: Path) -> None:
    assert read_dataset(write_beir(tmp_path / "squad_v1.1")).name == "squad_v1.1"
    (tmp_path / "log.2024.jsonl").write_text('{"query": "a", "relevant": ["rain"]}\n')
    mine = read_dataset(tmp_path / "log.2024.jsonl", documents=tmp_path / "squad_v1.1" / "corpus.jsonl")
    assert mine.name == "log.2024"


def test_files_that_were_left_out_of_the_collection_are_named(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.jsonl").write_text('{"id": "rain", "text": "rain falls"}\n')
    (tmp_path / "docs" / "big.csv").write_bytes("id,text\n1,é\n".encode("latin-1"))
    (tmp_path / "docs" / "photo.jpg").write_bytes(b"")
    (tmp_path / "mine.jsonl").write_text('{"query": "why rain", "relevant": ["rain"]}\n')
    remarks = read_dataset(tmp_path / "mine.jsonl", documents=tmp_path / "docs").remarks
    assert remarks[0].startswith("1 files of documents are left out (big.csv: not UTF-8")
    assert remarks[1] == "files of kinds that are not read are left out: 1 .jpg"


def test_another_split_is_named(tmp_path: Path) -> None:
    assert read_dataset(write_beir(tmp_path / "toy", split="dev"), split="dev").name == "toy dev"


def test_an_index_is_not_taken_for_documents(tmp_path: Path) -> None:
    from rankladder.retrieve import build_index

    folder = write_beir(tmp_path / "toy")
    build_index([folder], tmp_path / "index", progress=False)
    (tmp_path / "mine.jsonl").write_text('{"query": "a", "relevant": ["rain"]}\n')
    with pytest.raises(BadOption, match="is an index"):
        read_dataset(tmp_path / "mine.jsonl", documents=tmp_path / "index")


def test_queries_and_judgements_that_share_no_id_are_refused_with_both() -> None:
    qrels = Qrels({"101": {"d": 1}, "102": {"d": 1}})
    with pytest.raises(BadInput, match=r"none of the 2 judged queries \('101', '102'\) is among the 1"):
        Dataset.of("mine", [Query("q1", "rain")], {}, qrels)
    with pytest.raises(BadInput, match=r"the 0 queries \(none\)"):
        Dataset.of("mine", [], {}, qrels)


def test_judgements_of_documents_that_are_called_otherwise_show_how_those_are_called() -> None:
    documents = {"notes.md:1": Document("notes.md:1", "rain")}
    dataset = Dataset.of("mine", [Query("q1", "rain")], documents, Qrels({"q1": {"a": 1, "b": 1}}))
    assert "2 judged documents, all of them, are not in the collection ('a', 'b'; the collection's ids are like" in (
        remark := dataset.remarks[0]
    )
    assert "'notes.md:1'" in remark


def test_a_folder_without_judgements_says_what_it_lacks(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "toy")
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "test.parquet")
    with pytest.raises(
        BadFile, match=r"no judgements in qrels/test\.tsv; there are none; qrels/ holds test\.parquet"
    ) as caught:
        read_dataset(folder)
    assert "query, document and grade" in str(caught.value.hint)


def test_everything_in_a_beir_folder_may_be_gzipped(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "toy")
    plain = read_dataset(folder)
    for file in [folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels" / "test.tsv"]:
        if file.exists():
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
            file.unlink()
    assert read_dataset(folder).qrels == plain.qrels


def test_documents_are_read_as_the_caller_says(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"key": "d1", "words": "rain"}\n{"key": "d2", "words": "sun"}\n')
    (tmp_path / "topics.tsv").write_text("q1\train\n")
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1\n")
    dataset = read_dataset(
        documents=tmp_path / "corpus.jsonl",
        topics=tmp_path / "topics.tsv",
        qrels=tmp_path / "qrels.txt",
        read_as=ReadAs(text_key="words", id_key="key"),
    )
    assert {id: dataset.documents[id].text for id in dataset.documents} == {"d1": "rain", "d2": "sun"}
