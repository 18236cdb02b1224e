"""Put passages in order with the model in the box: no network, no torch."""

from rankladder import Reranker

reranker = Reranker.open()
ranking = reranker.rank(
    "what causes rain",
    [
        "The stock market closed higher on Friday.",
        "Rain falls when water vapour in clouds condenses into drops heavy enough to fall.",
        "A rain jacket costs about fifty euros.",
    ],
)
for hit in ranking:
    print(f"{hit.score:7.3f}  {hit.document.text}")
assert ranking[0].index == 1
