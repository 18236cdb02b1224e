"""Many pairs, a block at a time: enough to keep every core busy, little enough to bound memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from rankladder.rerank.encoded import EncodedDocument
from rankladder.rerank.scorer import Long, ReadPairs, Scored, Scorer, TokenScorer

_BLOCK_PAIRS = 4096
_BLOCK_CHARACTERS = 4_000_000


def blocks_of(
    pairs: Iterable[tuple[str, str | EncodedDocument]],
) -> Iterator[list[tuple[str, str | EncodedDocument]]]:
    """The pairs in blocks that are bounded by their number and by their text."""
    block: list[tuple[str, str | EncodedDocument]] = []
    characters = 0
    for query, document in pairs:
        block.append((query, document))
        characters += len(query) + len(document if isinstance(document, str) else document.text)
        if len(block) == _BLOCK_PAIRS or characters >= _BLOCK_CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block


def score_blocks(
    scorer: Scorer,
    blocks: Iterable[Sequence[tuple[str, str | EncodedDocument]]],
    *,
    long: Long,
    done: Callable[[float], object],
) -> Generator[Scored, None, None]:
    """One Scored per pair of all blocks, in order. Where the engine wants it, a block is tokenised while the one before
    it is scored; ``blocks`` is read from the calling thread alone.
    """
    if not (isinstance(scorer, TokenScorer) and scorer.engine.reads_ahead):
        for block in blocks:
            yield from scorer.score(block, long=long, done=done)
        return
    read: ReadPairs | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="tokenise") as pool:  # its thread starts with the second block
        for block in blocks:
            if read is None:
                read = scorer.read(block, long=long)
                continue
            coming = pool.submit(scorer.read, block, long=long)
            yield from scorer.judge(read, done=done)
            read = coming.result()
        if read is not None:
            yield from scorer.judge(read, done=done)
