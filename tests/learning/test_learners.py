"""What every learner of the table must keep: a new line there inherits all of these."""

import io
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from app.learning.learner import (
    Features,
    LabeledImages,
    Learner,
    PoolImages,
    count_right_untrained,
    find_right,
    fit_and_rank,
    predict_rest,
)
from app.learning.learners import make_learner
from app.learning.names import LEARNERS, STRATEGIES, LearnerName, Strategy
from app.learning.strategies import Batch
from tests.factories import make_images

pytestmark = [pytest.mark.tensorflow, pytest.mark.parametrize("name", LEARNERS)]

N, K, SHAPE = 60, 10, (4, 4)
IMAGES, TRUTH = make_images(N)
VALIDATION = LabeledImages(*make_images(20, seed=1))
TEST = LabeledImages(*make_images(200, seed=2))
NONE = LabeledImages(VALIDATION.images[:0], VALIDATION.truth[:0])
LABELED = np.array([31, 4, 15, 9, 26, 53, 58, 0, 1, 2, 40, 41])
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


def make(name: LearnerName) -> tuple[Learner, PoolImages]:
    return make_learner(name, K, SHAPE), PoolImages(IMAGES, prepare_once(name))


@cache
def prepare_once(name: LearnerName) -> Features:
    return make_learner(name, K, SHAPE).prepare(IMAGES)


def fit(learner: Learner, pool: PoolImages, labeled: NDArray[np.int64] = LABELED) -> bytes:
    return learner.fit(learner.initial(), pool, labeled, TRUTH[labeled], VALIDATION).state


def choose(
    learner: Learner,
    pool: PoolImages,
    state: bytes,
    strategy: Strategy = "least_confidence",
    *,
    labeled: NDArray[np.int64] = LABELED,
    count: int = 10,
) -> Batch:
    return learner.choose(state, pool, labeled, strategy=strategy, count=count, seed=(3, 4))


def as_bytes(batch: Batch) -> tuple[bytes, ...]:
    return tuple(np.asarray(part).tobytes() for part in (batch.positions, batch.scores, batch.confidence))


def test_a_learner_learns(name: LearnerName) -> None:
    learner, pool = make(name)
    everything = fit(learner, pool, np.arange(N))

    n_right = find_right(learner, everything, pool, TEST).sum()

    assert n_right > 100 > 2 * count_right_untrained(TEST)


def test_an_untrained_learner_finds_all_classes_equally_likely(name: LearnerName) -> None:
    learner, pool = make(name)
    state = learner.initial()

    np.testing.assert_allclose(learner.predict(state, pool, np.arange(N)), 1 / K, rtol=1e-6)
    assert find_right(learner, state, pool, TEST).sum() == count_right_untrained(TEST) > 0


@every_strategy
def test_equal_arguments_give_equal_bits_whatever_was_computed_before(name: LearnerName, strategy: Strategy) -> None:
    (learner, pool), other = make(name), make_learner(name, K, SHAPE)
    same_pool = PoolImages(IMAGES, other.prepare(IMAGES))
    first = fit(learner, pool)
    chosen = choose(learner, pool, first, strategy)
    learner.fit(first, pool, LABELED[::-1], TRUTH[LABELED[::-1]], VALIDATION)
    learner.predict(first, pool, np.arange(7))

    assert fit(learner, pool) == fit(other, same_pool) == first
    for again in (choose(learner, pool, first, strategy), choose(other, same_pool, first, strategy)):
        assert as_bytes(again) == as_bytes(chosen)
    _, probabilities = predict_rest(learner, first, pool, LABELED)
    np.testing.assert_array_equal(predict_rest(other, first, same_pool, LABELED)[1], probabilities)


def test_a_state_and_features_that_were_stored_go_on_as_if_they_had_not_been(name: LearnerName) -> None:
    learner, pool = make(name)
    state = fit(learner, pool)
    stored = io.BytesIO()
    np.savez(stored, allow_pickle=False, **pool.features.arrays)
    stored.seek(0)
    restarted = make_learner(name, K, SHAPE)
    features = Features(pool.features.version, dict(np.load(stored)))
    again = PoolImages(IMAGES, features)

    expected = learner.fit(state, pool, LABELED, TRUTH[LABELED], VALIDATION)

    assert restarted.fit(bytes(bytearray(state)), again, LABELED, TRUTH[LABELED], VALIDATION) == expected
    assert as_bytes(choose(restarted, again, state)) == as_bytes(choose(learner, pool, state))


@pytest.mark.parametrize("damage", [b"", b"\0", b"JUNK" * 40])
def test_bytes_that_are_no_state_are_refused(name: LearnerName, damage: bytes) -> None:
    learner, pool = make(name)

    for use in (
        lambda: learner.fit(damage, pool, LABELED, TRUTH[LABELED], VALIDATION),
        lambda: learner.predict(damage, pool, LABELED),
        lambda: learner.predict_others(damage, pool, TEST),
        lambda: choose(learner, pool, damage),
    ):
        with pytest.raises(ValueError, match="state"):
            use()


def test_the_state_of_another_kind_of_pool_is_refused(name: LearnerName) -> None:
    learner, pool = make(name)

    with pytest.raises(ValueError, match="classes"):
        learner.predict(make_learner(name, K + 1, SHAPE).initial(), pool, LABELED)


def test_a_fit_counts_what_its_model_gets_right_on_validation(name: LearnerName) -> None:
    learner, pool = make(name)
    found = learner.fit(learner.initial(), pool, LABELED, TRUTH[LABELED], VALIDATION)

    assert found.correct == find_right(learner, found.state, pool, VALIDATION).sum()


