"""The worker process: holds one model, and does and times its tasks, a line of JSON for each.

Run as ``python -P -m rankladder.cost.worker`` by ``rankladder.cost.process``. Commands arrive on standard input,
answers leave on what was standard output; a library's prints go to standard error. It ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from rankladder.cost.load import Clock
from rankladder.memory import peak_memory

if TYPE_CHECKING:
    from rankladder.cost.subject import Subject


CARD_PASS_S, MOST_TIMES = 1.0, 1000
"""Seconds of a pass on a card, and how often it takes the pairs at most."""


class Worker:
    """The commands: one method each, from the fields of a command to those of its answer."""

    times = 1
    """How often a pass takes the pairs."""

    def open(self, *, peer: bool, name: str, options: dict[str, Any]) -> dict[str, Any]:
        """Opens the model."""
        self.subject = _open(peer, name, options)
        described = self.subject.describe()
        self.card = described["device"] if described["device"].startswith("cuda") else None
        """The CUDA device that it is on."""
        return {**described, "device_name": self.card and sys.modules["torch"].cuda.get_device_name(self.card)}

    def texts(self, *, pairs: list[tuple[str, str]], lists: list[tuple[str, list[str]]]) -> dict[str, Any]:
        """Takes the texts and warms the model up on them.

        On a card also on the lists, each of whose shapes costs something on its first sight there; and a pass takes the
        pairs in one call so often that it lasts ``CARD_PASS_S``: a few thousand tokens alone would measure launches.
        """
        self.pairs, self.lists = [(query, text) for query, text in pairs], lists
        tokens, cut = self.subject.lengths(self.pairs)
        if self.card is not None:
            for number in range(len(lists)):
                self.rank(number=number)
            for _ in range(3):  # so many pairs more at once take less time each
                self.times = max(1, min(MOST_TIMES, round(CARD_PASS_S / self.score()["seconds"])))
        return {"tokens": tokens, "cut": cut, "card_free": self._card_free()}

    def _card_free(self) -> float | None:
        """The part of the CUDA device's memory that nobody holds, 0 to 1."""
        if self.card is None:
            return None
        free, total = sys.modules["torch"].cuda.mem_get_info(self.card)
        return float(free / total)

    def tune(self, *, setting: int) -> dict[str, Any]:
        """Takes another setting."""
        self.subject.tune(setting)
        return {}

    def score(self) -> dict[str, Any]:
        """One timed pass over the pairs; the seconds for each time that it takes them."""
        pairs = self.pairs * self.times
        start = time.perf_counter()
        self.subject.score(pairs)
        return {"seconds": (time.perf_counter() - start) / self.times}

    def rank(self, *, number: int) -> dict[str, Any]:
        """One timed ranking of a list, and the processor time that it and all other programs used."""
        query, texts = self.lists[number % len(self.lists)]
        start = Clock.now()
        self.subject.rank(query, texts)
        return Clock.now().since(start)

    def memory(self) -> dict[str, Any]:
        """The peak so far."""
        peak, source = peak_memory()
        held = sys.modules["torch"].cuda.max_memory_reserved(self.card) / 2**20 if self.card else None
        return {"peak_mb": peak, "source": source, "device_peak_mb": held}

    def gflops(self, *, width: int) -> dict[str, Any]:
        """Matrix products alone."""
        return {"gflops": self.subject.gflops(width)}


def _open(peer: bool, name: str, options: dict[str, Any]) -> Subject:
    """Either library is imported only where it is measured."""
    if peer:
        from rankladder.cost.peer import PeerSubject

        return PeerSubject(name, options)
    from rankladder.cost.subject import RerankerSubject

    return RerankerSubject(name, options)


def serve(commands: TextIO, answers: TextIO) -> None:
    """Answers every command until there are no more; an error is an answer too."""
    worker = Worker()
    for line in commands:
        fields = json.loads(line)
        run: Callable[..., dict[str, Any]] = getattr(worker, fields.pop("do"))
        try:
            answer = run(**fields)
        except Exception as error:  # any error of a library is this model's result
            answer = {"error": type(error).__name__, "message": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serves the process that started this one."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    warnings.simplefilter("ignore")
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
