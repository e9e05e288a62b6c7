"""A pool's learner in words: how it goes to work, and which images it asks."""

from app.learning.names import LearnerName, Strategy
from app.models import Pool

_WAYS: dict[LearnerName, str] = {
    "graph": "Inkling’s way: looks at all images first",
    "softmax": "the paper’s way: least confident first",
}
_OTHER_ORDERS: dict[Strategy, str] = {
    "margin": "smallest margin first",
    "entropy": "highest entropy first",
    "random": "asks by chance",
}
_ASKED: dict[Strategy, str] = {
    "least_confidence": "what the model is least sure of",
    "margin": "where two answers are closest",
    "entropy": "where the model’s guess is most open",
    "random": "by chance",
}


def describe_way(pool: Pool) -> str:
    """What sets the pool's learner apart, in a few words."""
    if pool.strategy == "least_confidence" or (pool.learner == "graph" and pool.strategy != "random"):
        return _WAYS[pool.learner]
    return f"{'Inkling’s' if pool.learner == 'graph' else 'the paper’s'} learner: {_OTHER_ORDERS[pool.strategy]}"


def describe_asked(pool: Pool) -> str:
    """Which images the learner asks; of those it knows nothing of yet, none is meant."""
    if pool.learner == "graph" and pool.strategy != "random":
        return "what tells most about the others"
    return _ASKED[pool.strategy]
