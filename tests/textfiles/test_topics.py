"""Topics in the forms of the public collections, each cut to a topic or two: read, or refused with what the file is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from rankladder.errors import BadFile, BadOption, DuplicateId
from rankladder.textfiles import read_topics

FORMS = {
    "trec 1, labels, zeros, unclosed": (
        "<top>\n<head> Tipster Topic Description\n<num> Number:  051\n<dom> Domain:  Economics\n<title> Topic:  Airbus "
        "Subsidies\n\n<desc> Description:\nA document\n<smry> Summary:\nX\n<narr> Narrative:\nY\n<con> "
        "Concept(s):\n1. z\n"
        "<fac> Factor(s):\n</fac>\n<def> Definition(s):\n</top>\n",
        {"051": "Airbus Subsidies"},
    ),
    "trec 4, no title": (
        "<top>\n<num> Number: 202\n<desc>\nIs a pact  working?\n</top>\n",
        {"202": "Is a pact working?"},
    ),
    "robust, unclosed": (
        "\n<top>\n\n<num> Number: 301 \n<title> International Organized Crime \n\n<desc> Description: \nIdentify\n\n"
        "<narr> Narrative: \nA document\n\n</top>\n\n",
        {"301": "International Organized Crime"},
    ),
    "robust, title on the next line": (
        "<top>\n<num> Number: 651\n<title>\nU.S. ethnic population\n<desc>\nx\n</top>",
        {"651": "U.S. ethnic population"},
    ),
    "core 2018, closed": (
        "<top>\n<num> Number: 321 </num>\n<title>\nWomen in Parliaments\n</title>\n<desc> "
        "Description:\nx\n</desc>\n</top>",
        {"321": "Women in Parliaments"},
    ),
    "fire": (
        "<topics>\n<top lang='hi'>\n<num>176</num>\n<title>वाई एस आर</title>\n<desc>x</desc>\n<narr>y</narr>"
        "\n</top>\n</topics>",
        {"176": "वाई एस आर"},
    ),
    "clef, two languages": (
        "<top>\n<num> C041 </num>\n<FR-title> Pesticides </FR-title>\n<FR-desc> Trouver </FR-desc>\n</top>",
        {"C041": "Pesticides"},
    ),
    "clef 2008": (
        '<?xml version="1.0" encoding="UTF-8"?>\n<topics>\n<topic lang="en">\n<identifier>10.2452/451-AH</identifier>\n'
        "<title>Roman Military</title>\n<description>Find books</description>\n</topic>\n</topics>",
        {"10.2452/451-AH": "Roman Military"},
    ),
    "ntcir": (
        "<TOPIC><NUM>0001</NUM><SLANG>CH</SLANG><TITLE>Time Warner</TITLE><DESC>Find</DESC><NARR><BACK>b</BACK>"
        "</NARR></TOPIC>",
        {"0001": "Time Warner"},
    ),
    "ntcir, cdata": (
        '<TOPIC ID="ACLIA2-CS-0002"><QUESTION LANG="EN"><![CDATA[Who is <he> & she?]]></QUESTION></TOPIC>',
        {"ACLIA2-CS-0002": "Who is <he> & she?"},
    ),
    "ntcir web": (
        "<queries>\n<query>\n<qid>0001</qid>\n<content>halloween picture</content>\n</query>\n</queries>",
        {"0001": "halloween picture"},
    ),
    "covid": (
        '<topics task="COVIDSearch Round 1">\n  <topic number="1">\n    <query>coronavirus origin</query>\n    '
        "<question>what "
        "is the origin</question>\n    <narrative>seeking</narrative>\n  </topic>\n</topics>",
        {"1": "coronavirus origin"},
    ),
    "web track": (
        '<webtrack2009>\n<topic number="1" type="faceted">\n<query>obama family tree</query>\n<description>'
        "Find\n</description>"
        '\n<subtopic number="1" type="nav">\nFind the TIME <query>magazine</query>\n</subtopic>\n</topic>'
        "\n</webtrack2009>",
        {"1": "obama family tree"},
    ),
    "microblog 2011": (
        "<top>\n<num> Number: MB01 </num>\n<title> BBC World cuts </title>\n<querytime> Tue Feb 08 </querytime>\n"
        "<querytweettime> 34952194402811905 </querytweettime>\n</top>",
        {"MB01": "BBC World cuts"},
    ),
    "microblog 2012": (
        "<top>\n<num> Number: MB051 </num>\n<query> British Government cuts </query>\n<querytime> x </querytime>"
        "\n</top>",
        {"MB051": "British Government cuts"},
    ),
    "precision medicine": (
        '<topics task="2017">\n<topic number="1">\n<disease>Liposarcoma</disease>\n<gene>CDK4 Amplification</gene>\n'
        "<demographic>38-year-old male</demographic>\n<other>GERD</other>\n</topic></topics>",
        {"1": "Liposarcoma CDK4 Amplification"},
    ),
    "precision medicine 2020": (
        '<topic number="1"><disease>melanoma</disease><gene>BRAF</gene><treatment>Dabrafenib</treatment></topic>',
        {"1": "melanoma BRAF Dabrafenib"},
    ),
    "decision support": (
        '<topics><topic number="1" type="diagnosis"><note>78 M</note><description>A man</description><summary>A '
        "58-year-old"
        "</summary></topic></topics>",
        {"1": "A 58-year-old"},
    ),
    "clinical trials": (
        '<topics task="2021 TREC Clinical Trials">\n  <topic number="1">\nPatient is a 45-year-old '
        "&lt;man&gt;\n</topic>\n</topics>",
        {"1": "Patient is a 45-year-old <man>"},
    ),
    "clinical trials 2023": (
        '<topics><topic number="1" template="glaucoma"><field name="definition">glaucoma</field><field '
        'name="pressure">high'
        "</field></topic></topics>",
        {"1": "definition glaucoma pressure high"},
    ),
    "health misinformation": (
        "<topics><topic><number>101</number><query>ankle brace</query><description>Will it</description></topic>"
        "</topics>",
        {"101": "ankle brace"},
    ),
    "podcasts": (
        "<topics><topic><num>1</num><query>spread</query><type>topical</type></topic></topics>",
        {"1": "spread"},
    ),
    "genomics 2004": (
        "<TOPICS><TOPIC><ID>1</ID><TITLE>Ferroportin-1</TITLE><NEED>Find</NEED><CONTEXT>c</CONTEXT></TOPIC></TOPICS>",
        {"1": "Ferroportin-1"},
    ),
    "genomics 2006": (
        "<160>What is the role of PrnP\nin disease?\n\n<161>What is IDE?\n",
        {"160": "What is the role of PrnP in disease?", "161": "What is IDE?"},
    ),
    "session track": (
        '<sessiontrack2012><session num="1" starttime="x"><topic num="20"><title>t</title></topic><interaction num="1">'
        "<query>old words</query></interaction><currentquery><query>new words</query></currentquery></session>"
        "</sessiontrack2012>",
        {"1": "new words"},
    ),
    "cacm": (
        "<DOC>\n<DOCNO> 1 </DOCNO>\nWhat articles exist\nwhich deal with TSS\n</DOC>\n",
        {"1": "What articles exist which deal with TSS"},
    ),
    "question answering": (
        "<QApairs id='1'>\n<question>\nWhen did it\n</question>\n<positive>\na\n</positive>\n</QApairs>",
        {"1": "When did it"},
    ),
    "legal": (
        "<TrecLegalProductionRequest><ProductionRequest><RequestNumber>6</RequestNumber><RequestText>All "
        "documents</RequestText>"
        "</ProductionRequest></TrecLegalProductionRequest>",
        {"6": "All documents"},
    ),
    "ehealth": (
        "<queries><query><id>101001</id><title>headaches</title><desc>d</desc></query></queries>",
        {"101001": "headaches"},
    ),
    "no quotes": ("<TOPIC number=7><query>rain</query></TOPIC>", {"7": "rain"}),
    "queries by attribute": ('<queries><query id="7">rain &amp; snow</query></queries>', {"7": "rain & snow"}),
    "formatting and comments": (
        '<!DOCTYPE topics>\n<!-- <top> -->\n<topics><topic id="a"><title>El <b>Niño</b> <!-- no -->now</title>'
        "</topic></topics>",
        {"a": "El Niño now"},
    ),
    "lines": ("1\tcoffee\n2\ttea\twith milk\n", {"1": "coffee", "2": "tea\twith milk"}),
    "lines with a header": ("qid\tquery\n1\tcoffee\n", {"1": "coffee"}),
    "a table": ("topic_id\tinitial_request\tfacet\n1\tdinosaurs\tx\n", {"1": "dinosaurs"}),
    "comments": ("# made by hand\n1\tcoffee\n", {"1": "coffee"}),
    "terabyte efficiency": (
        "1:pierson s twin lakes\n2:nurseries: in new jersey\n",
        {"1": "pierson s twin lakes", "2": "nurseries: in new jersey"},
    ),
    "million query": (
        "20001:1:obama family tree\n20002:4:french lick\n",
        {"20001": "obama family tree", "20002": "french lick"},
    ),
    "complex answers": (
        "enwiki:Aftertaste\nenwiki:Aftertaste/Temporal%20taste%20perception\n",
        {
            "enwiki:Aftertaste": "Aftertaste",
            "enwiki:Aftertaste/Temporal%20taste%20perception": "Aftertaste Temporal taste perception",
        },
    ),
    "smart": (
        ".I 001\n.W\nwhat similarity laws\nmust be obeyed .\n.I 002\n.T\nno\n.W\nwhat are\n.N\nx\n",
        {"001": "what similarity laws must be obeyed .", "002": "what are"},
    ),
    "json lines": ('{"id": 1, "query": "a"}\n{"qid": "b", "question": "c"}\n', {"1": "a", "b": "c"}),
    "one json line": ('{"query_id": "x", "query": "a"}\n', {"x": "a"}),
    "tip of the tongue": (
        '{"id": "763", "title": "that film", "text": "I saw a film", "domain": "movie"}',
        {"763": "I saw a film"},
    ),
    "fever": ('{"id": 91198, "label": "x", "claim": "Colin played", "evidence": [[1]]}', {"91198": "Colin played"}),
    "kilt": ('{"id": "k1", "input": "who won", "output": [{"answer": "x"}]}', {"k1": "who won"}),
    "m-beir": ('{"qid": "9:1", "query_txt": "Find a dress", "query_img_path": null}', {"9:1": "Find a dress"}),
    "bright": ('{"query": "why", "id": "0", "gold_ids": ["a"], "reasoning": "r"}', {"0": "why"}),
    "epidemic": (
        '[{"question_id": "EQ001", "question": "What is?", "query": "origin", "background": "b"}]',
        {"EQ001": "origin"},
    ),
    "bioasq": ('{"questions": [{"id": "55", "body": "Is it?", "type": "yesno"}]}', {"55": "Is it?"}),
    "by id": ('{"1": {"title": "rain"}, "2": {"title": "sun"}}', {"1": "rain", "2": "sun"}),
    "texts by id": ('{\n "1": "rain",\n "2": "sun"\n}', {"1": "rain", "2": "sun"}),
    "cast 2019": (
        '[{"number": 31, "title": "t", "turn": [{"number": 1, "raw_utterance": "What is throat cancer?"},'
        ' {"number": 2, "raw_utterance": "Is it treatable?"}]}]',
        {"31_1": "What is throat cancer?", "31_2": "Is it treatable?"},
    ),
    "cast 2020": (
        '[{"number": 81, "turn": [{"number": 2, "raw_utterance": "Is it?", "manual_rewritten_utterance": "Is a '
        'bell?"}]}]',
        {"81_2": "Is a bell?"},
    ),
    "ikat": (
        '[{"number": "9-1", "ptkb": {"1": "I run"}, "turns": [{"turn_id": 1, "utterance": "it", '
        '"resolved_utterance": "bike",'
        ' "response": "yes"}]}]',
        {"9-1_1": "bike"},
    ),
    "neuclir": (
        '{"topic_id": "200", "topics": [{"lang": "zho", "topic_title": "中文"}, {"lang": "eng",'
        ' "topic_title": "English", "topic_description": "d"}], "narratives": {}}',
        {"200": "English"},
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True], ids="plain gzip".split())
def test_every_form_of_topics_gives_its_queries(tmp_path: Path, form: str, packed: bool) -> None:
    text, expected = FORMS[form]
    path = tmp_path / ("topics.txt.gz" if packed else "topics.txt")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert {query.id: query.text for query in read_topics(path).queries} == expected


@pytest.mark.parametrize("form", [form for form, (text, _) in FORMS.items() if text.startswith(("<", "{", "["))])
def test_line_ends_a_byte_order_mark_and_the_name_change_nothing(tmp_path: Path, form: str) -> None:
    text, expected = FORMS[form]
    for name in ("topics.xml" if text.startswith("<") else "topics.json", "topics", "topics.301-450"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        assert {query.id: query.text for query in read_topics(tmp_path / name).queries} == expected


def test_a_comma_separated_table_names_its_columns(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text('qid,query\n1,"rain, and ""snow"""\n2,sun\n')
    assert [query.text for query in read_topics(tmp_path / "q.csv").queries] == ['rain, and "snow"', "sun"]
    (tmp_path / "q.csv").write_text('id;text\n1;"rain,\nthen sun"\n\n2;sun\n2;rain\n')
    with pytest.raises(DuplicateId, match=r"q\.csv:6: query '2' appears twice, first at .*q\.csv:5"):
        read_topics(tmp_path / "q.csv")
    (tmp_path / "q.csv").write_text('id;text\n1;"rain,\nthen sun"\n')
    assert [query.text for query in read_topics(tmp_path / "q.csv").queries] == ["rain,\nthen sun"]
    (tmp_path / "q.csv").write_text('id,text\n1,"rain\n2,sun\n')
    with pytest.raises(BadFile, match=r"q\.csv:2: the row that starts here"):
        read_topics(tmp_path / "q.csv")
    (tmp_path / "q.csv").write_text("1,rain\n")
    with pytest.raises(BadFile, match="first row should name the columns"):
        read_topics(tmp_path / "q.csv")


