"""Claim: nothing damaged that is kept is believed, nothing stays stuck, and no damage ends the process.

Each trial damages one file (a bit, a block of zeros or of other bytes, a cut, more bytes, two blocks exchanged, the
file gone), sets its time back, and asks in a process of its own for everything that is kept there. What comes back must
be what was there before, or an error of rankladder's that names the damage. For one in ten of these what the hint says
is done too, and the answer must then be right; where there was no error, it must be right a second time.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rankladder.errors import RankladderError
from record import HERE, write_results

sys.path.insert(0, str(HERE.parent / "tests"))
from damage import KINDS, damage

WORDS = ("commit", "branch", "merge", "stash", "rebase", "tag")
_LOCKS = {"lock", ".lock", ".tantivy-meta.lock", ".tantivy-writer.lock"}
RIGHT, NAMED, MENDED = "right", "named", "named, and right after its hint was followed"
SILENT, STUCK, DIED, OTHER = "silent wrong", "stuck", "died", "another error"


class Subject(Protocol):
    """Something that is kept in a folder."""

    def make(self, folder: Path) -> None: ...

    def ask(self, folder: Path) -> Any:
        """Everything that it answers; two right answers are equal."""

    def mend(self, folder: Path) -> None:
        """What the hint of its errors says."""


class BuiltIndex:
    """An index in two segments, with deleted documents."""

    def make(self, folder: Path) -> None:
        from rankladder.retrieve import build_index

        (folder / "docs").mkdir()
        for number in range(60):
            words = " ".join(WORDS[(number * step) % len(WORDS)] for step in (1, 2, 5))
            (folder / "docs" / f"{number}.txt").write_text(f"{words} of page {number}")
        build_index([folder / "docs"], folder / "kept", progress=False)
        (folder / "docs" / "7.txt").write_text("another text of page 7 on commit")
        (folder / "docs" / "8.txt").unlink()
        build_index([folder / "docs"], folder / "kept", progress=False)

    def ask(self, folder: Path) -> Any:
        from rankladder.retrieve import open_index
        from rankladder.values import Query

        with open_index(folder / "kept") as index:
            found = [index.retrieve(Query("q", word), k=80) for word in (*WORDS, "page", "another")]
            texts = [(document.id, document.text) for document in index.documents()]
        # a build from nothing has no deleted documents, so its scores are others: ids alone, where they are equal
        return texts, [sorted((hit.document.id, hit.document.text) for hit in one.hits) for one in found]

    def mend(self, folder: Path) -> None:
        from rankladder.retrieve import build_index

        build_index([folder / "docs"], folder / "kept", progress=False)


class Embeddings:
    """Blocks of vectors, made again where they are not there."""

    digest, name, max_tokens = "toy" * 20, "toy", 8

    def make(self, folder: Path) -> None:
        for start in range(0, 60, 20):
            self._vectors(folder, range(start, start + 20))

    def ask(self, folder: Path) -> Any:
        return self._vectors(folder, range(60)).tolist()

    def mend(self, folder: Path) -> None: ...

    def _vectors(self, folder: Path, numbers: range) -> NDArray[np.float32]:
        from rankladder.retrieve.dense.index import document_vectors

        return document_vectors([f"text {number}" for number in numbers], self, cache=folder / "kept")  # type: ignore[arg-type]

    def encode_documents(self, documents: list[Any]) -> NDArray[np.float32]:
        seeds = [int(document.text.split()[1]) for document in documents]
        return np.array([np.random.default_rng(seed).standard_normal(16) for seed in seeds], np.float32)

    def documents_cut(self, documents: list[Any]) -> NDArray[np.bool_]:
        return np.zeros(len(documents), np.bool_)


class Scores:
    """Kept scores, those that are missing computed again."""

    def make(self, folder: Path) -> None:
        self.ask(folder)

    def ask(self, folder: Path) -> Any:
        from rankladder.scores import KeptScore, KeptScores, missing_places, pair_key, score_missing

        keys = [pair_key(f"query {n % 30}", f"text {n}") for n in range(600)]

        def score(places: Any) -> Generator[Any, None, None]:
            yield places, [KeptScore(place / 7 - 20, place % 5 == 0) for place in places]

        with KeptScores(folder / "kept", about={"model": "toy"}, named=("collection", "model")) as kept:
            score_missing(missing_places(keys, kept), keys, kept, score)
            return [(one.score, one.truncated) for one in kept.all(keys)]

    def mend(self, folder: Path) -> None: ...


class Stages:
    """A stage of a distillation, run again and read."""

    def make(self, folder: Path) -> None:
        self.ask(folder)

    def ask(self, folder: Path) -> Any:
        import pyarrow as pa

        from rankladder.distill.stage import Stage

        def rows(place: int) -> Any:
            return pa.table({"query": [f"q{place}"] * 50, "document": [f"text {place} {n}" for n in range(50)]})

        made = Stage(folder / "kept" / "mine", settings={"depth": 3}, inputs={"queries": "abc"}).run(
            [f"part {n}" for n in range(4)], rows, facts=lambda made: {"rows": made.rows}
        )
        return [table.to_pydict() for table in made.tables()], dict(made.facts)

    def mend(self, folder: Path) -> None: ...


class Graphs:
    """A tiny model's graph in the cache."""

    def make(self, folder: Path) -> None:
        import checkpoints

        checkpoints.write_ettin(folder / "model")
        self.ask(folder)

    def ask(self, folder: Path) -> Any:
        from rankladder import Reranker

        os.environ["RANKLADDER_CACHE"] = str(folder / "kept")
        reranker = Reranker.open(str(folder / "model"), engine="onnx", threads=1, dtype="fp32")
        return reranker.predict([("rain", "drops of rain"), ("rain", "mars")], progress=False).tolist()

    def mend(self, folder: Path) -> None: ...


