"""No two documents of an index share an id."""

from __future__ import annotations

from rankladder.errors import DuplicateId
from rankladder.retrieve.index import Index
from rankladder.retrieve.plan import Plan
from rankladder.textfiles import Source
from rankladder.values import Document


class DistinctIds:
    """The ids of an index as it is built: those just read in memory, those kept from before in the live index."""

    def __init__(self, plan: Plan, live: Index | None) -> None:
        self._live = live if plan.carried else None
        self._kept = plan.carried
        self._sources = plan.to_read
        self._number = {source.name: number for number, source in enumerate(self._sources)}
        self._places: dict[str, int] = {}  # source number × 2^40 + line, 0 where the line is not known

    def add(self, document: Document, source: Source) -> None:
        """Raises DuplicateId, naming both places, for an id that is there already."""
        place = self._number[source.name] << 40 | _line(document)
        if document.id in self._places:
            first = self._places[document.id]
            raise self._twice(document.id, self._shown(first), place, one_file=first >> 40 == place >> 40)
        self._places[document.id] = place
        if self._live is not None and (name := self._live.source_of(document.id)) in self._kept:
            before = _place(str(name), _line(self._live.document(document.id)))
            raise self._twice(document.id, before, place, one_file=False)

    def _twice(self, id: str, first: str, second: int, *, one_file: bool) -> DuplicateId:
        again = self._shown(second)
        places = f"both in {first}" if first == again else f"{first} and {again}"
        hint = "make the ids unique, or leave the file out: --exclude FILE"
        if not one_file:
            hint = "--ids file puts each file's name before its ids, --exclude FILE leaves a file out"
        return DuplicateId(f"two documents have the id {id!r}: {places}", hint=hint)

    def _shown(self, place: int) -> str:
        return _place(self._sources[place >> 40].name, place & (1 << 40) - 1)


def _line(document: Document) -> int:
    """The line of a document, 0 where a record's own ``line`` hides it and is none."""
    line = document.metadata.get("line")
    return line if type(line) is int and 0 < line < 1 << 40 else 0


def _place(name: str, line: int) -> str:
    return f"{name}:{line}" if line else name
