"""The paper's experiments and Inkling's own, pure: arrays and parameters in, curves out.

Source: Andy Bosyi, "Active Learning on MNIST - Saving on Labeling" (2018).
Differs from the source: each accuracy also comes for the test images, which neither training nor stopping saw; the
random choice can be bought batch by batch, too, so that active learning has a curve to be compared with; and Inkling's
learner can be asked beside it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.datasets.splits import Splits
from app.errors import NotEnoughImages
from app.learning.clusters import Clusters, find_clusters
from app.learning.names import OWN, PAPERS, Strategy
from app.oracle import steps
from app.oracle.experiments import EXPERIMENTS, TABLE, Experiment, as_named
from app.oracle.labs import Lab, make_own_lab, make_papers_lab
from app.oracle.steps import Curve, Rounds, Step

KMEANS_ITERATIONS = 10  # the paper's epochs


@dataclass(frozen=True, slots=True)
class Parameters:
    """What to run on what; the defaults are the paper's. `budget` is the number of labels bought."""

    experiments: tuple[Experiment, ...] = EXPERIMENTS
    pool_start: int = 0
    pool_size: int = 4000
    validation_size: int = 400
    batch_size: int = 10
    budget: int = 400
    shuffle_seed: int | None = None
    ranking: Strategy = "least_confidence"

    @property
    def are_the_papers(self) -> bool:
        """Whether everything but the choice of experiments is as in the paper."""
        return replace(self, experiments=EXPERIMENTS) == Parameters()

    @property
    def named(self) -> tuple[Experiment, ...]:
        """The experiments under the names of their curves."""
        return tuple(as_named(experiment, self.ranking) for experiment in self.experiments)

    @property
    def rounds(self) -> Rounds:
        """How images are asked."""
        return Rounds(self.batch_size, self.budget, self.ranking, self.shuffle_seed or 0)

    @property
    def has_random_twice(self) -> bool:
        """Whether two of the experiments are one: active learning that asks at random is the random curve."""
        return self.ranking == "random" and {"active", "random_curve"} <= set(self.experiments)


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` steps of one experiment; before the first fit, per cent of the `preparation`, told in words."""

    experiment: Experiment
    done: int
    total: int
    preparation: str | None = None


@dataclass(slots=True)
class Results:
    """The curves that were asked for, in the order of ALL_EXPERIMENTS, and the clusters."""

    curves: dict[Experiment, Curve] = field(default_factory=dict)
    clusters: Clusters | None = None
    clusters_seconds: float = 0.0


def run(
    splits: Splits,
    n_classes: int,
    parameters: Parameters,
    on_progress: Callable[[Progress], None],
    on_finished: Callable[[Results], None] = lambda _: None,
) -> Results:
    """Run the experiments.

    `on_progress` is called after every step, `on_finished` after every experiment with all results so far. Both may
    raise to stop the run.

    Raises:
        NotEnoughImages: the budget is larger than the pool.
    """
    budget, size = parameters.budget, parameters.pool_size
    if budget > size:
        raise NotEnoughImages(
            f"A budget of {budget} labels is more than the pool of {size}. Lower the budget.",
            asked=budget,
            available=size,
        )
    results = Results()

    def trace(experiment: Experiment, lab: Lab, of: Iterator[Step], total: int = 1) -> Step:
        name = as_named(experiment, parameters.ranking)
        curve, last = steps.trace(of, lab, lambda done: on_progress(Progress(name, done, total)))
        if experiment in parameters.experiments:
            results.curves[name] = curve
            on_finished(results)
        return last

    if any(TABLE[experiment].learner == PAPERS for experiment in parameters.experiments):
        _run_papers(make_papers_lab(splits, n_classes), parameters, trace)
    if "kmeans" in parameters.experiments:
        results.clusters, results.clusters_seconds = _find_clusters(splits, parameters, on_progress)
        on_finished(results)
    own = [experiment for experiment in parameters.experiments if TABLE[experiment].learner == OWN]
    if own:
        lab = make_own_lab(splits, n_classes, _tell_preparation(own[0], on_progress))
        for experiment in own:
            rounds = replace(parameters.rounds, strategy=_own_strategy(experiment))
            trace(experiment, lab, steps.ask_own_way(lab, rounds), len(rounds))
    return results


def _run_papers(lab: Lab, parameters: Parameters, trace: Callable[..., Step]) -> None:
    """All experiments of the paper's learner, each handed to `trace`."""
    wanted, budget, size = parameters.experiments, parameters.budget, parameters.pool_size
    rounds, at_random = parameters.rounds, replace(parameters.rounds, strategy="random")
    if "ground_truth" in wanted:
        trace("ground_truth", lab, steps.take_first(lab, size))
    if "random" in wanted:
        trace("random", lab, steps.take_first(lab, budget))
    if "random_curve" in wanted:
        trace("random_curve", lab, steps.ask_papers_way(lab, at_random), len(rounds))
    if {"active", "auto_naive", "auto_confident"} & set(wanted):
        # Auto-labeling goes on from where active learning ends, so that comes first in any case.
        bought = trace("active", lab, steps.ask_papers_way(lab, rounds), len(rounds))
        if "auto_naive" in wanted and budget < size:
            trace("auto_naive", lab, steps.label_rest_at_once(lab, bought))
        if "auto_confident" in wanted and budget < size:
            batch = parameters.batch_size
            trace("auto_confident", lab, steps.label_surest_first(lab, bought, batch), -(-(size - budget) // batch))


def _own_strategy(experiment: Experiment) -> Strategy:
    """Inkling's learner chooses by itself, whatever the strategy of the run, unless it is to be asked at random."""
    return "random" if TABLE[experiment].is_random else "least_confidence"


def _tell_preparation(experiment: Experiment, on_progress: Callable[[Progress], None]) -> Callable[[str, float], None]:
    return lambda step, share: on_progress(Progress(experiment, round(100 * share), 100, step))


def _find_clusters(
    splits: Splits, parameters: Parameters, on_progress: Callable[[Progress], None]
) -> tuple[Clusters, float]:
    """The clusters of the pool, and the seconds that they took."""
    started = time.perf_counter()
    clusters = find_clusters(
        _flat(splits.pool.images),
        n_iterations=KMEANS_ITERATIONS,
        seed=parameters.shuffle_seed or 0,
        on_iteration=lambda done: on_progress(Progress("kmeans", done, KMEANS_ITERATIONS)),
    )
    return clusters, time.perf_counter() - started


def _flat(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.reshape(len(images), -1)  # (N, H, W) -> (N, D)
