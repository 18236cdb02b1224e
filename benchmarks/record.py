"""What every benchmark writes: its figures beside the machine, the versions, the commit and the command."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared"
"""Judged collections, beside the repository; they are not part of it."""

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


def write_results(name: str, figures: Mapping[str, Any]) -> Path:
    """Writes ``results/NAME.json`` and returns its path."""
    path = HERE / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    content = {
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        **_setting(),
        **figures,
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def collection(name: str) -> Path:
    """The folder of a judged collection; exits with a message where it is not beside the repository."""
    folder = SHARED / "data" / "eval" / name
    if not folder.is_dir():
        sys.exit(f"{name} is not in {folder.parent}: put a BEIR folder there")
    return folder


def _setting() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "commit": commit,
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "versions": {package: found for package in PACKAGES if (found := _version(package))},
    }


def _processor() -> str:
    from rankladder.rerank.processor import int8_path

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    flags = {word for line in lines if line.startswith("flags") for word in line.split()}
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{model}, {vectors}, int8 {int8_path()}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
