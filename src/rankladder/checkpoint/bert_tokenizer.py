"""A BERT tokenizer as transformers builds it from vocabulary and settings, held against ``tokenizer.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn, cast

from rankladder.checkpoint.added_tokens import SAVE_AGAIN, SETTINGS, SPECIALS, TOKENIZER, added_tokens, content_of
from rankladder.checkpoint.jsonfile import Section
from rankladder.errors import BadConfig

BERT_SPECIALS = {key: f"[{key.removesuffix('_token').upper()}]" for key in SPECIALS[2:]}
"""BertTokenizer's own, where the settings name no others."""


def check_rebuilt(path: Path, parsed: Mapping[str, object], settings: Section) -> None:
    """Refuses a ``tokenizer.json`` that is not what BertTokenizer builds from its vocabulary and the settings."""
    names = {key: content_of(settings, key, settings.value(key)) or usual for key, usual in BERT_SPECIALS.items()}
    lower, accents = settings.flag("do_lower_case", default=True), settings.value("strip_accents")
    if accents is not None and not isinstance(accents, bool):
        settings.refuse("strip_accents", "true, false or null")
    built: dict[str, object] = {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": settings.flag("tokenize_chinese_chars", default=True),
            "strip_accents": accents,
            "lowercase": lower,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
    }
    for key, value in built.items():
        if parsed.get(key) != value:
            _refuse(path, key, value, parsed.get(key))
    model = parsed.get("model")
    model = model if isinstance(model, dict) else {}
    word_piece = {
        "unk_token": names["unk_token"],
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }
    if model.get("type", "WordPiece") != "WordPiece":
        _refuse(path, "model.type", "WordPiece", model.get("type"))
    for key, value in word_piece.items():
        if model.get(key) != value:
            _refuse(path, f"model.{key}", value, model.get(key))
    vocabulary = cast(Mapping[str, int], model["vocab"])
    added = added_tokens(path, parsed)
    listed = settings.value("added_tokens_decoder")
    kept = set(names.values()) | {
        str(token.get("content"))
        for token in (listed.values() if isinstance(listed, dict) else added.values())
        if isinstance(token, dict)
    }
    after = len(vocabulary)
    for token, entry in sorted(added.items(), key=lambda item: cast(int, item[1]["id"])):
        expected = vocabulary.get(token, after)
        after += token not in vocabulary
        if entry["id"] != expected or token not in kept:
            found = f"the id {entry['id']}" if token in kept else f"no such token in {SETTINGS}"
            raise BadConfig(
                f"{path}: the added token {token!r}: expected the id {expected}, found {found}", hint=SAVE_AGAIN
            )
    for key, token in names.items():
        if token not in added:
            raise BadConfig(f"{path}: expected the {key} {token!r} among the added tokens, found none", hint=SAVE_AGAIN)
    for section, token in _framing(parsed):
        if token not in (names["cls_token"], names["sep_token"]):
            raise BadConfig(
                f"{path}: post_processor.{section}: expected {names['cls_token']!r} and {names['sep_token']!r}, "
                f"as {SETTINGS} names them, found {token!r}",
                hint=SAVE_AGAIN,
            )


def _framing(parsed: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The special tokens of a template for pairs."""
    processor = parsed.get("post_processor")
    pair = processor.get("pair") if isinstance(processor, dict) else None
    for step in pair if isinstance(pair, list) else ():
        special = step.get("SpecialToken") if isinstance(step, dict) else None
        if isinstance(special, dict):
            yield "pair", str(special.get("id"))


def _refuse(path: Path, key: str, expected: object, found: object) -> NoReturn:
    raise BadConfig(
        f"{path}: {key}: expected {expected}, which transformers derives from the settings beside it, found {found}",
        hint=f"set do_lower_case, strip_accents and tokenize_chinese_chars in {SETTINGS} to match {TOKENIZER}, or "
        'set tokenizer_class to "PreTrainedTokenizerFast" and model_input_names to the inputs of its training',
    )
