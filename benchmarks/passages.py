"""Claim: passages that are made for a model are read whole, and what stands at their end is found.

Over folders of documentation, named on the command line, with passages of 200 words and with passages in the tokens of
the model in the box:

- how many passages there are, how many have more tokens than the model reads beside a query of 32, how long indexing
  takes (seconds of all cores; token ids kept, as a search does), and the size of the longest;
- of the best 100 by BM25 of each query, how many the model would cut;
- known items: a sentence is taken from a file, its words (12 at most) are the query, and a passage that holds the whole
  sentence is the answer. Sentences are drawn in two ways: anywhere, and the last one of passages of 200 words that the
  model cuts. Reported are the mean reciprocal rank among the best 10 and the share of queries whose answer is
  first, for BM25 and after reranking 100.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rankladder import Reranker
from rankladder.rerank.scorer import TokenScorer
from rankladder.retrieve import Index, build_index, open_index
from rankladder.values import Query, Ranking
from record import write_results

WORDS = 200
QUERY = 12
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def sentences(text: str) -> list[str]:
    """Sentences of 8 to 40 words, on one line, none over the border of two paragraphs."""
    found = (" ".join(one.split()) for block in text.split("\n\n") for one in _SENTENCE.split(block))
    return [one for one in found if 8 <= len(one.split()) <= 40 and sum(sign.isalpha() for sign in one) > len(one) / 2]


def drawn(index: Index, reranker: Reranker, count: int, *, at_end: bool, seed: int) -> list[str]:
    """Sentences that stand once in an index of passages of 200 words."""
    assert reranker.tokens is not None
    ruler, rng = reranker.tokens.ruler(reranker.tokens.room), random.Random(seed)
    documents = index.documents()
    rng.shuffle(documents)
    whole = "\n".join(" ".join(one.text.split()) for one in documents)
    chosen: list[str] = []
    for one in documents:
        text = one.text
        if at_end:
            if ruler.sizes([one.full_text])[0] <= ruler.most:
                continue
            text = text.rpartition("\n\n")[2]
        found = sentences(text)
        if at_end:
            found = found[-1:]
        if found and whole.count(sentence := rng.choice(found)) == 1:
            chosen.append(sentence)
        if len(chosen) == count:
            break
    return chosen


def rank_of(ranking: Ranking, sentence: str) -> int | None:
    """The place of the first passage that holds a sentence, among ten."""
    for place, hit in enumerate(ranking.hits[:10], start=1):
        if sentence in " ".join(hit.document.text.split()):
            return place
    return None


def quality(rankings: Sequence[Ranking], wanted: Sequence[str]) -> dict[str, float]:
    """Mean reciprocal rank among ten, and the share of first places."""
    places = [rank_of(*pair) for pair in zip(rankings, wanted, strict=True)]
    return {
        "mrr10": round(sum(1 / place for place in places if place) / len(places), 3),
        "first": round(sum(place == 1 for place in places) / len(places), 3),
    }


def measure(
    index: Index, reranker: Reranker, asked: dict[str, list[str]], *, ranked: int, seconds: float
) -> dict[str, Any]:
    """A row of the table for one index."""
    scorer, tokens = reranker.scorer, reranker.tokens
    assert isinstance(scorer, TokenScorer)
    assert tokens is not None
    documents = index.documents()
    sizes = tokens.ruler(tokens.room).sizes([one.full_text for one in documents])
    row: dict[str, Any] = {
        "passages": len(documents),
        "cpu_seconds": round(seconds, 1),
        "cut": round(sum(size > tokens.room for size in sizes) / len(sizes), 4),
        "longest_tokens": max(sizes),
        "mean_tokens": round(sum(sizes) / len(sizes)),
    }
    cuts, candidates = 0, 0
    for kind, texts in asked.items():
        queries = [Query(str(place), " ".join(text.split()[:QUERY])) for place, text in enumerate(texts)]
        found = [index.retrieve(query, k=100) for query in queries]
        for ranking in found:
            pairs = [(ranking.query.text, hit.document.full_text) for hit in ranking]
            cuts += sum(reading.truncated for _, reading in scorer.read(pairs, long="truncate").parts)
            candidates += len(pairs)
        row[f"{kind}_bm25"] = quality(found, texts)
        if ranked:
            rankings = [reranker.rank(one.query, one.documents) for one in found[:ranked]]
            row[f"{kind}_bm25_of_ranked"] = quality(found[:ranked], texts[:ranked])
            row[f"{kind}_box"] = quality(rankings, texts[:ranked])
    row["cut_of_100_candidates"] = round(100 * cuts / max(1, candidates), 2)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--queries", type=int, default=100, help="Sentences of each kind.")
    parser.add_argument("--ranked", type=int, default=30, help="Of these, how many are reranked.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    reranker = Reranker.open()
    rows: dict[str, Any] = {}
    for folder in options.folders:
        name = folder.name
        with tempfile.TemporaryDirectory() as place:
            asked: dict[str, list[str]] = {}
            rows[name] = {}
            for way, words in (("words", WORDS), ("tokens", None)):
                began = time.process_time()
                build_index([folder], Path(place) / way, passage_words=words, tokens_for=reranker, progress=False)
                seconds = time.process_time() - began
                with open_index(Path(place) / way) as index:
                    if not asked:
                        for kind in ("anywhere", "at_end"):
                            asked[kind] = drawn(
                                index, reranker, options.queries, at_end=kind == "at_end", seed=options.seed
                            )
                    rows[name][way] = measure(index, reranker, asked, ranked=options.ranked, seconds=seconds)
                print(name, way, rows[name][way], flush=True)
    settings = {"queries": options.queries, "ranked": options.ranked, "seed": options.seed, "model": reranker.name}
    print(write_results("passages", {**settings, "rows": rows}))


if __name__ == "__main__":
    main()
