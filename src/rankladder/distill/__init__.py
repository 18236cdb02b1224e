"""One's own reranker from a teacher: mine, label, sample, train, evaluate, export."""
