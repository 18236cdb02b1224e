"""What transformers would make of a tokenizer's files: the same tokens as ``tokenizer.json`` gives, or a refusal.

Source: ``PreTrainedTokenizerBase``, ``TokenizersBackend``, ``BertTokenizer`` and ``AutoTokenizer`` of transformers
5.23, which read ``tokenizer_config.json`` and, where that has no ``added_tokens_decoder``, ``special_tokens_map.json``
and ``added_tokens.json``. A key that none of them reads has no effect there and is left alone here; a test lists the
keys that they read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rankladder.checkpoint.added_tokens import (
    SAVE_AGAIN,
    SETTINGS,
    TOKENIZER,
    added_tokens,
    check_decoder,
    check_known,
    check_named,
)
from rankladder.checkpoint.bert_tokenizer import check_rebuilt
from rankladder.checkpoint.beside import expect_no_processor
from rankladder.checkpoint.jsonfile import ELSEWHERE, Section
from rankladder.errors import BadConfig

SPECIALS_MAP, ADDED_TOKENS = "special_tokens_map.json", "added_tokens.json"

TYPES = "token_type_ids"

UNBOUNDED = 1_000_000
"""transformers writes about 1e30 for a tokenizer without a limit; anything from here on says nothing."""

LEAST = 8
"""Three tokens frame a pair; less than this leaves no room for one."""

GENERIC = {"TokenizersBackend", "PreTrainedTokenizer", "PreTrainedTokenizerFast", "PythonBackend"}
"""Classes that read ``tokenizer.json`` unchanged, and give no token types unless the settings name them."""

BERT_CLASSES = {"BertTokenizer": True, "DistilBertTokenizer": False}
"""Classes that rebuild a BERT tokenizer from the vocabulary and the settings → whether they give token types."""

REFUSED = (
    "_json_padding",
    "_json_truncation",
    "_spm_precompiled_charsmap",
    "fast_tokenizer_files",
    "from_slow",
    "gguf_file",
    "init_inputs",
    "post_processor",
    "tokenizer_object",
    "tokenizer_padding",
    "tokenizer_truncation",
)
"""Keys that would make transformers read another file, or another tokenizer, than ``tokenizer.json``."""


@dataclass(frozen=True, slots=True)
class TokenizerSettings:
    """What the settings beside a ``tokenizer.json`` add to it."""

    limit: int | None
    """``model_max_length``, where it says something."""
    gives_types: bool
    """Whether Sentence Transformers gives the network token types."""
    files: tuple[Path, ...]
    """The files that were read."""


def read_tokenizer_settings(folder: Path, tokenizer: object, config: Section) -> TokenizerSettings:
    """The settings of a BERT or ModernBERT tokenizer; ``tokenizer`` is the JSON in its ``tokenizer.json``.

    Raises BadConfig, naming file and key, where transformers would read a text, or cut a pair, otherwise than it is
    done here.
    """
    expect_no_processor(config)
    parsed = _object(folder / TOKENIZER, tokenizer)
    settings = _section(folder / SETTINGS)
    files = _check_common(folder, parsed, settings)
    _check_no_template(folder, settings)
    rebuilt = _rebuilt_class(config, settings)
    if rebuilt is not None:
        check_rebuilt(folder / TOKENIZER, parsed, settings)
    _check_case(parsed, settings)
    default = rebuilt is not None and BERT_CLASSES[rebuilt]
    return TokenizerSettings(read_limit(settings), _gives_types(settings, default=default), files)


def read_foreign_settings(folder: Path, tokenizer: object, config: Section, *, causal: bool) -> TokenizerSettings:
    """The settings of a tokenizer that transformers will build: what would cut, pad or split otherwise is refused.

    That both read texts alike is compared where it is built. A causal language model pads on the left with any
    settings, and has a chat template, which is read elsewhere.
    """
    expect_no_processor(config)
    settings = _section(folder / SETTINGS)
    files = _check_common(folder, _object(folder / TOKENIZER, tokenizer), settings, pads=not causal, flags=False)
    if not causal:
        _check_no_template(folder, settings)
    return TokenizerSettings(read_limit(settings), _gives_types(settings, default=True), files)


def read_limit(settings: Section) -> int | None:
    """``model_max_length``, or the older ``max_len``, where it says something; BadConfig where it is no length."""
    key = "model_max_length" if "model_max_length" in settings else "max_len"
    limit = settings.value(key)
    if limit is None:
        return None
    if not isinstance(limit, int | float) or isinstance(limit, bool) or limit < LEAST:
        settings.refuse(key, f"a number of at least {LEAST}")
    return int(limit) if limit < UNBOUNDED else None


def _check_common(
    folder: Path, parsed: Mapping[str, object], settings: Section, *, pads: bool = True, flags: bool = True
) -> tuple[Path, ...]:
    """What holds for every class of tokenizers; the files that were read."""
    expect_no_processor(settings)
    for key in REFUSED:
        settings.expect(key, None, [], {}, why=f"{TOKENIZER} reads the text unchanged")
    settings.expect("split_special_tokens", False, None, why="a special token in a text is read as one token here")
    _check_side(folder, parsed, settings, "truncation", why="only cutting on the right is implemented")
    if pads:
        _check_side(folder, parsed, settings, "padding", why="only padding on the right is implemented")
    _check_prefix_space(parsed, settings)
    added = added_tokens(folder / TOKENIZER, parsed)
    files = [settings.path] if settings.path.is_file() else []
    listed = settings.value("added_tokens_decoder")
    if "added_tokens_decoder" in settings:
        check_decoder(settings, listed, added, flags=flags)
    else:
        named, counted = _section(folder / SPECIALS_MAP), _section(folder / ADDED_TOKENS)
        files += [section.path for section in (named, counted) if section.path.is_file()]
        check_named(named, added)
        for token in counted.keys():  # noqa: SIM118 (a Section, not a dict)
            check_known(counted, token, token, added)
            if counted.value(token) != added[token]["id"]:
                counted.refuse(token, f"{added[token]['id']}, as in {TOKENIZER}")
    check_named(settings, added)
    padding = parsed.get("padding")
    pad = padding.get("pad_token") if isinstance(padding, dict) else None
    if isinstance(pad, str) and settings.value("pad_token") is None and pad not in added:
        raise BadConfig(
            f"{folder / TOKENIZER}: padding.pad_token: expected one of the added tokens, found {pad!r}", hint=SAVE_AGAIN
        )
    return tuple(files)


def _check_no_template(folder: Path, settings: Section) -> None:
    """Refuses a chat template: Sentence Transformers would write a pair by it instead of framing it."""
    why = "special tokens frame a pair here; if the model was trained like that, remove the template"
    settings.expect("chat_template", None, why=why)
    for path in (folder / "chat_template.jinja", folder / "chat_templates", folder / "chat_template.json"):
        if path.exists():
            raise BadConfig(f"{path}: expected no chat template for a classifier, found one", hint=why)


def _check_side(folder: Path, parsed: Mapping[str, object], settings: Section, what: str, *, why: str) -> None:
    """Refuses cutting or padding on the left, by the settings or, where they are silent, by ``tokenizer.json``."""
    key = f"{what}_side"
    if key in settings:
        settings.expect(key, "right", why=why)
        return
    section = parsed.get(what)
    side = section.get("direction", "Right") if isinstance(section, dict) else "Right"
    if side != "Right":
        raise BadConfig(f"{folder / TOKENIZER}: {what}.direction: expected 'Right', found {side!r}", hint=why)


def _check_prefix_space(parsed: Mapping[str, object], settings: Section) -> None:
    """Older versions of transformers write the setting over ``tokenizer.json``'s, newer ones do not."""
    steps = _steps(parsed.get("pre_tokenizer"), "pretokenizers")
    stated = {step["add_prefix_space"] for step in steps if isinstance(step.get("add_prefix_space"), bool)}
    if "add_prefix_space" in settings and len(stated) == 1:
        settings.expect("add_prefix_space", *stated, None, why=f"{TOKENIZER}'s pre_tokenizer differs")


