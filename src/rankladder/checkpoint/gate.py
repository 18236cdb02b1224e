"""``int8.json``: measurements of what int8 does to a model's quality, kept beside its weights."""

from __future__ import annotations

from pathlib import Path

from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.network import Int8Gate

GATE = "int8.json"


def read_gate(folder: Path) -> tuple[Int8Gate, ...]:
    """The measurements of a folder, none where it has no ``int8.json``."""
    path = folder / GATE
    if not path.is_file():
        return ()
    file = Section.read(path)
    rows = file.value("measurements")
    file.finish()
    if not isinstance(rows, list):
        file.refuse("measurements", "a list")
    gates: list[Int8Gate] = []
    for place, values in enumerate(rows):
        if not isinstance(values, dict):
            file.refuse("measurements", f"an object at place {place}")
        row = Section(path, values, within=f"measurements[{place}]")
        dataset = row.value("dataset")
        if not isinstance(dataset, str) or not dataset:
            row.refuse("dataset", "a name")
        gate = Int8Gate(dataset, fp32=row.number("fp32"), int8=row.number("int8"))
        row.finish()
        gates.append(gate)
    return tuple(gates)
