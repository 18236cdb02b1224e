"""From texts to the token ids of a prompt, and how much of each text was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rankladder.checkpoint import Foreign
from rankladder.errors import BadConfig, BadOption
from rankladder.rerank.encoding import TextEncoder
from rankladder.rerank.pairs import Frame, PairReader, Reader, TokenPair, in_passages
from rankladder.rerank.sentence.prompts import Prompt, choose_prompt
from rankladder.surrogates import encodable
from rankladder.values import Reading

Ids = NDArray[np.int32]


class ForeignReader(NamedTuple):
    """What reads texts for a foreign checkpoint, whose token ids it reads, and the prompt around them."""

    reader: Reader
    tokenizer: str
    prompt: Prompt | None


def foreign_reader(foreign: Foreign, *, max_tokens: int, one_core: bool = False) -> ForeignReader:
    """The reader of a foreign checkpoint. Raises CheckpointRefused for an unknown prompt, BadOption for no room."""
    if foreign.family != "causal":
        reader = PairReader(foreign.tokenizer, max_tokens=max_tokens, one_core=one_core)
        return ForeignReader(reader, foreign.tokenizer_digest, None)
    prompt = choose_prompt(foreign)
    prompted = PromptReader(
        foreign.tokenizer, prompt, max_tokens=max_tokens, digest=foreign.tokenizer_digest, one_core=one_core
    )
    return ForeignReader(prompted, prompted.digest, prompt)


class PromptReader:
    """Reads pairs into a prompt. The prompt is never cut; only tokens of the texts themselves are counted.

    The query and its label keep at most 3/4 of what the prompt leaves over, as mxbai-rerank's own code does; then the
    document is cut on the right. Qwen3-Reranker's own code cuts both as one text, which is the same up to that point.

    Raises BadOption where the prompt leaves no room, and BadConfig where the tokenizer joins the prompt to a text.
    """

    def __init__(
        self, tokenizer: Tokenizer, prompt: Prompt, *, max_tokens: int, digest: str, one_core: bool = False
    ) -> None:
        self._tokenizer = tokenizer
        self._texts = TextEncoder(tokenizer, one_core=one_core)
        self.prompt = prompt
        before, between, after = (self._pieces(part) for part in (prompt.before, prompt.between, prompt.after))
        self._query_label, self._document_label = (self._ids(x) for x in (prompt.query_label, prompt.document_label))
        self.frame = Frame(before + self._query_label, between + self._document_label, after)
        self.max_tokens = max_tokens
        self.room = max_tokens - len(self.frame)
        """Tokens that a query and a document share."""
        fixed, label = len(before) + len(after), len(self._query_label)
        least = max(len(self.frame) + 2, fixed - (-4 * (label + 1) // 3))
        if max_tokens < least:
            raise BadOption(f"max_tokens must be at least {least} with the prompt of {prompt.name}, got {max_tokens}")
        self.query_room = min((max_tokens - fixed) * 3 // 4 - label, self.room - 1)
        self.digest = hashlib.sha256(f"{digest} {prompt.document_label}".encode()).hexdigest()
        self._check_joints()

    @property
    def blanks_part(self) -> bool:
        """See Reader."""
        return self._texts.blanks_part

    def queries(self, texts: Sequence[str]) -> list[Ids]:
        """See Reader. The label before a query is read with it and then taken off."""
        return self._labelled(self.prompt.query_label, self._query_label, texts, end=self.prompt.query_end)

    def documents(self, texts: Sequence[str]) -> list[Ids]:
        """See Reader. The label before a document is read with it and then taken off."""
        return self._labelled(self.prompt.document_label, self._document_label, texts, end="")

    def cut(self, query: Ids, document: Ids) -> tuple[TokenPair, Reading]:
        """See Reader."""
        query_kept = min(len(query), self.query_room)
        document_kept = min(len(document), self.room - query_kept)
        reading = Reading(query_kept, len(query) - query_kept, document_kept, len(document) - document_kept)
        return self._framed(query[:query_kept], document[:document_kept]), reading

    def offsets(self, text: str) -> Ids:
        """See Reader. The label before a document is read with it, and its characters are taken off."""
        offsets = self._texts.places(self._document_text(text))[len(self._document_label) :]
        return np.maximum(offsets - (len(self.prompt.document_label) + 1), 0)

    def passages(self, query: Ids, document: Ids, offsets: Callable[[], Ids]) -> list[tuple[TokenPair, Reading]]:
        """See Reader. The query keeps at most half of the room where the document does not fit."""
        query_kept = min(len(query), self.query_room, max(self.room // 2, self.room - len(document)))
        return in_passages(query, query_kept, document, offsets, room=self.room, framed=self._framed)

    def _document_text(self, text: str) -> str:
        return f"{self.prompt.document_label} {encodable(text)}"

    def _framed(self, query: Ids, document: Ids) -> TokenPair:
        frame = self.frame
        ids = np.concatenate([frame.before, query, frame.between, document, frame.after], dtype=np.int32)
        return TokenPair(ids, len(frame.before) + len(query) + len(frame.between))

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _pieces(self, pieces: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(chain.from_iterable(self._ids(piece) for piece in pieces))

    def _labelled(self, label: str, label_ids: tuple[int, ...], texts: Sequence[str], *, end: str) -> list[Ids]:
        rows = self._texts.ids([f"{label} {text}{end}" for text in texts])
        if any(tuple(row[: len(label_ids)]) != label_ids for row in rows):
            self._refuse(label)
        return [row[len(label_ids) :] for row in rows]

    def _check_joints(self) -> None:
        """Where query and document are tokenised as one text, the tokenizer must split it where we do."""
        if not self.prompt.query_end:
            return
        for query, document in (("why", "so"), ("why?", "so"), ("a\n", "\nb"), ("!!", "")):
            whole = f"{self.prompt.before[-1]}{self.prompt.query_label} {query}{self.prompt.query_end}"
            parts = [*self._ids(self.prompt.before[-1]), *self._query_label, *self.queries([query])[0]]
            parts += [*self._document_label, *self.documents([document])[0]]
            if self._ids(f"{whole}{self._document_text(document)}") != tuple(parts):
                self._refuse(self.prompt.document_label)

    def _refuse(self, label: str) -> None:
        raise BadConfig(
            f"tokenizer.json: expected {label!r} to be tokens of its own before a text",
            hint=f"this is not the tokenizer of {self.prompt.name}",
        )
