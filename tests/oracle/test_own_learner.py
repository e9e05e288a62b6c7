"""Inkling's own learner among the experiments, against the steps taken one by one."""

import itertools
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.datasets.splits import Splits
from app.learning.learner import LabeledImages, PoolImages
from app.learning.learners import make_learner
from app.learning.names import OWN, Strategy
from app.oracle import scenarios, steps
from app.oracle.experiments import Experiment
from app.oracle.labs import EMBEDDED_AT_ONCE, make_own_lab
from app.oracle.scenarios import Parameters, Progress, Results
from app.oracle.steps import Rounds
from tests.factories import make_data_set, make_splits

SMALL = Parameters(
    pool_size=60, validation_size=20, batch_size=7, budget=25, shuffle_seed=3, experiments=("inkling", "inkling_random")
)


@pytest.fixture(scope="module")
def splits() -> Splits:
    """60 images of 4 x 4 pixels, 20 to validate, 30 to test."""
    return make_splits(make_data_set())


@pytest.fixture(scope="module")
def found(splits: Splits) -> tuple[Results, list[Progress]]:
    """What a run of both experiments found, and all that was heard meanwhile."""
    heard: list[Progress] = []
    return scenarios.run(splits, 10, SMALL, heard.append), heard


@pytest.mark.parametrize(("experiment", "strategy"), [("inkling", "least_confidence"), ("inkling_random", "random")])
def test_every_batch_is_chosen_by_the_learner_the_first_included(
    splits: Splits, found: tuple[Results, list[Progress]], experiment: Experiment, strategy: Strategy
) -> None:
    learner, truth = make_learner(OWN, 10, (4, 4)), splits.pool.truth
    pool = PoolImages(splits.pool.images, learner.prepare(splits.pool.images))
    tested = LabeledImages(splits.test.images, splits.test.truth, learner.embed(pool, splits.test.images))
    curve = found[0].curves[experiment]

    state, labeled = learner.initial(), np.empty(0, np.int64)
    for number, n_labels in enumerate(curve.labels):
        batch = learner.choose(
            state, pool, labeled, strategy=strategy, count=min(7, 25 - len(labeled)), seed=(3, number)
        )
        labeled = np.concatenate([labeled, batch.positions])
        state = learner.fit(state, pool, labeled, truth[labeled], splits.validation).state
        right = learner.predict_others(state, pool, tested).argmax(axis=1) == tested.truth
        assert (n_labels, curve.test[number].correct, curve.test[number].total) == (len(labeled), right.sum(), 30)
    assert curve.labels == [7, 14, 21, 25]
    np.testing.assert_array_equal(curve.test_right, right)


def test_the_first_choice_is_made_when_the_clock_runs(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = make_own_lab(splits, 10, lambda _name, _share: None)
    clock = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    chosen_at: list[int] = []
    choose = type(lab.learner).choose

    def choose_and_tell(*values: Any, **options: Any) -> Any:
        chosen_at.append(next(clock))
        return choose(*values, **options)

    monkeypatch.setattr(type(lab.learner), "choose", choose_and_tell)
    steps.trace(steps.ask_own_way(lab, Rounds(7, 14, "least_confidence", 3)), lab, lambda _: None)

    assert chosen_at[0] > 0  # `trace` looked at the clock first


def test_validation_images_are_counted_and_stop_nothing(splits: Splits, found: tuple[Results, list[Progress]]) -> None:
    without = replace(splits, validation=LabeledImages(splits.validation.images[:1], splits.validation.truth[:1]))
    others = scenarios.run(without, 10, SMALL, lambda _: None)

    for name, curve in found[0].curves.items():
        assert {point.total for point in curve.validation} == {20}
        assert others.curves[name].test == curve.test


def test_it_asks_by_its_own_rule_whatever_the_strategy_of_the_run(
    splits: Splits, found: tuple[Results, list[Progress]]
) -> None:
    at_random = scenarios.run(splits, 10, replace(SMALL, ranking="random"), lambda _: None)

    assert list(at_random.curves) == ["inkling", "inkling_random"]
    assert at_random.curves["inkling"].test == found[0].curves["inkling"].test
    assert at_random.curves["inkling"].test != at_random.curves["inkling_random"].test


def test_the_preparation_is_told_in_words_and_in_per_cent_before_the_first_answer(
    found: tuple[Results, list[Progress]],
) -> None:
    _, heard = found
    told = [progress for progress in heard if progress.preparation is not None]

    assert heard[: len(told)] == told
    assert {(progress.experiment, progress.total) for progress in told} == {("inkling", 100)}
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert told[-1] == Progress("inkling", 100, 100, "looking at the images to test on")
    assert len({progress.preparation for progress in told}) > 2
    assert heard[len(told) :] == [
        Progress(name, done, 4) for name in ("inkling", "inkling_random") for done in range(1, 5)
    ]


def test_a_stop_is_heard_during_the_preparation(splits: Splits) -> None:
    heard: list[Progress] = []

    def stop(progress: Progress) -> None:
        heard.append(progress)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        scenarios.run(splits, 10, SMALL, stop)
    assert [progress.preparation is None for progress in heard] == [False]


def test_images_to_test_on_are_looked_at_in_parts(splits: Splits) -> None:
    n_images = 2 * EMBEDDED_AT_ONCE + 1
    which = np.arange(n_images) % len(splits.test)
    many = replace(splits, test=LabeledImages(splits.test.images[which], splits.test.truth[which]))
    shares: list[float] = []

    lab = make_own_lab(many, 10, lambda _, share: shares.append(share))
    right = lab.find_right_on_test(lab.fit(lab.learner.initial(), np.arange(30), lab.truth[:30]))

    assert [len(part) for part in lab.test] == [EMBEDDED_AT_ONCE, EMBEDDED_AT_ONCE, 1]
    assert right is not None and right.shape == (n_images,)
    np.testing.assert_array_equal(right[: len(splits.test)], right[len(splits.test) : 2 * len(splits.test)])
    assert shares[-1] == 1
