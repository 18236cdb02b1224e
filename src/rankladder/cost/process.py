"""The parent's hold on a worker process (``rankladder.cost.worker``)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from typing import Any

from rankladder import errors
from rankladder.cost.workload import Workload
from rankladder.errors import RankladderError, WorkerFailed


class Process:
    """A process that opens one model and does what it is asked. Close it, or leave its ``with`` block.

    Args:
        name: A model's name, a hub id, or a folder; for the peer a folder.
        options: Of ``Reranker.open``; for the peer ``dtype`` and ``max_tokens``.
        peer: Whether Sentence Transformers opens it, and not rankladder.

    Raises what opening the model raised there; WorkerFailed where that is no error of ours, or the process ended.
    """

    def __init__(self, name: str, options: dict[str, Any], *, peer: bool) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 — closed with the process
        start = time.perf_counter()
        self._process = subprocess.Popen(
            # -P: a file in the working folder does not replace a module. A session of its own: Ctrl-C is ours.
            [sys.executable, "-P", "-m", "rankladder.cost.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            start_new_session=True,
        )
        try:
            self.described = self.ask("open", peer=peer, name=name, options=options)
            self.load_s = time.perf_counter() - start
            """From the start of the process to a model that can score."""
        except BaseException:
            self.close()
            raise
        self.tokens: list[int] = []
        self.cut = 0
        """Pairs that were cut."""
        self.card_free: float | None = None
        """The part of a CUDA device's memory that was free once the model was warm; None for another device."""

    def read(self, workload: Workload) -> None:
        """Hands the texts over and warms the model up on them: ``tokens`` of each pair, ``cut``, ``card_free``."""
        read = self.ask("texts", pairs=workload.pairs, lists=workload.lists)
        self.tokens, self.cut, self.card_free = read["tokens"], read["cut"], read["card_free"]

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """The answer to a command.

        Raises the error that the worker met, as its own type where that is one of ours, else WorkerFailed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": command, **fields}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            kind = getattr(errors, answer["error"], None)
            if isinstance(kind, type) and issubclass(kind, RankladderError):
                raise kind(answer["message"])
            raise WorkerFailed(f"{answer['error']}: {answer['message']}")
        return answer

    def _ended(self) -> WorkerFailed:
        status = self._process.wait()
        self._stderr.seek(0)
        last = self._stderr.read()[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
        if status < 0:
            return WorkerFailed(
                f"the process was killed by signal {-status}",
                hint="signal 9 mostly means that memory ran out: use a smaller model, or --no-turns"
                if status == -9
                else None,
            )
        return WorkerFailed(f"the process ended with status {status}{f': {last}' if last else ''}")

    def close(self) -> None:
        """Ends the process; what it still does is lost."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue  # what was still to be sent has no reader
        self._process.wait()
        self._stderr.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