SUBJECTS: dict[str, Subject] = {
    "index": BuiltIndex(),
    "kept scores": Scores(),
    "stage of a distillation": Stages(),
    "embeddings": Embeddings(),
    "graphs": Graphs(),
}


def asked(subject: Subject, folder: Path, *, mend: bool) -> tuple[str, Any]:
    """What a process of its own is answered: "answer", "refused", "another error" or "died", and what."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        warnings.simplefilter("ignore")
        try:
            if mend:
                subject.mend(folder)
            outcome: tuple[str, Any] = "answer", subject.ask(folder)
        except RankladderError as error:
            outcome = "refused", f"{type(error).__name__}: {error}"
        except BaseException as error:  # whatever else is raised is counted
            outcome = OTHER, repr(error)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(pickle.dumps(outcome))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return pickle.loads(content) if content else (DIED, status)


def trial(
    subject: Subject, pristine: Path, folder: Path, right: Any, draw: random.Random, kind: str, *, mend: bool
) -> tuple[str, str]:
    """What came of one damage, and the file that had it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(pristine, folder)
    files = sorted(path for path in (folder / "kept").rglob("*") if path.is_file() and path.name not in _LOCKS)
    file = draw.choice(files)
    if not damage(file, draw, kind):
        return "nothing altered", file.name
    first, what = asked(subject, folder, mend=False)
    if first in (DIED, OTHER):
        return first, f"{file.name}: {what}"
    if first == "answer" and what != right:
        return SILENT, file.name
    if first == "refused" and not mend:
        return NAMED, file.name
    second, again = asked(subject, folder, mend=True)
    if second != "answer" or again != right:
        return STUCK, f"{file.name}: {again!r:.200}"
    return (RIGHT if first == "answer" else MENDED), file.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="of each subject; graphs have a tenth")
    parser.add_argument("--mend-each", type=int, default=10, help="follow the hint after each so many errors")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for name, subject in SUBJECTS.items():
        draw, counts, examples = random.Random(f"{name} {options.seed}"), Counter[str](), []
        with tempfile.TemporaryDirectory() as temporary:
            pristine, folder = Path(temporary) / "pristine", Path(temporary) / "tried"
            pristine.mkdir()
            subject.make(pristine)
            right = asked(subject, pristine, mend=False)[1]
            for number in range(options.trials // 10 if name == "graphs" else options.trials):
                kind, mend = KINDS[number % len(KINDS)], number % options.mend_each == 0
                outcome, where = trial(subject, pristine, folder, right, draw, kind, mend=mend)
                counts[outcome] += 1
                if outcome in (SILENT, STUCK, DIED, OTHER):
                    examples.append(f"{outcome}: {where}")
        figures[name] = {outcome: counts[outcome] for outcome in (RIGHT, NAMED, MENDED, SILENT, STUCK, DIED, OTHER)}
        print(name, figures[name], *examples[:5], sep="\n  ", flush=True)
    print(write_results("faults", {"seed": options.seed, "faults": figures}))


if __name__ == "__main__":
    main()