def _check_case(parsed: Mapping[str, object], settings: Section) -> None:
    normalizer = parsed.get("normalizer")
    if isinstance(normalizer, dict) and normalizer.get("type") == "BertNormalizer":
        for key, inner in NORMALIZER:
            if key in settings:
                settings.expect(key, normalizer.get(inner), why=f"{TOKENIZER}'s normalizer differs")


NORMALIZER = (
    ("do_lower_case", "lowercase"),
    ("strip_accents", "strip_accents"),
    ("tokenize_chinese_chars", "handle_chinese_chars"),
)
"""Settings of BertTokenizer, and what ``tokenizer.json``'s BertNormalizer calls them."""


def _rebuilt_class(config: Section, settings: Section) -> str | None:
    """The class that rebuilds the tokenizer, None where ``tokenizer.json`` is read unchanged."""
    owner = settings if settings.value("tokenizer_class") is not None else config
    name = owner.value("tokenizer_class")
    if name is not None and not isinstance(name, str):
        owner.refuse("tokenizer_class", "a name")
    if config.value("model_type") == "modernbert":  # AutoTokenizer reads tokenizer.json under any class name
        return None
    kind = "BertTokenizer" if name is None else name.removesuffix("Fast")
    if kind in BERT_CLASSES:
        return kind
    if name not in GENERIC:
        owner.refuse("tokenizer_class", " or ".join(sorted({*BERT_CLASSES, *GENERIC})), hint=ELSEWHERE)
    return None


def _gives_types(settings: Section, *, default: bool) -> bool:
    if "model_input_names" not in settings:
        return default
    names = settings.value("model_input_names")
    known = {"input_ids", "attention_mask", TYPES}
    if (
        not isinstance(names, list)
        or not all(isinstance(name, str) for name in names)
        or not {"input_ids", "attention_mask"} <= {*names} <= known
    ):
        settings.refuse("model_input_names", "input_ids and attention_mask, and token_type_ids or not")
    return TYPES in names


def _steps(value: object, within: str) -> list[Mapping[str, object]]:
    """A step of ``tokenizer.json``, or those of a sequence of steps."""
    if not isinstance(value, dict):
        return []
    inner = value.get(within) if value.get("type") == "Sequence" else None
    return [step for step in inner if isinstance(step, dict)] if isinstance(inner, list) else [value]


def _section(path: Path) -> Section:
    return Section.read(path) if path.is_file() else Section(path, {})


def _object(path: Path, values: object) -> Mapping[str, object]:
    if not isinstance(values, dict):
        raise BadConfig(f"{path}: expected a JSON object")
    return values
