"""The queries, the documents and the scored rows of a recipe; candidates for each query."""
