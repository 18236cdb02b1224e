"""The tokenizer of a checkpoint and the longest sequence that it may make."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from rankladder.checkpoint.added_tokens import TOKENIZER
from rankladder.checkpoint.jsonfile import Section, check_no_pointer, parse_json
from rankladder.checkpoint.layout import Layout
from rankladder.checkpoint.network import Bert, ModernBert
from rankladder.checkpoint.panics import panics_as
from rankladder.checkpoint.tokenizer_settings import LEAST, read_tokenizer_settings
from rankladder.errors import BadConfig, StorageFailed

LIMIT_BYTES, TOKEN_BYTES, SPARE_BYTES = 128 << 20, 1024, 4 << 20
"""Of a tokenizer.json: at most; for each row of the embedding; beside those. The largest published one has about 35 MB
for 262,144 rows, 130 bytes a row. Reading takes about 25 times the bytes in memory.
"""


@dataclass(frozen=True, slots=True)
class ReadTokenizer:
    """The tokenizer of a checkpoint, and what its files say about how it is used."""

    tokenizer: Tokenizer
    """With truncation and padding off."""
    content: bytes
    """Of tokenizer.json."""
    max_tokens: int
    """The longest sequence, special tokens included."""
    gives_types: bool
    """Whether a document's tokens have type 1; type 0 otherwise."""
    files: tuple[Path, ...]
    """The settings that were read."""


def open_tokenizer(folder: Path, layout: Layout) -> ReadTokenizer:
    """The tokenizer in a folder.

    Raises BadConfig where a token has no row in the embedding, a pair is not framed by three special tokens, or
    transformers would read the pair otherwise than it is read here.
    """
    path = folder / TOKENIZER
    tokenizer, content, parsed = load_tokenizer(path, rows=layout.network.encoder.vocabulary)
    settings = read_tokenizer_settings(folder, parsed, Section.read(folder / "config.json"))
    with _refusing_panics(path):
        _check_fit(path, tokenizer, layout)
    encoder = layout.network.encoder
    limit = settings.limit if layout.token_cap is None else layout.token_cap
    if isinstance(encoder, ModernBert) and layout.token_cap is not None and layout.token_cap > encoder.positions:
        raise BadConfig(
            f"{folder}: max_seq_length: expected at most max_position_embeddings, {encoder.positions}, "
            f"found {layout.token_cap}",
            hint="the network was not trained on longer sequences, but CrossEncoder would read them",
        )
    max_tokens = encoder.positions if limit is None else min(limit, encoder.positions)
    if max_tokens < LEAST:
        raise BadConfig(f"{folder}: expected sequences of at least {LEAST} tokens, found a limit of {max_tokens}")
    return ReadTokenizer(tokenizer, content, max_tokens, settings.gives_types, settings.files)


def load_tokenizer(path: Path, *, rows: int) -> tuple[Tokenizer, bytes, object]:
    """The tokenizer of a file, with truncation and padding off, the file's bytes, and the JSON in it.

    Raises BadConfig where the file is missing, is no tokenizer, or is too large for an embedding of ``rows`` rows.
    """
    try:
        most = min(LIMIT_BYTES, SPARE_BYTES + TOKEN_BYTES * rows)
        if path.is_file() and path.stat().st_size > most:
            raise BadConfig(
                f"{path}: expected at most {most:,} bytes for an embedding of {rows:,} rows, "
                f"found {path.stat().st_size:,}",
                hint="the tokenizer belongs to another model",
            )
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadConfig(
            f"{path}: no such file in the checkpoint",
            hint="save it with transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
        ) from None
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error}") from error
    check_no_pointer(path, content)
    try:
        parsed = parse_json(content)
        with _refusing_panics(path):
            tokenizer = Tokenizer.from_str(content.decode("utf-8"))
    except ValueError as error:
        raise BadConfig(f"{path}: not a tokenizer: {error}", hint="download the file again") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, content, parsed


def _refusing_panics(path: Path) -> AbstractContextManager[None]:
    return panics_as(
        lambda message: BadConfig(
            f"{path}: not a tokenizer that the library tokenizers can use: {message}", hint="download the file again"
        )
    )


def _check_fit(path: Path, tokenizer: Tokenizer, layout: Layout) -> None:
    encoder = layout.network.encoder
    last = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if last >= encoder.vocabulary or last < 0:
        raise BadConfig(
            f"{path}: expected token ids below {encoder.vocabulary}, the rows of the embedding, found {last}",
            hint="the tokenizer belongs to another model",
        )
    pair = tokenizer.encode("a", "b")
    frame = [place for place, special in enumerate(pair.special_tokens_mask) if special]
    ends = [0, pair.char_to_token(0, 1), len(pair) - 1]
    if len(frame) != 3 or tokenizer.num_special_tokens_to_add(is_pair=True) != 3 or ends[1] is None:
        raise BadConfig(
            f"{path}: expected a pair framed by three special tokens, [CLS] query [SEP] document [SEP], "
            f"found {pair.tokens}"
        )
    if frame != [0, ends[1] - 1, ends[2]]:
        raise BadConfig(f"{path}: expected [CLS] query [SEP] document [SEP], found {pair.tokens}")
    if isinstance(encoder, Bert):
        if max(pair.type_ids) >= encoder.types:
            raise BadConfig(f"{path}: expected token types below {encoder.types}, found {max(pair.type_ids)}")
        expected = [0] * ends[1] + [1] * (len(pair) - ends[1])
        if pair.type_ids != expected:
            raise BadConfig(f"{path}: expected the token types {expected} for {pair.tokens}, found {pair.type_ids}")
