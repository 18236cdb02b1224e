"""A folder or a hub id → weights that can be trusted: everything understood, or nothing loaded."""

from rankladder.checkpoint.compact import quantise_rows, write_compact, write_expanded
from rankladder.checkpoint.families import foreign_family
from rankladder.checkpoint.folder import read_checkpoint, read_tokens
from rankladder.checkpoint.foreign import Foreign, read_foreign
from rankladder.checkpoint.hub import UnpinnedRevision
from rankladder.checkpoint.network import Bert, Checkpoint, Dense, Int8Gate, ModernBert, Network, Norm
from rankladder.checkpoint.opening import Found, find_checkpoint, is_local, open_checkpoint

__all__ = [
    "Bert",
    "Checkpoint",
    "Dense",
    "Foreign",
    "Found",
    "Int8Gate",
    "ModernBert",
    "Network",
    "Norm",
    "UnpinnedRevision",
    "find_checkpoint",
    "foreign_family",
    "is_local",
    "open_checkpoint",
    "quantise_rows",
    "read_checkpoint",
    "read_foreign",
    "read_tokens",
    "write_compact",
    "write_expanded",
]
