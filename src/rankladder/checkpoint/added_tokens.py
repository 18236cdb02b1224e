"""The added tokens of ``tokenizer.json``, and what other files say about them: the same, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rankladder.checkpoint.jsonfile import Section, shown
from rankladder.errors import BadConfig

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
SPECIALS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
LISTS = ("additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens")

FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
"""Of an added token, with the defaults of the tokenizers library."""

SAVE_AGAIN = "save the tokenizer again with transformers, so that all of its files agree"

AddedTokens = Mapping[str, Mapping[str, object]]
"""Content → the token, as ``tokenizer.json`` writes it."""


def check_named(settings: Section, added: AddedTokens) -> None:
    """Refuses a special token that transformers would add to the tokenizer: it would split texts at it."""
    for key in settings.keys():  # noqa: SIM118 (a Section, not a dict)
        value = settings.value(key)
        if key in SPECIALS or (key.endswith("_token") and isinstance(value, str | dict)):
            token = content_of(settings, key, value)
            if token is not None:
                check_known(settings, key, token, added)
        if key in LISTS and value is not None:
            values = [*value.values()] if isinstance(value, dict) else value
            if not isinstance(values, list):
                settings.refuse(key, "a list of tokens")
            for each in values:
                token = content_of(settings, key, each)
                if token is None:
                    settings.refuse(key, "a list of tokens")
                check_known(settings, key, token, added)


def check_known(settings: Section, key: str, token: str, added: AddedTokens) -> None:
    """Refuses a token that is not among the added tokens of ``tokenizer.json``: BadConfig, naming the key."""
    if token not in added:
        raise BadConfig(
            f"{settings.path}: {key}: expected one of the added tokens of {TOKENIZER}, found {token!r}",
            hint=SAVE_AGAIN,
        )


def content_of(settings: Section, key: str, value: object) -> str | None:
    """The text of a token, which is written as a text or as an object."""
    if isinstance(value, dict):
        value = value.get("content")
        if value is None:
            settings.refuse(key, "a token, with its content")
    if value is not None and not isinstance(value, str):
        settings.refuse(key, "a token")
    return value


def check_decoder(settings: Section, listed: object, added: AddedTokens, *, flags: bool) -> None:
    """Refuses an ``added_tokens_decoder`` that has other tokens, ids or (``flags``) flags than ``tokenizer.json``."""
    key = "added_tokens_decoder"
    if not isinstance(listed, dict):
        settings.refuse(key, "an object of tokens")
    for place, token in listed.items():
        if not isinstance(token, dict) or not isinstance(token.get("content"), str) or not _is_id(place):
            settings.refuse(key, "token ids and tokens")
        content = token["content"]
        check_known(settings, key, content, added)
        entry = added[content]
        same = all(token.get(flag, usual) == entry.get(flag, usual) for flag, usual in FLAGS.items())
        if int(place) != entry["id"] or (flags and not same):
            settings.refuse(key, f"{content!r} as {TOKENIZER} has it: {dict(entry)}")


def added_tokens(path: Path, parsed: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The added tokens of the JSON in a ``tokenizer.json``; BadConfig for one without an id or a content."""
    listed = parsed.get("added_tokens", [])
    added: dict[str, Mapping[str, object]] = {}
    for token in listed if isinstance(listed, list) else ():
        if isinstance(token, dict) and isinstance(token.get("content"), str) and isinstance(token.get("id"), int):
            added[token["content"]] = token
        else:
            raise BadConfig(f"{path}: added_tokens: expected tokens with an id and a content, found {shown(token)}")
    return added


def _is_id(text: str) -> bool:
    return text.isdecimal() and len(text) < 11
