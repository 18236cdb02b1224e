"""What a recipe is, how it is read and written, and the models that it names."""
