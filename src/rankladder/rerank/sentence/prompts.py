"""The published prompts of rerankers that are language models: the text around a query and a document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tokenizers import Tokenizer

from rankladder.checkpoint import Foreign
from rankladder.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text of a prompt: ``before``, ``query_label`` query ``between`` ``document_label`` document ``after``.

    The score is the logit of ``positive`` minus the logit of ``negative`` as the next token.
    """

    name: str
    before: tuple[str, ...]
    """Pieces that are tokenised one by one, as the publisher's code does."""
    query_label: str
    """Stands before a space and the query."""
    query_end: str
    """Tokenised with the query."""
    between: tuple[str, ...]
    document_label: str
    after: tuple[str, ...]
    positive: str
    negative: str
    instruction: str | None
    """The task, where the prompt names one; it is in ``before``."""
    mark: str
    """A sentence that every rendering of this prompt holds and no other prompt does."""

    def text(self, query: str, document: str) -> str:
        """The whole prompt as one text."""
        return "".join(
            (
                *self.before,
                f"{self.query_label} {query}{self.query_end}",
                *self.between,
                f"{self.document_label} {document}",
                *self.after,
            )
        )


# Source: mxbai_rerank/mxbai_rerank_v2.py of the PyPI package mxbai-rerank 0.1.6 (Apache-2.0, Mixedbread): the strings,
# and which of them are tokenised apart.
_MXBAI_TASK = (
    "You are a search relevance expert who evaluates how well documents match search queries. For each query-document "
    "pair, carefully analyze the semantic relationship between them, then provide your binary relevance judgment "
    "(0 for not relevant, 1 for relevant).\nRelevance:"
)
MXBAI = Prompt(
    name="mxbai-rerank-v2",
    before=(
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n",
    ),
    query_label="query:",
    query_end="",
    between=("\n",),
    document_label="document:",
    after=("\n", _MXBAI_TASK, "<|im_end|>\n<|im_start|>assistant\n"),
    positive="1",
    negative="0",
    instruction=None,
    mark="You are a search relevance expert who evaluates how well documents match search queries.",
)

# Source: the model card of Qwen/Qwen3-Reranker-0.6B (Apache-2.0), "Transformers Usage", with its default task.
_QWEN3_TASK = "Given a web search query, retrieve relevant passages that answer the query"
QWEN3 = Prompt(
    name="Qwen3-Reranker",
    before=(
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n',
        f"<Instruct>: {_QWEN3_TASK}\n",
    ),
    query_label="<Query>:",
    query_end="\n",
    between=(),
    document_label="<Document>:",
    after=("<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",),
    positive="yes",
    negative="no",
    instruction=_QWEN3_TASK,
    mark="Judge whether the Document meets the requirements based on the Query and the Instruct provided.",
)

PROMPTS: Mapping[str, Prompt] = {"qwen2": MXBAI, "qwen3": QWEN3}
"""``model_type`` → the prompt of the rerankers published on it."""


DOCUMENT_ROLE = re.compile(r"""["']document["']""")
"""In a chat template: it writes a reranker's prompt. A language model's usual template knows no such role."""


def choose_prompt(foreign: Foreign) -> Prompt:
    """The prompt of a causal checkpoint.

    Raises BadConfig where the checkpoint's own files name another prompt, or other answers.
    """
    prompt = PROMPTS[foreign.model_type]
    template = foreign.chat_template
    if template is not None and DOCUMENT_ROLE.search(template) and prompt.mark not in template:
        raise BadConfig(
            f"{foreign.folder}: its chat template is not the prompt of {prompt.name}",
            hint="only the published prompts are implemented; CrossEncoder of Sentence Transformers runs this model",
        )
    if foreign.instruction not in {None, prompt.instruction}:
        raise BadConfig(
            f"{foreign.folder}: default_prompt_name: expected the task {prompt.instruction!r}, "
            f"found {foreign.instruction!r}"
        )
    wanted = answer_ids(foreign.tokenizer, prompt)
    if foreign.answers not in {None, wanted}:
        raise BadConfig(
            f"{foreign.folder}: LogitScore: expected the tokens of {prompt.positive!r} and {prompt.negative!r}, "
            f"{wanted}, found {foreign.answers}"
        )
    return prompt


def answer_ids(tokenizer: Tokenizer, prompt: Prompt) -> tuple[int, int]:
    """Token ids of the positive and the negative answer; BadConfig where one is not a single token."""
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in (prompt.positive, prompt.negative)]
    if any(len(one) != 1 for one in ids):
        raise BadConfig(
            f"tokenizer.json: expected {prompt.positive!r} and {prompt.negative!r} to be one token each, found {ids}",
            hint=f"this is not the tokenizer of {prompt.name}",
        )
    return ids[0][0], ids[1][0]
