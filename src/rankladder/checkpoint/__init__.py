"""A folder or a hub id → weights that can be trusted: everything understood, or nothing loaded."""

from rankladder.checkpoint.compact import quantise_rows, write_compact
from rankladder.checkpoint.hub import UnpinnedRevision
from rankladder.checkpoint.network import Bert, Checkpoint, Dense, Int8Gate, ModernBert, Network, Norm
from rankladder.checkpoint.opening import is_local, open_checkpoint

__all__ = [
    "Bert",
    "Checkpoint",
    "Dense",
    "Int8Gate",
    "ModernBert",
    "Network",
    "Norm",
    "UnpinnedRevision",
    "is_local",
    "open_checkpoint",
    "quantise_rows",
    "write_compact",
]
