"""How long the passages of an index are: in words, or in the tokens of the model that reads them."""

from __future__ import annotations

from dataclasses import dataclass

from rankladder.errors import BadOption, ModelMissing
from rankladder.rerank import ModelTokens, Reranker, open_tokens
from rankladder.textfiles import PASSAGE_WORDS, Ruler, WordRuler
from rankladder.textfiles.documents import check_passage_words

LEAST_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Sizing:
    """Passages of about ``words`` words, or (where that is 0) of at most ``tokens`` tokens with their titles.

    ``tokenizer`` says whose tokens they are; ``model`` is the name of the model that the passages are made for, and
    ``max_tokens`` how much it reads: 0 for words.
    """

    words: int
    tokens: int = 0
    tokenizer: str = ""
    model: str = ""
    max_tokens: int = 0


def choose_sizing(
    *,
    passage_words: int | None,
    passage_tokens: int | None,
    passages_for: Reranker | ModelTokens | None,
    tokens_for: Reranker | ModelTokens | None,
) -> tuple[Sizing, Ruler]:
    """How long passages are made, and the ruler that measures them; arguments as in ``build_index``.

    Raises BadOption.
    """
    if passage_words is not None:
        if passage_tokens is not None or passages_for is not None:
            other = "passage_tokens" if passage_tokens is not None else "passages_for"
            raise BadOption(f"passage_words and {other} exclude each other: words are not tokens")
        check_passage_words(passage_words)
        return Sizing(passage_words), WordRuler(passage_words)
    reader = passages_for if passages_for is not None else tokens_for
    tokens = open_tokens() if reader is None else _tokens_of(reader)
    if tokens is None:
        if passage_tokens is not None:
            raise BadOption(
                "passage_tokens needs a model whose tokens are known: a hosted service does not publish them",
                hint="size the passages in words",
            )
        return Sizing(PASSAGE_WORDS), WordRuler(PASSAGE_WORDS)
    if passage_tokens is not None and passage_tokens < LEAST_TOKENS:
        raise BadOption(f"passage_tokens must be at least {LEAST_TOKENS}, got {passage_tokens}")
    most = tokens.passage_tokens if passage_tokens is None else passage_tokens
    return Sizing(0, most, tokens.tokenizer, tokens.model, tokens.max_tokens), tokens.ruler(most)


def ruler_of(sizing: Sizing) -> Ruler:
    """The ruler that an index was made with. Raises what ``tokens_of_index`` raises."""
    tokens = tokens_of_index(sizing)
    return WordRuler(sizing.words) if tokens is None else tokens.ruler(sizing.tokens)


def tokens_of_index(sizing: Sizing) -> ModelTokens | None:
    """What reads the passages of an index, found on this machine; None where they are sized in words.

    Raises ModelMissing where the model's tokenizer is not the one any more, and what ``open_tokens`` raises.
    """
    if not sizing.tokens:
        return None
    tokens = open_tokens(sizing.model, offline=True)
    if tokens is None or tokens.tokenizer != sizing.tokenizer:
        raise ModelMissing(
            f"the passages of the index were made for {sizing.model}, whose tokenizer has changed since",
            hint="build the index again",
        )
    return tokens


def _tokens_of(reader: Reranker | ModelTokens) -> ModelTokens | None:
    return reader.tokens if isinstance(reader, Reranker) else reader
