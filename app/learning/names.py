"""The names of what a pool may choose. This module imports no NumPy: checking a name needs no arrays."""

from typing import Literal, get_args

LearnerName = Literal["softmax", "graph"]
LEARNERS: tuple[LearnerName, ...] = get_args(LearnerName)
PAPERS: LearnerName = "softmax"
OWN: LearnerName = "graph"
PREPARING: frozenset[LearnerName] = frozenset({"graph"})  # they look at a pool for seconds before they ask

Strategy = Literal["least_confidence", "margin", "entropy", "random"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
