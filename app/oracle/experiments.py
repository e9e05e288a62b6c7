"""The table of experiments. A new one is a line here and its steps in `scenarios.py`.

The paper's come first. Inkling's own learner asks for itself: the query strategy of a run is not its.
"""

from dataclasses import dataclass
from typing import Literal

from app.learning.names import OWN, PAPERS, LearnerName, Strategy

Experiment = Literal[
    "ground_truth",
    "random",
    "random_curve",
    "active",
    "auto_naive",
    "auto_confident",
    "kmeans",
    "inkling",
    "inkling_random",
]


@dataclass(frozen=True, slots=True)
class About:
    """How an experiment is shown: as a title, in a legend, and within a sentence.

    `marker` is that of an experiment of one point, or "line"; `colour` is an index into the charts' colours.
    `is_papers` says whether the paper has it, `is_asked` whether the run's query strategy chose its images,
    `is_random` whether chance did, batch by batch. `learner` is None if nothing is learned.
    """

    title: str
    short_title: str
    name: str
    marker: str
    colour: int
    is_papers: bool = True
    is_asked: bool = False
    is_random: bool = False
    learner: LearnerName | None = PAPERS


TABLE: dict[Experiment, About] = {
    "ground_truth": About("Ground truth, all labels", "Ground truth", "ground truth", "square", 2),
    "random": About("The first of the pool (“random”)", "Random", "random", "diamond", 7),
    "random_curve": About(
        "Random, batch by batch",
        "Random, batch by batch",
        "random batch by batch",
        "line",
        4,
        is_papers=False,
        is_random=True,
    ),
    "active": About("Active learning", "Active learning", "active", "line", 0, is_asked=True),
    "auto_naive": About(
        "+ naive auto-labeling", "+ naive auto-labeling", "naive auto-labeling", "triangle", 3, is_asked=True
    ),
    "auto_confident": About(
        "+ confident auto-labeling", "+ confident auto-labeling", "confident auto-labeling", "line", 1, is_asked=True
    ),
    "kmeans": About("k-means", "k-means", "k-means", "line", 0, learner=None),
    "inkling": About("Inkling", "Inkling", "Inkling", "line", 5, is_papers=False, learner=OWN),
    "inkling_random": About(
        "Inkling, random choice",
        "Inkling, random choice",
        "Inkling with random choice",
        "line",
        6,
        is_papers=False,
        is_random=True,
        learner=OWN,
    ),
}
ALL_EXPERIMENTS: tuple[Experiment, ...] = tuple(TABLE)
EXPERIMENTS = tuple(name for name, about in TABLE.items() if about.is_papers)


def as_named(experiment: Experiment, strategy: Strategy) -> Experiment:
    """The experiment's name in a run with this strategy: asking at random is not active learning."""
    return "random_curve" if experiment == "active" and strategy == "random" else experiment
