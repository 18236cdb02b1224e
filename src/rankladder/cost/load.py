"""How busy the machine is with other programs while something is timed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment: wall time, this process's processor time, and all processors' busy time, each in seconds; ``busy`` is
    None where the system does not say.
    """

    wall: float
    processor: float
    busy: float | None

    @classmethod
    def now(cls) -> Clock:
        """This moment."""
        return cls(time.perf_counter(), time.process_time(), _busy_seconds())

    def since(self, start: Clock) -> dict[str, float | None]:
        """``seconds`` passed, ``processor`` seconds that this process used, and ``others``: processor seconds that all
        other programs used at the same time, None where the system does not report it. The system counts in
        hundredths of a second.
        """
        processor = self.processor - start.processor
        others = None
        if self.busy is not None and start.busy is not None:
            others = max(0.0, self.busy - start.busy - processor)
        return {"seconds": self.wall - start.wall, "processor": processor, "others": others}


def _busy_seconds() -> float | None:
    """Seconds that all processors together were not idle since the start of the machine; Linux alone says so."""
    try:
        fields = _STAT.read_text().split("\n", 1)[0].split()
        user, nice, system, _idle, _waiting, *rest = (int(field) for field in fields[1:9])
        return float(user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None
