"""Scores of pairs, kept as they come: what was scored once is not scored again."""

from rankladder.scores.kept import KeptScore, KeptScores, KeptScoresDamaged
from rankladder.scores.keys import PairKeys, pair_key
from rankladder.scores.missing import ScorePlaces, missing_places, score_missing

__all__ = [
    "KeptScore",
    "KeptScores",
    "KeptScoresDamaged",
    "PairKeys",
    "ScorePlaces",
    "missing_places",
    "pair_key",
    "score_missing",
]
