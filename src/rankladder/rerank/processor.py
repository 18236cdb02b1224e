"""What this machine's processor offers: cores that may be used, and how it multiplies small integers."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")
_CPUINFO = Path("/proc/cpuinfo")

Int8Path = Literal["vnni", "saturating", "unknown"]
"""``vnni``: sums of u8 × s8 do not overflow (VNNI, AMX, Arm dot product). ``saturating``: AVX2 without it. ``unknown``:
neither, or the processor could not be asked."""


def usable_cores() -> int:
    """Cores that this process may use: its affinity mask, cut by a container's quota (cgroup v1 or v2); at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _container_quota()
    return max(1, min(cores, int(quota)) if quota is not None else cores)


def _container_quota() -> float | None:
    """Cores granted by the container's CPU quota; None where there is none."""
    try:
        if _CGROUP_V2.exists():
            limit, period = _CGROUP_V2.read_text().split()
            return None if limit == "max" else int(limit) / int(period)
        limit = (_CGROUP_V1 / "cpu.cfs_quota_us").read_text()
        return int(limit) / int((_CGROUP_V1 / "cpu.cfs_period_us").read_text()) if int(limit) > 0 else None
    except (OSError, ValueError):
        return None


def int8_path() -> Int8Path:
    """How this processor multiplies 8-bit integers."""
    machine = platform.machine().lower()
    if machine in {"arm64", "aarch64"} and platform.system() == "Darwin":
        return "vnni"  # every Apple processor since the M1 has the dot-product instructions
    try:
        info = _CPUINFO.read_text(errors="replace")
    except OSError:
        return "unknown"
    flags = {
        word
        for line in info.splitlines()
        if line.lower().startswith(("flags", "features"))
        for word in line.partition(":")[2].split()
    }
    if flags & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}:
        return "vnni"
    return "saturating" if "avx2" in flags else "unknown"
