"""The tokenizer of a checkpoint and the longest sequence that it may make."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from rankladder.checkpoint.jsonfile import Section, parse_json
from rankladder.checkpoint.layout import Layout
from rankladder.checkpoint.network import Bert
from rankladder.errors import BadConfig, StorageFailed

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"

TYPES = "token_type_ids"

UNBOUNDED = 1_000_000
"""transformers writes about 1e30 for a tokenizer without a limit; anything from here on says nothing."""

LEAST = 8
"""Three tokens frame a pair; less than this leaves no room for one."""


def open_tokenizer(folder: Path, layout: Layout) -> tuple[Tokenizer, bytes, int]:
    """The tokenizer with truncation and padding off, the bytes of its file, and the longest sequence in tokens.

    Raises BadConfig where a token has no row in the embedding, a pair is not framed by three special tokens, or
    transformers would read the pair otherwise than it is read here.
    """
    path = folder / TOKENIZER
    tokenizer, content, parsed = load_tokenizer(path)
    _check_fit(path, tokenizer, layout)
    limits = [layout.network.encoder.positions, layout.token_cap]
    if (folder / SETTINGS).is_file():
        limits.append(_read_settings(folder / SETTINGS, parsed, layout))
    max_tokens = min(limit for limit in limits if limit is not None)
    if max_tokens < LEAST:
        raise BadConfig(f"{folder}: expected sequences of at least {LEAST} tokens, found a limit of {max_tokens}")
    return tokenizer, content, max_tokens


def load_tokenizer(path: Path) -> tuple[Tokenizer, bytes, object]:
    """The tokenizer of a file, with truncation and padding off, the file's bytes, and the JSON in it.

    Raises BadConfig where the file is missing or is no tokenizer.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadConfig(
            f"{path}: no such file in the checkpoint",
            hint="save it with transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
        ) from None
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error}") from error
    try:
        parsed = parse_json(content)
        tokenizer = Tokenizer.from_str(content.decode("utf-8"))
    except Exception as error:  # the tokenizers library raises bare Exception
        raise BadConfig(f"{path}: not a tokenizer: {error}", hint="download the file again") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, content, parsed


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


def _read_settings(path: Path, tokenizer: object, layout: Layout) -> int | None:
    """model_max_length where it says something; BadConfig where transformers would tokenise otherwise than the file."""
    settings = Section.read(path)
    inputs = settings.value("model_input_names", [TYPES])
    if isinstance(layout.network.encoder, Bert) and not (isinstance(inputs, list) and TYPES in inputs):
        settings.refuse("model_input_names", f"{TYPES} among them: a document has token type 1 here")
    normalizer = tokenizer.get("normalizer") if isinstance(tokenizer, dict) else None
    if isinstance(normalizer, dict) and normalizer.get("type") == "BertNormalizer":
        for key, inner in (
            ("do_lower_case", "lowercase"),
            ("strip_accents", "strip_accents"),
            ("tokenize_chinese_chars", "handle_chinese_chars"),
        ):
            if key in settings:
                settings.expect(key, normalizer.get(inner), why=f"{TOKENIZER}'s normalizer says otherwise")
    return read_limit(settings)


def read_limit(settings: Section) -> int | None:
    """``model_max_length`` where it says something; BadConfig for another way of cutting or splitting than ours."""
    settings.expect("truncation_side", "right", why="only cutting on the right is implemented")
    settings.expect("split_special_tokens", False, None, why="a special token in a text is read as one token here")
    limit = settings.value("model_max_length")
    if limit is None:
        return None
    if not isinstance(limit, int | float) or isinstance(limit, bool) or limit < LEAST:
        settings.refuse("model_max_length", f"a number of at least {LEAST}")
    return int(limit) if limit < UNBOUNDED else None
