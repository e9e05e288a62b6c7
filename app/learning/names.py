"""The names of what a pool may choose. This module imports no NumPy: checking a name needs no arrays."""

from collections.abc import Mapping
from typing import Literal, get_args

LearnerName = Literal["softmax", "graph"]
LEARNERS: tuple[LearnerName, ...] = get_args(LearnerName)
PAPERS: LearnerName = "softmax"
OWN: LearnerName = "graph"
# Those that look at a pool for seconds before they ask, with the version of what they make of it.
PREPARING: Mapping[LearnerName, int] = {"graph": 1}

Strategy = Literal["least_confidence", "margin", "entropy", "random"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