def test_another_field_can_be_the_query_and_what_was_taken_is_said(tmp_path: Path) -> None:
    path = tmp_path / "topics"
    path.write_text(FORMS["covid"][0])
    (said,) = read_topics(path).remarks
    assert said == "topics: the queries are the topics' query; they also have question, narrative (choose with field)"
    for field, text in {
        "question": "what is the origin",
        "narrative": "seeking",
        "narr": None,
        "query+question": "coronavirus origin what is the origin",
        "description": None,
    }.items():
        if text is None:
            with pytest.raises(BadOption, match=f"no topic has a '{field}'; they have query, question, narrative"):
                read_topics(path, field=field)
        else:
            assert [query.text for query in read_topics(path, field=field).queries] == [text]
    path.write_text(FORMS["robust, unclosed"][0])
    assert [query.text for query in read_topics(path, field="description").queries] == ["Identify"]
    assert [query.text for query in read_topics(path, field="narr").queries] == ["A document"]
    path.write_text(FORMS["lines"][0])
    assert read_topics(path).remarks == ()


def test_topics_that_differ_in_what_they_have_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "topics"
    path.write_text('<topic id="1"><title>a</title><desc>x</desc></topic><topic id="2"><title/><desc>b</desc></topic>')
    found = read_topics(path)
    assert [query.text for query in found.queries] == ["a", "b"]
    assert "the topics' title (1), desc (1)" in found.remarks[0]
    with pytest.raises(BadFile, match="topic '2' has no title"):
        read_topics(path, field="title")


