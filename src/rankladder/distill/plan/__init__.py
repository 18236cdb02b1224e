"""What is known before anything is made: models, rows, hours, memory, and what could only fail."""
