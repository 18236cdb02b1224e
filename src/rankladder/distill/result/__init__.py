"""What came of it: the student's figures, its card, its checkpoint."""
