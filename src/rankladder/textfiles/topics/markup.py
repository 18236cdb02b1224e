"""Topics in SGML and XML, as TREC, CLEF, NTCIR and FIRE have written them: tags may be unclosed."""

from __future__ import annotations

import html
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from pathlib import Path

from rankladder.errors import BadFile
from rankladder.textfiles.topics.topic import ID_NAMES, JOINED, ROLE, Topic

_ELEMENTS = frozenset(
    [
        "top",
        "topic",
        "inex-topic",
        "inex_topic",
        "session",
        "productionrequest",
        "qapairs",
        "question",
        "query",
        "doc",
        "q",
    ]
)
"""What a topic's element is called; the first of these in a file is the one."""
_TAG = re.compile(r"<(/?)([a-z][\w:.-]*)((?:\s[^<>]*?)?)(/?)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_NUMBERED = re.compile(r"^<(\d+)>(.*?)(?=^</?\d+>|\Z)", re.DOTALL | re.MULTILINE)
_MARKUP = re.compile(r"^\s*<(?:\?xml|!doctype|!--|\d+>|[a-z][\w:.-]*[\s>])", re.IGNORECASE | re.MULTILINE)
_ASIDE = re.compile(r"<!--|<!\[CDATA\[|<\?|<!doctype[^<>]*>", re.IGNORECASE)
_ENDS = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
_LABEL = re.compile(
    r"\s*(?:number|topic|title|query|question|description|narrative|summary|domain|concepts?\(?s?\)?)\s*:\s*",
    re.IGNORECASE,
)
_PARTS = frozenset(["subtopic", "subtopics", "interaction", "interactions", "results", "answer", "answers"])
"""Elements inside a topic that hold queries of their own, which are not the topic's."""
_ABOUT = frozenset(
    [
        "docid",
        "url",
        "type",
        "dom",
        "con",
        "fac",
        "def",
        "nat",
        "time",
        "querytime",
        "querytweettime",
        "triggertweet",
        "lang",
        "language",
        "cochranedoi",
        "demographic",
        "other",
        "field",
    ]
)
_KNOWN = ID_NAMES | ROLE.keys() | _PARTS | _ABOUT | {*JOINED}
_HINT = "topics are <top> or <topic> elements with a number and a title or query, or lines of id<tab>text"


def is_markup(text: str) -> bool:
    """Whether a file's text is SGML or XML: its first line is, or a topic begins on a line of its own."""
    return bool(_MARKUP.match(text)) or re.search(r"^<top>", text, re.IGNORECASE | re.MULTILINE) is not None


def markup_topics(text: str, file: Path) -> Iterator[Topic]:
    """The topics of a file, in order. Raises BadFile, naming the line, for one without an id or that is not closed."""
    plain = _without_asides(text)
    lines = [place for place, sign in enumerate(plain) if sign == "\n"]

    def where(place: int) -> str:
        return f"{file}:{bisect(lines, place - 1) + 1}"

    if _NUMBERED.match(plain.lstrip()):
        for match in _NUMBERED.finditer(plain):
            yield Topic(where(match.start()), match[1], {"text": _words(match[2])})
        return
    tags = list(_TAG.finditer(plain))
    name = next((tag[2].lower() for tag in tags if not tag[1] and tag[2].lower() in _ELEMENTS), None)
    if name is None:
        shown = ", ".join(dict.fromkeys(f"<{tag[2]}>" for tag in tags[:200])) or "none"
        raise BadFile(f"{file}: no <top>, <topic> or <query> in it; the elements are {shown[:200]}", hint=_HINT)
    opened: re.Match[str] | None = None
    depth = 0
    for tag in tags:
        if tag[2].lower() != name:
            continue
        if tag[4]:
            if opened is None:
                yield _topic(tag, "", where(tag.start()))
            continue
        if tag[1] and depth:
            depth -= 1
        elif tag[1] and opened is not None:
            yield _topic(opened, plain[opened.end() : tag.start()], where(opened.start()))
            opened = None
        elif not tag[1] and opened is None:
            opened = tag
        elif not tag[1] and name in ROLE:  # <query><id>1</id><query>the words</query></query>
            depth += 1
        elif not tag[1] and opened is not None:
            line = where(tag.start()).rpartition(":")[2]
            raise BadFile(f"{where(opened.start())}: <{name}> is not closed before the next, on line {line}")
    if opened is not None:
        raise BadFile(
            f"{where(opened.start())}: <{name}> is not closed before the end of the file", hint="is the file whole?"
        )


def _topic(element: re.Match[str], body: str, where: str) -> Topic:
    attributes = _attributes(element)
    fields: dict[str, str] = {}
    for name, text in _fields(body):
        known = fields.get(name, "")
        if not known:
            fields[name] = text
        elif name in (*JOINED, ""):
            fields[name] = f"{known} {text}"
    ids = [_label_off(text) for name, text in fields.items() if name in ID_NAMES and text]
    ids += [text for name, text in attributes.items() if name in ID_NAMES and text]
    if not ids:
        raise BadFile(f"{where}: a <{element[2]}> without a number; it has {_listed(fields, attributes)}", hint=_HINT)
    kept = {name: _label_off(text) for name, text in fields.items() if name not in ID_NAMES and name}
    if "" in fields and not any(name in ROLE or name in JOINED for name in kept):
        kept["text"] = fields[""]
    templated = [f"{name.removeprefix('field ')} {text}" for name, text in kept.items() if name.startswith("field ")]
    if templated:
        kept["text"] = " ".join(templated)
    if not kept and attributes.get("name"):
        kept["name"] = attributes["name"]
    return Topic(where, " ".join(ids[0].split()), kept)


def _fields(body: str) -> Iterator[tuple[str, str]]:
    """The elements of a topic and their texts; "" for text that is in none. One may end where the next begins."""
    tags = list(_TAG.finditer(body))
    closes = _closes(tags)
    place, inside, skipped = 0, "", ""
    closed = False
    for number, tag in enumerate(tags):
        name = tag[2].lower()
        if skipped:
            if tag[1] and name == skipped:
                place, skipped = tag.end(), ""
            continue
        begins = not tag[1] and (name.rpartition("-")[2] in _KNOWN or not inside or not closed)
        ends = bool(tag[1]) and (name == inside.partition(" ")[0] or not inside)
        if not begins and not ends:
            continue  # formatting inside a text: <b>
        if words := _words(body[place : tag.start()]):
            yield inside, words
        place, inside = tag.end(), ""
        if begins and not tag[4]:
            named = _attributes(tag).get("name", "")
            inside, closed = f"field {named}" if name == "field" and named else name, closes[number]
            if name in _PARTS and closed:
                skipped, inside = name, ""
    if not skipped and (words := _words(body[place:])):
        yield inside, words


def _closes(tags: Sequence[re.Match[str]]) -> list[bool]:
    """For each tag whether the next of its name is an end tag."""
    following: dict[str, bool] = {}
    found = []
    for tag in reversed(tags):
        name = tag[2].lower()
        found.append(following.get(name, False))
        following[name] = bool(tag[1])
    return found[::-1]


def _attributes(tag: re.Match[str]) -> dict[str, str]:
    found = _ATTRIBUTE.finditer(tag[3])
    return {match[1].lower(): html.unescape(match[2] or match[3] or match[4] or "") for match in found}


def _words(text: str) -> str:
    """The words of a part: formatting tags left out, references resolved, white space made single."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _label_off(text: str) -> str:
    found = _LABEL.match(text)
    return text[found.end() :] if found else text


def _without_asides(text: str) -> str:
    """The text without comments and declarations, their line ends kept; CDATA as text. One pass for any content."""
    kept: list[str] = []
    place = 0
    last = {opener: text.rfind(end) for opener, end in _ENDS.items()}
    for match in _ASIDE.finditer(text):
        opener = match[0].upper()
        if match.start() < place or (opener in _ENDS and last[opener] < match.end()):
            continue
        end = text.find(_ENDS[opener], match.end()) if opener in _ENDS else match.end()
        held = text[match.end() : end]
        kept.append(text[place : match.start()])
        kept.append(html.escape(held, quote=False) if "CDATA" in opener else "\n" * held.count("\n"))
        place = end + len(_ENDS.get(opener, ""))
    kept.append(text[place:])
    return "".join(kept)


def _listed(*named: dict[str, str]) -> str:
    return ", ".join(name or "text" for one in named for name in one) or "nothing"
