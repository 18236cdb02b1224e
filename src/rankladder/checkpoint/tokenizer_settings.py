"""What transformers would make of a tokenizer's files: the same tokens as ``tokenizer.json`` gives, or a refusal.

Source: ``PreTrainedTokenizerBase``, ``TokenizersBackend``, ``BertTokenizer`` and ``AutoTokenizer`` of transformers
5.23, which read ``tokenizer_config.json`` and, where that has no ``added_tokens_decoder``, ``special_tokens_map.json``
and ``added_tokens.json``. A key that none of them reads has no effect there and is left alone here; a test lists the
keys that they read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

from rankladder.checkpoint.beside import expect_no_processor
from rankladder.checkpoint.jsonfile import Section
from rankladder.errors import BadConfig

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
SPECIALS_MAP, ADDED_TOKENS = "special_tokens_map.json", "added_tokens.json"

TYPES = "token_type_ids"

UNBOUNDED = 1_000_000
"""transformers writes about 1e30 for a tokenizer without a limit; anything from here on says nothing."""

LEAST = 8
"""Three tokens frame a pair; less than this leaves no room for one."""

ELSEWHERE = 'engine="sentence-transformers" (--model NAME,engine=sentence-transformers) may run it'

SAVE_AGAIN = "save the tokenizer again with transformers, so that all of its files say the same"

GENERIC = {"TokenizersBackend", "PreTrainedTokenizer", "PreTrainedTokenizerFast", "PythonBackend"}
"""Classes that read ``tokenizer.json`` as it stands, and give no token types unless the settings name them."""

BERT_CLASSES = {"BertTokenizer": True, "DistilBertTokenizer": False}
"""Classes that build a BERT tokenizer anew from the vocabulary and the settings → whether they give token types."""

SPECIALS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
BERT_SPECIALS = {key: f"[{key.removesuffix('_token').upper()}]" for key in SPECIALS[2:]}
"""BertTokenizer's own, where the settings name no others."""

LISTS = ("additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens")

FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
"""Of an added token, with the defaults of the tokenizers library."""

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
        _check_rebuilt(folder / TOKENIZER, parsed, settings)
    _check_case(parsed, settings)
    default = rebuilt is not None and BERT_CLASSES[rebuilt]
    return TokenizerSettings(read_limit(settings), _gives_types(settings, default=default), files)


def read_foreign_settings(folder: Path, tokenizer: object, config: Section, *, causal: bool) -> TokenizerSettings:
    """The settings of a tokenizer that transformers will build: what would cut, pad or split otherwise is refused.

    That both read texts alike is compared where it is built. A causal language model pads on the left whatever its
    settings say, and has a chat template, which is read elsewhere.
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
        settings.expect(key, None, [], {}, why=f"the text is read by {TOKENIZER} as it stands")
    settings.expect("split_special_tokens", False, None, why="a special token in a text is read as one token here")
    _check_side(folder, parsed, settings, "truncation", why="only cutting on the right is implemented")
    if pads:
        _check_side(folder, parsed, settings, "padding", why="only padding on the right is implemented")
    _check_prefix_space(parsed, settings)
    added = _added_tokens(folder / TOKENIZER, parsed)
    files = [settings.path] if settings.path.is_file() else []
    listed = settings.value("added_tokens_decoder")
    if "added_tokens_decoder" in settings:
        _check_decoder(settings, listed, added, flags=flags)
    else:
        named, counted = _section(folder / SPECIALS_MAP), _section(folder / ADDED_TOKENS)
        files += [one.path for one in (named, counted) if one.path.is_file()]
        _check_named(named, added)
        for token in counted.keys():  # noqa: SIM118 (a Section, not a dict)
            _check_known(counted, token, token, added)
            if counted.value(token) != added[token]["id"]:
                counted.refuse(token, f"{added[token]['id']}, as in {TOKENIZER}")
    _check_named(settings, added)
    padding = parsed.get("padding")
    pad = padding.get("pad_token") if isinstance(padding, dict) else None
    if isinstance(pad, str) and settings.value("pad_token") is None and pad not in added:
        raise BadConfig(
            f"{folder / TOKENIZER}: padding.pad_token: expected one of the added tokens, found {pad!r}", hint=SAVE_AGAIN
        )
    return tuple(files)


def _check_no_template(folder: Path, settings: Section) -> None:
    """Refuses a chat template: Sentence Transformers would write a pair by it instead of framing it."""
    why = "a pair is framed by special tokens here; remove the template where the model was trained so"
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
        settings.expect("add_prefix_space", *stated, None, why=f"{TOKENIZER}'s pre_tokenizer says otherwise")


def _check_case(parsed: Mapping[str, object], settings: Section) -> None:
    normalizer = parsed.get("normalizer")
    if isinstance(normalizer, dict) and normalizer.get("type") == "BertNormalizer":
        for key, inner in NORMALIZER:
            if key in settings:
                settings.expect(key, normalizer.get(inner), why=f"{TOKENIZER}'s normalizer says otherwise")


NORMALIZER = (
    ("do_lower_case", "lowercase"),
    ("strip_accents", "strip_accents"),
    ("tokenize_chinese_chars", "handle_chinese_chars"),
)
"""Settings of BertTokenizer, and what ``tokenizer.json``'s BertNormalizer calls them."""


