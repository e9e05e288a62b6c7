"""Every rule against a reference, every head against a whole sort, and no order that is not total."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.typing import NDArray
from scipy.stats import entropy

from app.learning import ranking
from app.learning.ranking import RULES, Rule


def make_probabilities(n_images: int = 500, n_classes: int = 10, seed: int = 0) -> NDArray[np.float32]:
    """Some sure, some not, a few with zeros."""
    logits = np.random.default_rng(seed).normal(scale=6, size=(n_images, n_classes))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares[::7, 0] = 0
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def everything(n: int) -> NDArray[np.bool_]:
    return np.ones(n, np.bool_)


# A few values only, so that most of them tie; 0.0 and -0.0 are equal and tie too.
few_values = st.sampled_from([-0.0, 0.0, 0.1, 0.25, 0.5, 1.0, float("inf"), -1.0])
many_ties = st.integers(0, 60).flatmap(lambda n: arrays_of.arrays(np.float32, n, elements=few_values))
all_different = st.integers(0, 60).flatmap(
    lambda n: arrays_of.arrays(np.float64, n, elements=st.floats(allow_nan=False), unique=True)
)


@settings(deadline=None, max_examples=300)
@given(scores=many_ties | all_different, count=st.integers(-2, 70), data=st.data())
def test_the_head_is_that_of_a_whole_sort(scores: ranking.Scores, count: int, data: st.DataObject) -> None:
    eligible = data.draw(arrays_of.arrays(np.bool_, len(scores)))
    whole = sorted(np.flatnonzero(eligible).tolist(), key=lambda position: (scores[position], position))

    head = ranking.head(scores, count, eligible=eligible)

    assert head.tolist() == whole[: max(count, 0)]
    assert head.dtype == np.int64


@settings(deadline=None)
@given(scores=many_ties)
def test_a_longer_head_begins_with_the_shorter_one(scores: ranking.Scores) -> None:
    eligible = everything(len(scores))
    whole = ranking.head(scores, len(scores), eligible=eligible).tolist()

    assert sorted(whole) == list(range(len(scores)))
    for count in range(len(scores)):
        assert ranking.head(scores, count, eligible=eligible).tolist() == whole[:count]


def test_equal_scores_are_settled_by_position() -> None:
    assert ranking.head(np.zeros(9), 4, eligible=everything(9)).tolist() == [0, 1, 2, 3]


def test_fewer_come_when_fewer_are_eligible() -> None:
    eligible = np.array([False, True, False, True])

    assert ranking.head(np.array([0.0, 2.0, 1.0, 1.5]), 10, eligible=eligible).tolist() == [3, 1]
    assert ranking.head(np.zeros(4), 10, eligible=~everything(4)).tolist() == []


def test_a_score_that_is_no_number_is_refused_with_their_count() -> None:
    scores = np.array([0.1, np.nan, 0.3, np.nan, np.nan])

    with pytest.raises(ValueError, match="3 of 5 scores are not a number"):
        ranking.head(scores, 2, eligible=everything(5))


def test_a_score_that_is_no_number_does_not_matter_where_nobody_looks() -> None:
    scores = np.array([0.1, np.nan, 0.3])

    assert ranking.head(scores, 2, eligible=~np.isnan(scores)).tolist() == [0, 2]


def test_confidence_is_the_probability_of_the_most_probable_class() -> None:
    probabilities = make_probabilities()
    confidence = ranking.confidence(probabilities)

    assert confidence.dtype == np.float32
    assert confidence.tolist() == [max(row) for row in probabilities.tolist()]


def test_least_confidence_asks_first_what_the_model_is_least_sure_of() -> None:
    probabilities = make_probabilities()

    np.testing.assert_array_equal(ranking.score(probabilities, "least_confidence"), probabilities.max(axis=1))


def test_margin_is_the_lead_of_the_first_over_the_second() -> None:
    probabilities = make_probabilities()
    ordered = np.sort(probabilities, axis=1)

    np.testing.assert_array_equal(ranking.score(probabilities, "margin"), ordered[:, -1] - ordered[:, -2])


def test_entropy_is_scipys_with_the_most_uncertain_first() -> None:
    probabilities = make_probabilities()
    expected = entropy(probabilities.astype(np.float64), axis=1)

    # SciPy makes each row's sum 1 first; ours are, but for float32's last bits.
    np.testing.assert_allclose(-ranking.score(probabilities, "entropy"), expected, rtol=1e-5, atol=1e-5)


def test_a_certain_model_has_no_entropy_and_is_asked_last() -> None:
    probabilities = np.array([[0, 1, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    scores = ranking.score(probabilities, "entropy")

    assert scores[0] == 0
    assert ranking.head(scores, 3, eligible=everything(3)).tolist() == [2, 1, 0]


def test_with_two_classes_all_rules_but_random_agree() -> None:
    first = np.random.default_rng(0).permutation(np.linspace(0.01, 0.49, 50))
    probabilities = np.stack([first, 1 - first], axis=1).astype(np.float32)
    heads = [
        ranking.head(ranking.score(probabilities, rule), 50, eligible=everything(50)).tolist()
        for rule in RULES
        if rule != "random"
    ]

    assert heads == [np.argsort(-first).tolist()] * 3


@pytest.mark.parametrize("rule", RULES)
def test_a_pool_with_one_class_has_a_ranking_too(rule: Rule) -> None:
    scores = ranking.score(np.ones((6, 1), np.float32), rule)

    assert sorted(ranking.head(scores, 6, eligible=everything(6)).tolist()) == list(range(6))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_gives_one_finite_score_an_image_the_same_each_time(rule: Rule) -> None:
    probabilities = make_probabilities()
    before = probabilities.copy()
    scores = ranking.score(probabilities, rule, seed=(3, 4))

    assert scores.shape == (500,)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, ranking.score(probabilities, rule, seed=(3, 4)))
    np.testing.assert_array_equal(probabilities, before)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "random"])
def test_an_image_scores_the_same_whatever_is_ranked_beside_it(rule: Rule) -> None:
    probabilities = make_probabilities()

    np.testing.assert_array_equal(
        ranking.score(probabilities, rule)[100:200], ranking.score(probabilities[100:200], rule)
    )


def test_random_scores_depend_on_the_seed_alone() -> None:
    probabilities = make_probabilities()
    np.random.seed(1)
    first = ranking.score(probabilities, "random", seed=(1, 2))
    np.random.seed(2)

    np.testing.assert_array_equal(first, ranking.score(1 - probabilities, "random", seed=(1, 2)))
    for other in ((1, 3), (2, 2), (0,)):
        assert (first != ranking.score(probabilities, "random", seed=other)).any()


def test_random_scores_prefer_no_position() -> None:
    scores = ranking.score(np.zeros((100_000, 2), np.float32), "random", seed=(5,))

    assert abs(np.corrcoef(scores, np.arange(100_000))[0, 1]) < 0.02
    assert abs(scores.mean() - 0.5) < 0.01


@pytest.mark.parametrize("rule", RULES)
def test_an_empty_pool_has_an_empty_ranking(rule: Rule) -> None:
    scores = ranking.score(np.zeros((0, 10), np.float32), rule)

    assert ranking.head(scores, 10, eligible=everything(0)).tolist() == []
