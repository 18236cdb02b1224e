"""The most memory that this process has held."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory() -> tuple[float | None, str]:
    """Peak resident memory of this process in MiB, and where the figure comes from; None where nothing tells.

    Linux: VmHWM, which starts again with every program. ``ru_maxrss`` does not: it survives fork and exec, so a
    child's counts what its parent held. Elsewhere ``ru_maxrss`` is all there is. Both count pages of mapped files.
    """
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024, "VmHWM, peak resident memory with mapped files"
    except OSError:
        pass
    if sys.platform == "win32":
        return None, "not measured on Windows"
    import resource

    unit = 1024**2 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return peak, "ru_maxrss, which may count what the parent process held"


def available_share() -> float | None:
    """The part of this machine's memory that is free for programs, 0 to 1; None where nothing tells."""
    try:
        fields = {line.partition(":")[0]: line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines()}
        return int(fields["MemAvailable"]) / int(fields["MemTotal"])
    except (OSError, KeyError, IndexError, ValueError, ZeroDivisionError):
        return None
