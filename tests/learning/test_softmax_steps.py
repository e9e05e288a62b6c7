"""How many steps serve images left out, against one fit after the other by the formulas of the paper."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.learning.softmax_steps import count_steps
from tests.factories import make_images
from tests.learning.test_softmax import N_CLASSES, N_FEATURES, Reference


def count_one_by_one(
    x: NDArray[np.uint8], y: NDArray[np.int64], n_groups: int, n_steps: int, n_classes: int = N_CLASSES
) -> list[int]:
    """Right answers after 1, 2, … steps; each group is left out of a fit of its own."""
    correct = np.zeros(n_steps, int)
    for group in range(n_groups):
        is_out = np.arange(len(y)) % n_groups == group
        fit = Reference.zeros(n_classes)
        for step in range(n_steps):
            fit.descend(x[~is_out], y[~is_out])
            correct[step] += int((fit.logits(x[is_out]).argmax(axis=1) == y[is_out]).sum())
    return correct.tolist()


@pytest.mark.parametrize(("n_labels", "n_groups"), [(2, 2), (7, 7), (20, 20), (45, 20)])
@pytest.mark.parametrize("seed", range(3))
def test_most_left_out_images_are_right_after_these_steps(n_labels: int, n_groups: int, seed: int) -> None:
    x, y = make_images(n_labels, seed=seed)
    x = x.reshape(n_labels, N_FEATURES)

    steps = count_steps(x, y, N_CLASSES)

    correct = count_one_by_one(x, y, n_groups, steps + 10)
    assert steps == 1 + int(np.argmax(correct))  # the first of equals


def test_many_classes_make_fewer_groups() -> None:
    x, y = make_images(30)
    x = x.reshape(30, N_FEATURES)

    steps = count_steps(x, y, 125)  # 500 columns: 4 groups

    correct = count_one_by_one(x, y, 4, steps + 10, 125)
    assert steps == 1 + int(np.argmax(correct))


def test_a_single_label_takes_one_step() -> None:
    x, y = make_images(1)

    assert count_steps(x.reshape(1, N_FEATURES), y, N_CLASSES) == 1
