"""What this machine's processor offers: cores that may be used, and how it multiplies small integers."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
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
    """Cores granted by the smallest CPU quota of this process's control groups; None where there is none."""
    quotas = (_quota(folder) for folder in _control_groups())
    return min((quota for quota in quotas if quota is not None), default=None)


def _control_groups() -> Iterator[Path]:
    """Folders of the control groups that bound this process's CPU time (v2 and v1), each with those above it.

    Where the kernel names a group that is not mounted here, as inside some containers, what lies above it still counts.
    """
    try:
        groups = [line.split(":", 2) for line in _OWN_GROUPS.read_text().splitlines()]
    except OSError:
        groups = [["0", "", "/"], ["1", "cpu", "/"]]
    for _, controllers, path in groups:
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = _GROUPS / "cpu" if controllers else _GROUPS
        own = mount.joinpath(*(part for part in path.split("/") if part != ".."))
        yield own
        yield from (above for above in own.parents if above.is_relative_to(mount))


def _quota(group: Path) -> float | None:
    """Cores granted by a control group's own quota; None where it has none."""
    try:
        if (group / "cpu.max").exists():
            limit, period = (group / "cpu.max").read_text().split()
            return None if limit == "max" else int(limit) / int(period)
        limit = (group / "cpu.cfs_quota_us").read_text()
        return int(limit) / int((group / "cpu.cfs_period_us").read_text()) if int(limit) > 0 else None
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
