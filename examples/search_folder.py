"""Index a folder of documents, search it, and see what the reranker changed."""

import tempfile
from pathlib import Path

from rankladder import Reranker
from rankladder.retrieve import build_index, open_index, search

documents = Path(__file__).parent.parent / "docs"
with tempfile.TemporaryDirectory() as folder:
    print(build_index([documents], Path(folder) / "index"))
    with open_index(Path(folder) / "index") as index:
        result = search("what happens to a document that is too long", index, Reranker.open(), top_k=3, candidates=20)
before = result.rank_in(0)
for place, hit in enumerate(result.ranking, start=1):
    print(f"{place} (was {before[hit.document.id]})  {hit.score:6.2f}  {hit.document.title}")
