"""The student, and the run that trains it."""
