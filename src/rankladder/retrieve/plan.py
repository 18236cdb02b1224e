"""What an update has to do: which sources are new, changed, gone, or as they were."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from rankladder.retrieve.manifest import Manifest, Settings, SourceState
from rankladder.textfiles import Source

_RACY_NS = 2_000_000_000  # a file touched this close to a scan may have changed again within one tick of its clock

new_digest = partial(hashlib.blake2b, digest_size=16)


@dataclass(slots=True)
class Plan:
    """Sources that are new, changed, as they were (``kept``) and gone; ``fresh`` starts from nothing and reads all."""

    fresh: bool
    sources: Sequence[Source]
    added: list[Source] = field(default_factory=list)
    changed: list[Source] = field(default_factory=list)
    kept: dict[str, SourceState] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    dead: int = 0

    @property
    def idle(self) -> bool:
        """Whether the index is up to date."""
        return not (self.fresh or self.added or self.changed or self.removed)

    @property
    def to_read(self) -> list[Source]:
        """The sources to read, in the order of their names."""
        again = {source.name for source in (*self.added, *self.changed)}
        return [source for source in self.sources if self.fresh or source.name in again]

    @property
    def carried(self) -> dict[str, SourceState]:
        """The state of the sources whose documents are taken over as they are."""
        return {} if self.fresh else self.kept

    @property
    def dropped(self) -> list[str]:
        """Names of the sources whose documents have to go from what is kept."""
        return [] if self.fresh else [*self.removed, *(source.name for source in self.changed)]


def compare(
    sources: Sequence[Source], manifest: Manifest | None, *, settings: Settings, roots: tuple[str, ...]
) -> Plan:
    """The plan that brings an index with this manifest (None for no index) up to date.

    A source is unchanged where size and time are the recorded ones and can be trusted: the folders are the same, and
    the file was not touched in the two seconds before the last scan. Else its content decides, by digest. An update
    that would leave more deleted documents than living ones is a fresh build: deleted ones weigh on scores and size.
    """
    if manifest is None:
        return Plan(fresh=True, sources=sources, added=list(sources))
    if manifest.settings != settings:
        return _afresh(sources, manifest)
    plan = Plan(fresh=False, sources=sources, dead=manifest.dead)
    for source in sources:
        state = manifest.sources.get(source.name)
        if state is None:
            plan.added.append(source)
        elif _unchanged(source, state, trusted=roots == manifest.roots, scanned_ns=manifest.scanned_ns):
            plan.kept[source.name] = replace(state, size=source.size, mtime_ns=source.mtime_ns)
        else:
            plan.changed.append(source)
    there = {source.name for source in sources}
    plan.removed = [name for name in manifest.sources if name not in there]
    plan.dead += sum(manifest.sources[name].documents for name in plan.dropped)
    if plan.dead > sum(state.documents for state in plan.kept.values()):
        plan.fresh, plan.dead = True, 0
    return plan


def is_racy(state: SourceState, scanned_ns: int) -> bool:
    """Whether a source was touched so close to the scan that its size and time do not tell a later change."""
    return state.mtime_ns >= scanned_ns - _RACY_NS


def _afresh(sources: Sequence[Source], manifest: Manifest) -> Plan:
    there = {source.name for source in sources}
    return Plan(
        fresh=True,
        sources=sources,
        added=[source for source in sources if source.name not in manifest.sources],
        changed=[source for source in sources if source.name in manifest.sources],
        removed=[name for name in manifest.sources if name not in there],
    )


def _unchanged(source: Source, state: SourceState, *, trusted: bool, scanned_ns: int) -> bool:
    if source.size != state.size or state.skipped.startswith("cannot be read"):  # a right to read shows in neither
        return False
    if trusted and source.mtime_ns == state.mtime_ns and not is_racy(state, scanned_ns):
        return True
    if not state.digest:  # it could not be read to its end
        return False
    try:
        with source.path.open("rb") as file:
            return hashlib.file_digest(file, new_digest).hexdigest() == state.digest
    except OSError:  # reading it says why, and skips it where that may be
        return False
