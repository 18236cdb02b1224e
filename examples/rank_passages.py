"""Put passages in order with the model in the box: no network, no torch."""

from rankladder import Reranker

reranker = Reranker.open()
ranking = reranker.rank(
    "how do plants make food",
    [
        "The stock market closed higher on Friday.",
        "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
        "Plants are watered in the morning.",
    ],
)
for hit in ranking:
    print(f"{hit.score:7.3f}  {hit.document.text}")
