"""The model in the box: weights, tokenizer and card; files alone, read by ``rankladder.checkpoint``."""
