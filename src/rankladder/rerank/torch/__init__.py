"""The GPU engine: a network over sequences packed end to end, without padding. Needs the extra ``torch``."""
