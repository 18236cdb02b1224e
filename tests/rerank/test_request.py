from __future__ import annotations

import pytest

from rankladder.errors import BadOption
from rankladder.rerank import ModelRequest, Reranker


def test_a_request_opens_what_the_options_say() -> None:
    reranker = ModelRequest.parse("box, dtype=fp32, max_tokens=64").open(offline=True)
    assert (reranker.name, reranker.max_tokens) == ("box fp32", 64)


@pytest.mark.parametrize(
    "text",
    ["", ",dtype=fp32", "box,fp32", "box,red=1", "box,threads=many", "box,offline=yes", "box,threads=1,threads=2"],
)
def test_a_request_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="model"):
        ModelRequest.parse(text)


def test_the_digest_tells_scores_apart() -> None:
    digests = {
        Reranker.open(dtype=dtype, max_tokens=tokens).digest for dtype in ("fp32", "int8") for tokens in (64, 128)
    }
    assert len(digests) == 4
    assert Reranker.open(dtype="fp32", max_tokens=64).digest in digests
