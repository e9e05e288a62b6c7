"""The names of what a pool may choose. This module imports no NumPy: checking a name needs no arrays."""

from typing import Literal, get_args

LearnerName = Literal["softmax"]
LEARNERS: tuple[LearnerName, ...] = get_args(LearnerName)
PAPERS: LearnerName = "softmax"

Strategy = Literal["least_confidence", "margin", "entropy", "random"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