def _rebuilt_class(config: Section, settings: Section) -> str | None:
    """The class that builds the tokenizer anew, None where ``tokenizer.json`` is read as it stands."""
    owner = settings if settings.value("tokenizer_class") is not None else config
    name = owner.value("tokenizer_class")
    if name is not None and not isinstance(name, str):
        owner.refuse("tokenizer_class", "a name")
    if config.value("model_type") == "modernbert":  # AutoTokenizer reads tokenizer.json whatever the name is
        return None
    kind = "BertTokenizer" if name is None else name.removesuffix("Fast")
    if kind in BERT_CLASSES:
        return kind
    if name not in GENERIC:
        owner.refuse("tokenizer_class", " or ".join(sorted({*BERT_CLASSES, *GENERIC})), hint=ELSEWHERE)
    return None


def _check_rebuilt(path: Path, parsed: Mapping[str, object], settings: Section) -> None:
    """Refuses a ``tokenizer.json`` that is not what BertTokenizer builds from its vocabulary and the settings."""
    names = {key: _content(settings, key, settings.value(key)) or usual for key, usual in BERT_SPECIALS.items()}
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
            _refuse_rebuilt(path, key, value, parsed.get(key))
    model = parsed.get("model")
    model = model if isinstance(model, dict) else {}
    word_piece = {
        "unk_token": names["unk_token"],
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }
    if model.get("type", "WordPiece") != "WordPiece":
        _refuse_rebuilt(path, "model.type", "WordPiece", model.get("type"))
    for key, value in word_piece.items():
        if model.get(key) != value:
            _refuse_rebuilt(path, f"model.{key}", value, model.get(key))
    vocabulary = cast(Mapping[str, int], model["vocab"])
    added = _added_tokens(path, parsed)
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


def _refuse_rebuilt(path: Path, key: str, expected: object, found: object) -> NoReturn:
    raise BadConfig(
        f"{path}: {key}: expected {expected}, which transformers makes of the settings beside it, found {found}",
        hint=f"set do_lower_case, strip_accents and tokenize_chinese_chars in {SETTINGS} to what {TOKENIZER} does, or "
        f'its tokenizer_class to "PreTrainedTokenizerFast" and model_input_names to what the model was trained with',
    )


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


def _check_named(settings: Section, added: Mapping[str, Mapping[str, object]]) -> None:
    """Refuses a special token that transformers would add to the tokenizer: it would split texts at it."""
    for key in settings.keys():  # noqa: SIM118 (a Section, not a dict)
        value = settings.value(key)
        if key in SPECIALS or (key.endswith("_token") and isinstance(value, str | dict)):
            token = _content(settings, key, value)
            if token is not None:
                _check_known(settings, key, token, added)
        if key in LISTS and value is not None:
            values = [*value.values()] if isinstance(value, dict) else value
            if not isinstance(values, list):
                settings.refuse(key, "a list of tokens")
            for each in values:
                token = _content(settings, key, each)
                if token is None:
                    settings.refuse(key, "a list of tokens")
                _check_known(settings, key, token, added)


def _check_known(settings: Section, key: str, token: str, added: Mapping[str, Mapping[str, object]]) -> None:
    if token not in added:
        raise BadConfig(
            f"{settings.path}: {key}: expected one of the added tokens of {TOKENIZER}, found {token!r}",
            hint=SAVE_AGAIN,
        )


def _content(settings: Section, key: str, value: object) -> str | None:
    """The text of a token, which is written as a text or as an object."""
    if isinstance(value, dict):
        value = value.get("content")
        if value is None:
            settings.refuse(key, "a token, with its content")
    if value is not None and not isinstance(value, str):
        settings.refuse(key, "a token")
    return value


def _check_decoder(
    settings: Section, listed: object, added: Mapping[str, Mapping[str, object]], *, flags: bool
) -> None:
    key = "added_tokens_decoder"
    if not isinstance(listed, dict):
        settings.refuse(key, "an object of tokens")
    for place, token in listed.items():
        if not isinstance(token, dict) or not isinstance(token.get("content"), str) or not place.isdecimal():
            settings.refuse(key, "token ids and tokens")
        content = token["content"]
        _check_known(settings, key, content, added)
        entry = added[content]
        same = all(token.get(flag, usual) == entry.get(flag, usual) for flag, usual in FLAGS.items())
        if int(place) != entry["id"] or (flags and not same):
            settings.refuse(key, f"{content!r} as {TOKENIZER} has it: {dict(entry)}")


def _added_tokens(path: Path, parsed: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    listed = parsed.get("added_tokens", [])
    added: dict[str, Mapping[str, object]] = {}
    for token in listed if isinstance(listed, list) else ():
        if isinstance(token, dict) and isinstance(token.get("content"), str) and isinstance(token.get("id"), int):
            added[token["content"]] = token
        else:
            raise BadConfig(f"{path}: added_tokens: expected tokens with an id and a content, found {token!r}")
    return added


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
