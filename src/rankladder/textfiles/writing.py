"""Documents, written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rankladder.arguments import checked
from rankladder.errors import BadInput
from rankladder.storage import whole_file
from rankladder.textfiles.fields import ID_KEYS, TEXT_KEYS, TITLE_KEY, TITLE_KEYS, known_fields
from rankladder.textfiles.records import without_surrogates
from rankladder.values import Document


@checked
def write_documents_jsonl(documents: Iterable[Document], path: str | Path) -> None:
    """Writes one object a line: ``_id``, ``title`` where there is one, ``text``, then the metadata's own keys.

    ``read_documents`` gives the same documents back, with the file and the line added to metadata that lacks them.
    Raises BadInput for metadata that JSON cannot hold or that uses a reserved key, and StorageFailed.
    """
    with whole_file(Path(path)) as file:
        for document in documents:
            file.write(json.dumps(_record(document), ensure_ascii=False) + "\n")


def _record(document: Document) -> dict[str, Any]:
    if not document.id:
        raise BadInput("a document to be written has an empty id")
    taken = {ID_KEYS[0], TEXT_KEYS[0], TITLE_KEY} & document.metadata.keys()
    if taken:
        raise BadInput(f"document {document.id!r}: metadata has the reserved key {min(taken)!r}")
    record: dict[str, Any] = {ID_KEYS[0]: document.id}
    if document.title or known_fields([*document.metadata], TITLE_KEYS):  # else one of these would be read as the title
        record[TITLE_KEY] = document.title
    record[TEXT_KEYS[0]] = document.text
    for key, value in document.metadata.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise BadInput(f"document {document.id!r}: metadata {key!r} cannot be written as JSON: {error}") from error
        record[key] = value
    clean: dict[str, Any] = without_surrogates(record)
    return clean
