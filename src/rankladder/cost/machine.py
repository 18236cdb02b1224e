"""What a measurement was taken on: processor, cores, memory, and the versions of what computes."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rankladder.rerank.processor import int8_path, usable_cores

PACKAGES = (
    "rankladder",
    "onnxruntime",
    "tokenizers",
    "tantivy",
    "numpy",
    "torch",
    "transformers",
    "sentence-transformers",
)
"""The packages whose versions decide a speed or a score."""


def describe_machine() -> dict[str, Any]:
    """Processor, usable cores and Python, as every measurement records them."""
    return {"processor": processor(), "cores": usable_cores(), "python": platform.python_version()}


def processor() -> str:
    """The processor's name, its vector instructions, and how it multiplies 8-bit integers."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    name = model or platform.processor() or platform.machine()
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return f"{name}, int8 {int8_path()}"
    flags = {word for line in lines if line.startswith("flags") for word in line.split()}
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{name}, {vectors}, int8 {int8_path()}"


def installed_versions() -> dict[str, str]:
    """The versions of those of ``PACKAGES`` that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def shows_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver is loaded here, without importing torch to ask."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists()
