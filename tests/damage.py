"""Damage as disks and programs do it, drawn from a seed."""

from __future__ import annotations

import os
import random
from pathlib import Path

KINDS = ("flip a bit", "zero a block", "other bytes", "cut", "lengthen", "remove", "swap blocks")


def damage(path: Path, draw: random.Random, kind: str) -> bool:
    """Damages a file, its time kept as it was; says whether anything is other than before."""
    before, times = path.read_bytes(), path.stat()
    data = bytearray(before)
    at = draw.randrange(len(data)) if data else 0
    end = at + draw.choice([1, 16, 512])
    if kind == "remove":
        path.unlink()
        return True
    if kind == "flip a bit" and data:
        data[at] ^= 1 << draw.randrange(8)
    elif kind == "zero a block":
        data[at:end] = bytes(len(data[at:end]))
    elif kind == "other bytes":
        data[at:end] = draw.randbytes(len(data[at:end]))
    elif kind == "cut":
        del data[at:]
    elif kind == "lengthen":
        data += draw.randbytes(draw.choice([1, 100]))
    elif kind == "swap blocks":
        data[at:end], data[:16] = data[:16], data[at:end]
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return bytes(data) != before
