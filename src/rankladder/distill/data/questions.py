"""The queries of a recipe's data, with their positives where these are known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankladder.distill.recipe.tables import Data, Recipe, weights_of
from rankladder.errors import BadFile, BadInput
from rankladder.textfiles.bytestream import endings, numbered_lines
from rankladder.textfiles.passages import cut_text
from rankladder.textfiles.records import json_objects


@dataclass(frozen=True, slots=True)
class Question:
    """A query and the texts that are known to answer it; none for a query log."""

    id: str
    text: str
    positives: tuple[str, ...]


def read_questions(data: Data, *, seed: int) -> list[Question]:
    """The questions of a data table, those with one text merged; ``max_queries`` of them, chosen by the seed.

    ``.jsonl`` (``.gz`` too): objects with ``query`` and, where known, ``positive``: a text or a list of texts, which
    ``passage_words`` may cut; then ``answers``, texts, tell which passages count. Any other name: a query a line; blank
    lines are passed over. An id is the data's name and a digest of the text, so a question keeps its id when others
    come and go.

    Raises BadFile, naming the line, for a record that cannot be read, and for a file without a query.
    """
    assert data.queries is not None
    path = Path(data.queries)
    positives: dict[str, dict[str, None]] = {}
    lines = (
        _records(path, data.passage_words)
        if ".jsonl" in endings(path)
        else ((line.strip(), ()) for _, line in numbered_lines(path))
    )
    for query, answers in lines:
        if query:
            positives.setdefault(query, {}).update(dict.fromkeys(answers if data.labels else ()))
    if not positives:
        raise BadFile(f"{path}: expected queries, found none")
    questions = [Question(f"{data.name}/{_digest(text)}", text, tuple(known)) for text, known in positives.items()]
    if data.max_queries is None or data.max_queries >= len(questions):
        return questions
    drawn = sorted(questions, key=lambda one: _draw(seed, one.id))[: data.max_queries]
    chosen = {one.id for one in drawn}
    return [one for one in questions if one.id in chosen]


def questions_of(recipe: Recipe) -> dict[str, list[Question]]:
    """The questions of each data table that has any, by its name. Raises what reading them raises."""
    return {one.name: read_questions(one, seed=recipe.seed) for one in recipe.data if one.queries}


def check_questions(recipe: Recipe, asked: Mapping[str, Sequence[Question]]) -> None:
    """Refuses what could only fail, or mislead, once it is labelled and paid for.

    Raises BadInput for one question alone, as one is held out; and where a teacher or a loss learns from known
    positives and a data table has none: each of its candidates would count as a wrong answer.
    """
    if sum(map(len, asked.values())) < 2 and not any(one.scored for one in recipe.data):
        raise BadInput(f"recipe {recipe.name}: one question is too few to train on: at least one is held out")
    reason = None
    if recipe.label is not None and any(teacher.model == "labels" for teacher in recipe.label.teachers):
        reason = "teacher labels"
    elif "bce" in weights_of(recipe.train.loss):
        reason = "loss bce"
    for name, questions in asked.items() if reason else ():
        if not any(question.positives for question in questions):
            raise BadInput(
                f"recipe {recipe.name}: {reason}: no question of data {name} has a known positive",
                hint="name positives in the queries, or leave it out",
            )


def _records(path: Path, passage_words: int | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    for number, record in json_objects(path):
        query = record.get("query")
        if not isinstance(query, str) or not query.strip():
            raise BadFile(
                f"{path}:{number}: expected a query, a text that is not blank, found {query!r:.60}",
                hint='each line is an object: {"query": "…", "positive": "…"}',
            )
        positives = _texts(record, "positive", f"{path}:{number}")
        if passage_words is not None:
            answers = list(_texts(record, "answers", f"{path}:{number}"))
            positives = (piece for text in positives for piece in _answering(text, answers, passage_words))
        yield query.strip(), tuple(positives)


def _answering(text: str, answers: Sequence[str], words: int) -> list[str]:
    """The passages of a positive that hold an answer; the first one where none does."""
    pieces = cut_text(text, words=words)
    return [piece for piece in pieces if any(answer in piece for answer in answers)] or pieces[:1]


def _texts(record: Mapping[str, Any], key: str, where: str) -> Iterator[str]:
    value = record.get(key, ())
    for text in [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]:
        if not isinstance(text, str):
            raise BadFile(f"{where}: expected {key} to be a text or a list of texts, found {value!r:.60}")
        if text.strip():
            yield text.strip()


def _draw(seed: int, id: str) -> bytes:
    """What decides whether a question is taken: its own, so that most of a choice stays when others come and go."""
    return hashlib.sha256(f"{seed} {id}".encode()).digest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
