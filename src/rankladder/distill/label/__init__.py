"""The teachers' scores of the candidates, and which of them the student learns from."""
