"""Every strategy against a reference, every head against a whole sort, and no order that is not total."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.typing import NDArray
from scipy.stats import entropy

from app.learning import strategies
from app.learning.names import STRATEGIES, Strategy


def make_probabilities(n_images: int = 500, n_classes: int = 10, seed: int = 0) -> NDArray[np.float32]:
    """Some sure, some not, a few with zeros."""
    logits = np.random.default_rng(seed).normal(scale=6, size=(n_images, n_classes))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares[::7, 0] = 0
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def score(probabilities: NDArray[np.float32], strategy: Strategy, seed: tuple[int, ...] = (0,)) -> strategies.Scores:
    """Of a whole pool."""
    return strategies.score(probabilities, strategy, positions=np.arange(len(probabilities)), seed=seed)


# A few values only, so that most of them tie; 0.0 and -0.0 are equal and tie too.
few_values = st.sampled_from([-0.0, 0.0, 0.1, 0.25, 0.5, 1.0, float("inf"), -1.0])
many_ties = st.integers(0, 60).flatmap(lambda n: arrays_of.arrays(np.float32, n, elements=few_values))
all_different = st.integers(0, 60).flatmap(
    lambda n: arrays_of.arrays(np.float64, n, elements=st.floats(allow_nan=False), unique=True)
)


@settings(max_examples=300)
@given(scores=many_ties | all_different, count=st.integers(-2, 70))
def test_the_head_is_that_of_a_whole_sort(scores: strategies.Scores, count: int) -> None:
    whole = sorted(range(len(scores)), key=lambda index: (scores[index], index))

    head = strategies.head(scores, count)

    assert head.tolist() == whole[: max(count, 0)]
    assert head.dtype == np.int64


@given(scores=many_ties)
def test_a_longer_head_begins_with_the_shorter_one(scores: strategies.Scores) -> None:
    whole = strategies.head(scores, len(scores)).tolist()

    assert sorted(whole) == list(range(len(scores)))
    for count in range(len(scores)):
        assert strategies.head(scores, count).tolist() == whole[:count]


def test_equal_scores_are_settled_by_position() -> None:
    assert strategies.head(np.zeros(9), 4).tolist() == [0, 1, 2, 3]


def test_fewer_come_when_there_are_fewer() -> None:
    assert strategies.head(np.array([2.0, 1.5]), 10).tolist() == [1, 0]
    assert strategies.head(np.zeros(0), 10).tolist() == []


def test_a_score_that_is_no_number_is_refused_with_their_count() -> None:
    scores = np.array([0.1, np.nan, 0.3, np.nan, np.nan])

    with pytest.raises(ValueError, match="3 of 5 scores are not a number"):
        strategies.head(scores, 2)


def test_confidence_is_the_probability_of_the_most_probable_class() -> None:
    probabilities = make_probabilities()
    confidence = strategies.confidence(probabilities)

    assert confidence.dtype == np.float32
    assert confidence.tolist() == [max(row) for row in probabilities.tolist()]


def test_least_confidence_asks_first_what_the_model_is_least_sure_of() -> None:
    probabilities = make_probabilities()

    np.testing.assert_array_equal(score(probabilities, "least_confidence"), probabilities.max(axis=1))


def test_margin_is_the_lead_of_the_first_over_the_second() -> None:
    probabilities = make_probabilities()
    ordered = np.sort(probabilities, axis=1)

    np.testing.assert_array_equal(score(probabilities, "margin"), ordered[:, -1] - ordered[:, -2])


def test_entropy_is_scipys_with_the_most_uncertain_first() -> None:
    probabilities = make_probabilities()
    expected = entropy(probabilities.astype(np.float64), axis=1)

    # SciPy makes each row's sum 1 first; ours are, but for float32's last bits.
    np.testing.assert_allclose(-score(probabilities, "entropy"), expected, rtol=1e-5, atol=1e-5)


def test_a_certain_model_has_no_entropy_and_is_asked_last() -> None:
    probabilities = np.array([[0, 1, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    scores = score(probabilities, "entropy")

    assert scores[0] == 0
    assert strategies.head(scores, 3).tolist() == [2, 1, 0]


def test_with_two_classes_all_rules_but_random_agree() -> None:
    first = np.random.default_rng(0).permutation(np.linspace(0.01, 0.49, 50))
    probabilities = np.stack([first, 1 - first], axis=1).astype(np.float32)
    heads = [
        strategies.head(score(probabilities, strategy), 50).tolist() for strategy in STRATEGIES if strategy != "random"
    ]

    assert heads == [np.argsort(-first).tolist()] * 3


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_pool_with_one_class_has_a_ranking_too(strategy: Strategy) -> None:
    scores = score(np.ones((6, 1), np.float32), strategy)

    assert sorted(strategies.head(scores, 6).tolist()) == list(range(6))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_rule_gives_one_finite_score_an_image_the_same_each_time(strategy: Strategy) -> None:
    probabilities = make_probabilities()
    before = probabilities.copy()
    scores = score(probabilities, strategy, seed=(3, 4))

    assert scores.shape == (500,)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, score(probabilities, strategy, seed=(3, 4)))
    np.testing.assert_array_equal(probabilities, before)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_image_scores_the_same_whatever_is_ranked_beside_it(strategy: Strategy) -> None:
    probabilities, some = make_probabilities(), np.array([3, 100, 101, 250])

    alone = strategies.score(probabilities[some], strategy, positions=some)

    np.testing.assert_array_equal(score(probabilities, strategy)[some], alone)


def test_a_batch_has_the_models_view_of_each_image() -> None:
    probabilities, positions = make_probabilities(20), np.arange(100, 120)

    found = strategies.choose(positions, probabilities, "least_confidence", count=4, seed=(0,))

    order = sorted(range(20), key=lambda i: (probabilities[i].max(), i))[:4]
    assert found.positions.tolist() == positions[order].tolist()
    np.testing.assert_array_equal(found.scores, probabilities[order].max(axis=1))
    np.testing.assert_array_equal(found.confidence, probabilities[order].max(axis=1))
    np.testing.assert_array_equal(found.prediction, probabilities[order].argmax(axis=1))


def test_what_is_left_is_what_has_no_label_in_the_order_of_the_pool() -> None:
    rest = strategies.find_rest(20, np.array([7, 0, 19]))

    assert rest.tolist() == [position for position in range(20) if position not in (7, 0, 19)]


def test_random_scores_depend_on_the_seed_alone() -> None:
    probabilities = make_probabilities()
    np.random.seed(1)
    first = score(probabilities, "random", seed=(1, 2))
    np.random.seed(2)

    np.testing.assert_array_equal(first, score(1 - probabilities, "random", seed=(1, 2)))
    for other in ((1, 3), (2, 2), (0,)):
        assert (first != score(probabilities, "random", seed=other)).any()


def test_random_scores_prefer_no_position() -> None:
    scores = score(np.zeros((100_000, 2), np.float32), "random", seed=(5,))

    assert abs(np.corrcoef(scores, np.arange(100_000))[0, 1]) < 0.02
    assert abs(scores.mean() - 0.5) < 0.01


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_empty_pool_has_an_empty_ranking(strategy: Strategy) -> None:
    scores = score(np.zeros((0, 10), np.float32), strategy)

    assert strategies.head(scores, 10).tolist() == []
