"""The engine for what is not loaded natively: networks of transformers, behind Sentence Transformers' CrossEncoder.

Needs the extra ``sentence-transformers``.
"""
