"""A folder of files → a Checkpoint, or a refusal that says why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from rankladder.arguments import checked
from rankladder.checkpoint.added_tokens import TOKENIZER
from rankladder.checkpoint.bert import TYPE_EMBEDDINGS
from rankladder.checkpoint.beside import check_beside
from rankladder.checkpoint.classifier import read_classifier
from rankladder.checkpoint.digests import check_digests, checkpoint_digest
from rankladder.checkpoint.families import foreign_family
from rankladder.checkpoint.gate import read_gate
from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.layout import Layout
from rankladder.checkpoint.modular import MODULES, read_modular
from rankladder.checkpoint.network import Bert, Checkpoint
from rankladder.checkpoint.tensorfile import INDEX
from rankladder.checkpoint.tokens import ReadTokenizer, open_tokenizer
from rankladder.checkpoint.weights import Weights, open_weights


def read_layout(folder: Path) -> Layout:
    """What the configs of a folder describe: a modular cross-encoder, or a sequence classifier.

    Raises BadConfig for another architecture; the hint names the engine where one runs it.
    """
    check_beside(folder)
    if foreign_family(folder) is not None:
        Section.read(folder / "config.json").refuse(
            "model_type",
            "'bert' or 'modernbert'",
            hint='engine="sentence-transformers" runs this architecture (extra sentence-transformers)',
        )
    return read_modular(folder) if (folder / MODULES).is_file() else read_classifier(folder)


@checked
def read_checkpoint(folder: Path, *, name: str, revision: str | None = None) -> Checkpoint:
    """The checkpoint in a folder, read and understood in full.

    Raises CheckpointRefused (BadConfig, BadTensor, UnsafeFile) for anything that is not.
    """
    layout = read_layout(folder)
    weights = open_weights(folder, layout)
    read = open_tokenizer(folder, layout)
    check_digests(folder, files_read(folder, layout, weights, read))
    if isinstance(layout.network.encoder, Bert) and not read.gives_types:
        weights = weights.with_one_row(TYPE_EMBEDDINGS)
    return Checkpoint(
        name=name,
        folder=folder,
        revision=revision,
        network=layout.network,
        weights=weights,
        tokenizer=read.tokenizer,
        max_tokens=read.max_tokens,
        digest=checkpoint_digest(layout.network, weights, read.content),
        tokenizer_digest=hashlib.sha256(read.content).hexdigest(),
        int8_gate=read_gate(folder),
    )


@dataclass(frozen=True, slots=True)
class Tokens:
    """The parts of a checkpoint that read texts: its tokenizer and the longest sequence, special tokens included."""

    tokenizer: Tokenizer
    tokenizer_digest: str
    max_tokens: int
    vocabulary: int


def read_tokens(folder: Path) -> Tokens:
    """The parts of a checkpoint that read texts; its weights are not opened. Raises CheckpointRefused."""
    layout = read_layout(folder)
    read = open_tokenizer(folder, layout)
    digest = hashlib.sha256(read.content).hexdigest()
    return Tokens(read.tokenizer, digest, read.max_tokens, layout.network.encoder.vocabulary)


def files_read(folder: Path, layout: Layout, weights: Weights, tokenizer: ReadTokenizer) -> list[Path]:
    """The files that decide the scores: configs, tokenizer and weights."""
    files = {*layout.configs, folder / TOKENIZER, *tokenizer.files}
    files |= {weight.stored.file for weight in weights.stored.values()}
    return sorted(files | {path for part in layout.parts if (path := folder / part / INDEX).is_file()})