REFUSED = {
    "background linking": (
        "<top>\n<num> Number: 321 </num>\n<docid>9171debc</docid>\n<url>https://x</url>\n</top>",
        "have a document as their query, not words",
    ),
    "vectors": ('{"qid": 1, "vector": [0.1, 0.2]}\n', "vectors, not texts"),
    "question and answers": ("who got the first prize\t['Röntgen']\n", "number them: awk"),
    "answers in json": ('{"question": "what is it", "answer": ["a"]}\n', "give each query the id"),
    "blanks for tabs": ("301 International Organized Crime\n", "put a tab between them: sed"),
    "no ids": ("how do I undo\nwhy is the sky\n", "give each line the id"),
    "other xml": ("<rss><channel>x</channel></rss>", "the elements are <rss>, <channel>"),
    "a web page": ("<!DOCTYPE html>\n<html><body><p>x</p></body></html>", "no <top>, <topic> or <query> in it"),
    "nothing in it": ("<topics><topic number='1'/></topics>", "topic '1' has no text to search for"),
    "no number": ("<topics><topic><title>x</title></topic></topics>", "without a number; it has title"),
    "cut": ("<topics><topic number='1'><title>x</title>", "is the file whole"),
    "twice": ("1\ta\n1\tb\n", "appears twice"),
    "blank": ("1\t \n", "is blank"),
    "broken json": ('[{"id": 1', "not JSON"),
    "a list of texts": ('["rain", "sun"]', "expected an object"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_holds_no_queries_is_called_by_its_name(tmp_path: Path, what: str) -> None:
    text, said = REFUSED[what]
    (tmp_path / "topics").write_text(text)
    with pytest.raises((BadFile, DuplicateId), match="topics") as refused:
        read_topics(tmp_path / "topics")
    assert said in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_mark_of_the_byte_order_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    for name, text in {"topics.xml": FORMS["covid"][0], "topics.tsv": "1\tcoronavirus origin\n"}.items():
        (tmp_path / name).write_bytes(text.encode(encoding))
        assert [query.text for query in read_topics(tmp_path / name).queries] == ["coronavirus origin"]


def test_what_an_xml_declaration_says_of_the_encoding_counts_and_other_bytes_are_refused_with_the_way_out(
    tmp_path: Path,
) -> None:
    body = '<topics><topic number="1"><title>El Niño</title></topic></topics>'
    (tmp_path / "t.xml").write_bytes(f'<?xml version="1.0" encoding="ISO-8859-1"?>{body}'.encode("latin-1"))
    assert [query.text for query in read_topics(tmp_path / "t.xml").queries] == ["El Niño"]
    (tmp_path / "t.xml").write_bytes(body.encode("latin-1"))
    with pytest.raises(BadFile, match=r"not UTF-8.*\n.*iconv -f latin1 -t utf-8 t.xml"):
        read_topics(tmp_path / "t.xml")
    for encoding in ("utf-16-le", "utf-16-be"):
        (tmp_path / "t.xml").write_bytes(body.encode(encoding))
        with pytest.raises(
            BadFile, match=f"without a byte order mark.*\n.*iconv -f {encoding.replace('16-', '16')} -t utf-8 t.xml"
        ):
            read_topics(tmp_path / "t.xml")


def test_a_line_is_named_where_a_topic_goes_wrong(tmp_path: Path) -> None:
    (tmp_path / "topics").write_text(
        "<topics>\n<topic number='1'><title>x</title></topic>\n<topic><title>y</title></topic>\n"
    )
    with pytest.raises(BadFile, match=r"topics:3: a <topic> without a number"):
        read_topics(tmp_path / "topics")


def test_lines_without_ids_have_their_numbers_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("how do I undo\n\nwhy is the sky\n")
    assert [(query.id, query.text) for query in read_topics(tmp_path / "log.txt", line_ids=True).queries] == [
        ("1", "how do I undo"),
        ("3", "why is the sky"),
    ]


@pytest.mark.parametrize(
    "piece", ["<!-- ", "<![CDATA[", "<b>", "<title>", "<", "<topic number='1'", "&lt;", "</x>", "<?"]
)
def test_what_a_file_repeats_is_read_or_refused(tmp_path: Path, piece: str) -> None:
    (tmp_path / "topics").write_text(f"<topic number='1'><title>x {piece * 20_000}</topic>")
    try:
        (query,) = read_topics(tmp_path / "topics").queries
    except BadFile as refused:
        assert "hint:" in str(refused) or "not closed" in str(refused)  # noqa: PT017
    else:
        assert query.text.startswith("x")


def test_a_beir_folders_queries_are_read_by_the_same_rules(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text("")
    rows = [{"_id": "1", "text": "rain", "metadata": {"url": "x"}}, {"_id": "2", "text": "sun", "metadata": {}}]
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_topics(tmp_path)
    assert ([query.text for query in found.queries], found.remarks) == (["rain", "sun"], ())


def test_an_id_that_an_object_gives_to_two_queries_is_refused(tmp_path: Path) -> None:
    (tmp_path / "topics.json").write_text('{"1": "a", "2": "b", "1": "c"}')
    with pytest.raises(DuplicateId, match=r"topics\.json: an object has '1' twice"):
        read_topics(tmp_path / "topics.json")
