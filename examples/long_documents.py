"""A document longer than the model reads: cut and told, or read whole as passages."""

from rankladder import Document, Reranker

reranker = Reranker.open()
padding = "The museum opens at nine and closes at five. " * 80
manual = Document("manual", padding + "To reset the device, hold both buttons for ten seconds. " + padding)

(cut,) = reranker.rank("how do I reset the device", [manual])
assert cut.reading is not None
print(f"cut: {cut.score:.2f}, {cut.reading.document_dropped} tokens were not read")

(whole,) = reranker.rank("how do I reset the device", [manual], long="passages")
assert whole.reading is not None
assert whole.reading.passage is not None
passage = whole.reading.passage
print(f"whole: {whole.score:.2f}, passage {passage.number + 1} of {passage.count} won:")
print(manual.full_text[passage.start : passage.end][:200], "…")