def test_a_pool_without_validation_images_can_be_learned(name: LearnerName) -> None:
    learner, pool = make(name)
    found = learner.fit(learner.initial(), pool, np.arange(N), TRUTH, NONE)

    assert found.correct is None
    assert find_right(learner, found.state, pool, TEST).sum() > 100


def test_one_label_is_enough_for_a_fit(name: LearnerName) -> None:
    learner, pool = make(name)
    state = fit(learner, pool, np.array([5]))

    assert set(learner.predict(state, pool, np.arange(N)).argmax(axis=1).tolist()) == {int(TRUTH[5])}


def test_probabilities_are_finite_and_add_up_to_one(name: LearnerName) -> None:
    learner, pool = make(name)
    state = fit(learner, pool)
    for probabilities in (
        learner.predict(state, pool, np.array([3, 0, 59])),
        learner.predict_others(state, pool, LabeledImages(TEST.images[:3], TEST.truth[:3])),
    ):
        assert probabilities.shape == (3, K)
        assert probabilities.dtype == np.float32
        assert (probabilities >= 0).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert learner.predict(state, pool, LABELED[:0]).shape == (0, K)
    assert learner.predict_others(state, pool, NONE).shape == (0, K)


@every_strategy
@pytest.mark.parametrize(("count", "n_chosen"), [(0, 0), (1, 1), (10, 10), (48, 48), (49, 48), (1000, 48)])
def test_a_batch_has_each_image_once_none_with_a_label_and_fewer_if_there_are_fewer(
    name: LearnerName, strategy: Strategy, count: int, n_chosen: int
) -> None:
    learner, pool = make(name)
    state = fit(learner, pool)

    batch = choose(learner, pool, state, strategy, count=count)

    chosen = batch.positions.tolist()
    assert len(chosen) == len(set(chosen)) == n_chosen
    assert set(chosen) <= set(range(N)) - set(LABELED.tolist())
    for part in (batch.scores, batch.confidence, batch.prediction):
        assert part.shape == (n_chosen,)
        assert np.isfinite(part).all()


@every_strategy
def test_a_longer_batch_begins_with_the_shorter_one(name: LearnerName, strategy: Strategy) -> None:
    learner, pool = make(name)
    state = fit(learner, pool)
    longest = choose(learner, pool, state, strategy, count=N).positions.tolist()

    for count in (1, 10, 25, 47):
        assert choose(learner, pool, state, strategy, count=count).positions.tolist() == longest[:count]


@every_strategy
def test_the_order_of_a_batch_does_not_depend_on_that_of_the_labels(name: LearnerName, strategy: Strategy) -> None:
    learner, pool = make(name)
    state = fit(learner, pool)

    one, other = (choose(learner, pool, state, strategy, labeled=labeled) for labeled in (LABELED, LABELED[::-1]))

    assert as_bytes(one) == as_bytes(other)


def test_a_batch_tells_what_the_model_thinks_of_its_images(name: LearnerName) -> None:
    learner, pool = make(name)
    state = fit(learner, pool)
    rest, probabilities = predict_rest(learner, state, pool, LABELED)

    batch = choose(learner, pool, state, count=20)

    rows = np.searchsorted(rest, batch.positions)
    np.testing.assert_array_equal(batch.confidence, probabilities[rows].max(axis=1))
    np.testing.assert_array_equal(batch.prediction, probabilities[rows].argmax(axis=1))


def test_nothing_that_was_given_is_changed(name: LearnerName) -> None:
    learner, pool = make(name)
    given: list[NDArray[np.generic]] = [IMAGES, TRUTH, LABELED, VALIDATION.images, VALIDATION.truth]
    given += pool.features.arrays.values()
    before = [array.tobytes() for array in given]

    choose(learner, pool, fit(learner, pool))

    assert [array.tobytes() for array in given] == before


def test_a_round_is_a_fit_and_what_it_chooses(name: LearnerName) -> None:
    learner, pool = make(name)
    ticks = iter((1.0, 1.5, 1.75))

    found = fit_and_rank(
        learner,
        learner.initial(),
        pool,
        LABELED,
        TRUTH[LABELED],
        VALIDATION,
        strategy="margin",
        count=7,
        seed=(3, 4),
        clock=lambda: next(ticks),
    )

    assert found.fit.state == fit(learner, pool)
    assert as_bytes(found.batch) == as_bytes(choose(learner, pool, found.fit.state, "margin", count=7))
    assert (found.fit_ms, found.rank_ms) == (500, 250)


def test_its_numerics_are_told_and_fit_their_column(name: LearnerName) -> None:
    numerics = make_learner(name, K, SHAPE).numerics()

    assert 0 < len(numerics) <= 100
    assert numerics == make_learner(name, 2, (1, 1)).numerics()


def test_to_make_a_learner_and_its_first_state_loads_no_library(name: LearnerName) -> None:
    code = (
        "import sys\n"
        "from app.learning.learners import make_learner\n"
        f"make_learner({name!r}, 10, (28, 28)).initial()\n"
        "print(sorted({'tensorflow', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"


def test_a_learner_that_is_not_in_the_table_is_refused_by_name(name: LearnerName) -> None:
    with pytest.raises(ValueError, match=rf"does not know the learner 'astrology'; it has .*{name}"):
        make_learner("astrology", K, SHAPE)
