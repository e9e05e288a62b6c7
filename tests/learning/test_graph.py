"""The learner that knows the pool before it asks: what it promises beyond the contract of all learners."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.learning import graph, graph_threads
from app.learning.graph import GraphLearner
from app.learning.learner import Features, LabeledImages, PoolImages, find_right, fit_and_rank
from app.learning.names import Strategy
from tests.factories import make_images

Images = NDArray[np.uint8]
Positions = NDArray[np.int64]
K, N = 4, 120
NO_LABELS = np.empty(0, np.int64)
MARGIN: Strategy = "margin"


def draw(n: int, *, side: int = 16, channels: int = 0, seed: int = 0) -> tuple[Images, Positions]:
    """Bars (n, side, side), upright, lying, or along a diagonal, each a class; shifted, thick or thin, with noise."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(K, size=n)
    y, x = np.indices((side, side)) * (16 / side)
    along = np.stack([x, y, (x + y) / 1.4, (x - y) / 1.4 + 11.3 - 3.3])[truth]  # (n, side, side)
    middle = np.where(truth == 2, 11.3, 8) + rng.uniform(-2, 2, n)
    width = rng.uniform(1, 2.5, n)
    ink = 220 * (np.abs(along - middle[:, None, None]) < width[:, None, None])
    ink = np.clip(ink + rng.integers(0, 35, ink.shape), 0, 255).astype(np.uint8)
    if channels:
        ink = np.stack([ink // np.uint8(1 + channel) for channel in range(channels)], axis=-1)
    return np.asarray(ink, np.uint8), truth.astype(np.int64)


def prepare(images: Images, n_classes: int = K, sample: Positions | None = None) -> tuple[GraphLearner, PoolImages]:
    learner = GraphLearner(n_classes, images.shape[1:])
    return learner, PoolImages(images, learner.prepare(images, sample=sample))


def none_of(images: Images) -> LabeledImages:
    return LabeledImages(images[:0], NO_LABELS)


def ask(learner: GraphLearner, pool: PoolImages, answers: Positions, n_labels: int) -> tuple[bytes, Positions]:
    """Ask ten by ten; the state and the positions in the order in which they were asked."""
    state, labeled = learner.initial(), NO_LABELS
    while len(labeled) < n_labels:
        batch = learner.choose(state, pool, labeled, strategy=MARGIN, count=10, seed=(0,))
        labeled = np.append(labeled, batch.positions)
        state = learner.fit(state, pool, labeled, answers[labeled], none_of(pool.images)).state
    return state, labeled


@pytest.fixture(scope="module")
def bars() -> tuple[GraphLearner, PoolImages, Positions]:
    images, truth = draw(N)
    return *prepare(images), truth


def test_ten_answers_tell_the_classes_apart(bars: tuple[GraphLearner, PoolImages, Positions]) -> None:
    learner, pool, truth = bars
    state, _ = ask(learner, pool, truth, 10)
    others = LabeledImages(*draw(200, seed=1))

    assert find_right(learner, state, pool, others).mean() > 0.95


def test_the_first_images_are_chosen_without_a_label_and_reach_every_class(
    bars: tuple[GraphLearner, PoolImages, Positions],
) -> None:
    learner, pool, truth = bars

    found = fit_and_rank(
        learner,
        learner.initial(),
        pool,
        NO_LABELS,
        NO_LABELS,
        none_of(pool.images),
        strategy=MARGIN,
        count=10,
        seed=(0,),
        clock=lambda: 0.0,
    )

    assert set(truth[found.batch.positions].tolist()) == set(range(K))
    np.testing.assert_array_equal(found.batch.confidence, np.float32(1 / K))


def test_the_design_goes_on_where_its_answers_end(bars: tuple[GraphLearner, PoolImages, Positions]) -> None:
    learner, pool, truth = bars
    first = learner.choose(learner.initial(), pool, NO_LABELS, strategy=MARGIN, count=10, seed=(0,)).positions
    state = learner.fit(learner.initial(), pool, first[:6], truth[first[:6]], none_of(pool.images)).state

    following = learner.choose(state, pool, first[:6], strategy=MARGIN, count=4, seed=(0,)).positions

    np.testing.assert_array_equal(following, first[6:])


def test_a_design_from_other_labels_leaves_them_out(bars: tuple[GraphLearner, PoolImages, Positions]) -> None:
    learner, pool, truth = bars
    labeled = np.array([3, 5, 8])
    state = learner.fit(learner.initial(), pool, labeled, truth[labeled], none_of(pool.images)).state

    batch = learner.choose(state, pool, labeled, strategy=MARGIN, count=1000, seed=(0,))

    assert sorted([*batch.positions, *labeled]) == list(range(N))


def test_the_bits_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = draw(N)
    found = []
    for n_threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
        assert graph_threads.count_threads() == int(n_threads)
        found.append(prepare(images)[1].features)

    for name, array in found[0].arrays.items():
        assert array.tobytes() == found[1].arrays[name].tobytes(), name


def test_another_seed_makes_other_features() -> None:
    images, _ = draw(N)
    learner = GraphLearner(K, images.shape[1:])

    one, other = (learner.prepare(images, seed=seed).arrays["phi"] for seed in (0, 1))

    assert one.tobytes() != other.tobytes()


def test_features_of_another_version_are_refused(bars: tuple[GraphLearner, PoolImages, Positions]) -> None:
    learner, pool, _ = bars
    later = PoolImages(pool.images, Features(pool.features.version + 1, pool.features.arrays))

    with pytest.raises(ValueError, match="version"):
        learner.predict(learner.initial(), later, NO_LABELS)


def test_an_image_embedded_ahead_is_predicted_alike(bars: tuple[GraphLearner, PoolImages, Positions]) -> None:
    learner, pool, truth = bars
    state, _ = ask(learner, pool, truth, 20)
    images, others = draw(30, seed=1)

    now = learner.predict_others(state, pool, LabeledImages(images, others))
    ahead = learner.predict_others(state, pool, LabeledImages(images, others, learner.embed(pool, images)))

    np.testing.assert_array_equal(now, ahead)


def test_only_a_sample_is_asked_and_the_rest_is_predicted_and_learned_all_the_same() -> None:
    images, truth = draw(200)
    sample = np.arange(0, 200, 2)
    learner, pool = prepare(images, sample=sample)
    state, labeled = ask(learner, pool, truth, 30)
    outside = np.array([1, 3, 5])

    assert set(labeled.tolist()) <= set(sample.tolist())
    assert (learner.predict(state, pool, np.arange(200)).argmax(axis=1) == truth).mean() > 0.9
    more = np.append(labeled, outside)
    again = learner.fit(state, pool, more, truth[more], none_of(images)).state
    batch = learner.choose(again, pool, more, strategy=MARGIN, count=200, seed=(0,))
    assert sorted([*batch.positions, *labeled]) == sample.tolist()


def test_steps_are_told_in_words_with_a_share_that_rises_to_one() -> None:
    images, _ = draw(N)
    told: list[tuple[str, float]] = []

    GraphLearner(K, images.shape[1:]).prepare(images, on_step=lambda name, share: told.append((name, share)))

    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] == 1
    assert len({name for name, _ in told}) >= 4


@pytest.mark.parametrize("absent", [[], [1], [0, 2, 3]])
def test_a_class_that_nobody_answered_is_never_predicted(
    bars: tuple[GraphLearner, PoolImages, Positions], absent: list[int]
) -> None:
    learner, pool, truth = bars
    labeled = np.flatnonzero(~np.isin(truth, absent))[:30]
    state = learner.fit(learner.initial(), pool, labeled, truth[labeled], none_of(pool.images)).state

    assert not set(learner.predict(state, pool, np.arange(N)).argmax(axis=1).tolist()) & set(absent)


def test_a_wrong_answer_among_the_first_is_checked_by_its_neighbours(
    bars: tuple[GraphLearner, PoolImages, Positions],
) -> None:
    learner, pool, truth = bars
    _, labeled = ask(learner, pool, truth, 10)
    counts = np.bincount(truth[labeled], minlength=K)
    rare = int(counts.argmin())
    answers = truth.copy()
    answers[labeled[truth[labeled] == rare]] = (rare + 1) % K  # the class is missing now
    state = learner.fit(learner.initial(), pool, labeled, answers[labeled], none_of(pool.images)).state

    asked = learner.choose(state, pool, labeled, strategy=MARGIN, count=10, seed=(0,)).positions

    assert rare in truth[asked[: 2 * graph.MOST_SUSPECTS]]


def test_where_another_model_disagrees_is_asked_first(bars: tuple[GraphLearner, PoolImages, Positions]) -> None:
    learner, pool, truth = bars
    state, labeled = ask(learner, pool, truth, 40)
    ours = learner.predict(state, pool, np.arange(N)).argmax(axis=1)
    sure = np.setdiff1d(
        learner.choose(state, pool, labeled, strategy=MARGIN, count=N, seed=(0,)).positions[-5:], labeled
    )
    theirs = np.full(N, -1)
    theirs[sure] = (ours[sure] + 1) % K

    asked = learner.choose(state, pool, labeled, strategy=MARGIN, count=10, seed=(0,), second_opinion=theirs).positions

    assert len(set(sure.tolist()) & set(asked.tolist())) >= 3


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("empty", np.zeros((25, 8, 8), np.uint8)),
        ("equal", np.repeat(draw(1)[0], 25, axis=0)),
        ("duplicates", np.concatenate([draw(10)[0], draw(10)[0], np.zeros((5, 16, 16), np.uint8)])),
        ("colours", draw(25, channels=3)[0]),
        ("tiny", make_images(25)[0]),
        ("large", draw(25, side=64)[0]),
        ("oblong", draw(25, side=40)[0][:, :20]),
        ("few", draw(3)[0]),
        ("one", draw(1)[0]),
    ],
)
def test_odd_pools_are_learned_without_a_crash_and_without_nan(name: str, images: Images) -> None:
    n, n_classes = len(images), 3
    learner, pool = prepare(images, n_classes)
    answers = np.arange(n) % n_classes
    state, labeled = learner.initial(), NO_LABELS
    for count in (1, 2, 10, 10):
        batch = learner.choose(state, pool, labeled, strategy=MARGIN, count=count, seed=(0,))
        assert np.isfinite(batch.scores).all(), name
        labeled = np.append(labeled, batch.positions)
        state = learner.fit(state, pool, labeled, answers[labeled], none_of(images)).state
        shares = learner.predict(state, pool, np.arange(n))
        assert np.isfinite(shares).all(), name
        others = learner.predict_others(state, pool, LabeledImages(images[:5], answers[:5]))
        assert np.isfinite(others).all(), name
    assert len(set(labeled.tolist())) == len(labeled) == min(n, 23)


def test_a_thousand_classes_with_few_images_each_can_be_asked_and_learned() -> None:
    images, truth = draw(60)
    learner, pool = prepare(images, 1000)
    values = truth + 10 * np.arange(60)
    labeled = learner.choose(learner.initial(), pool, NO_LABELS, strategy=MARGIN, count=50, seed=(0,)).positions

    state = learner.fit(learner.initial(), pool, labeled, values[labeled], none_of(images)).state

    assert len(set(labeled.tolist())) == 50
    predicted = learner.predict(state, pool, labeled).argmax(axis=1)
    assert (predicted == values[labeled]).mean() > 0.5
