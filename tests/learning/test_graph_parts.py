"""The parts of the learner `graph` against NumPy, SciPy and scikit-learn, written another way."""

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors

from app.learning import graph_model, graph_ridge, graph_threads
from app.learning.graph_codes import Dictionary, encode
from app.learning.graph_images import as_floats, distort
from app.learning.graph_lda import find_main_directions, instance_lda, to_length_1
from app.learning.graph_neighbours import find_eigenvectors, find_nearest, link
from app.learning.graph_state import State

RNG = np.random.default_rng(0)


def normal(*shape: int, seed: int = 0) -> graph_ridge.Float32:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_small_image_is_enlarged_and_a_large_one_keeps_its_mean() -> None:
    small, large = np.arange(64, dtype=np.uint8).reshape(1, 8, 8), RNG.integers(0, 256, (2, 64, 50, 3), np.uint8)

    enlarged, shrunk = as_floats(small), as_floats(large)

    np.testing.assert_allclose(enlarged[0, ..., 0], np.kron(small[0], np.ones((3, 3))) / 255, atol=1e-6)
    assert shrunk.shape == (2, 32, 32, 3)
    np.testing.assert_allclose(shrunk.mean(axis=(1, 2)), large.mean(axis=(1, 2)) / 255, atol=1e-5)
    np.testing.assert_array_equal(as_floats(large[:, :20, :30])[..., 0] * 255, large[:, :20, :30, 0])


def test_a_copy_differs_a_little_and_stays_within_the_range_of_a_grey_image() -> None:
    sheet = np.zeros((50, 28, 28, 1), np.float32)
    sheet[:, 10:18, 10:18] = 1

    copies = distort(sheet, np.random.default_rng(0))

    assert copies.min() >= 0
    assert copies.max() <= 1 + 1e-6
    assert 0 < np.abs(copies - sheet).mean() < 0.08
    np.testing.assert_allclose(copies.sum(axis=(1, 2, 3)).mean(), 64, rtol=0.1)


def test_a_code_is_the_pooled_triangle_code() -> None:
    x = RNG.random((3, 20, 16, 1), np.float32)
    words = normal(7, 25)
    dictionary = Dictionary(np.zeros(25, np.float32), np.eye(25, dtype=np.float32), words)

    codes = encode(dictionary, x).reshape(3, 4, 4, 7)

    patches = np.array([[x[1, i : i + 5, j : j + 5].ravel() for j in range(12)] for i in range(16)])
    patches = patches - patches.mean(axis=-1, keepdims=True)
    patches /= np.sqrt(patches.var(axis=-1, keepdims=True) + 0.01)
    distances = cdist(patches.reshape(-1, 25), words)
    triangle = np.maximum(distances.mean(axis=1, keepdims=True) - distances, 0).reshape(16, 12, 7)

    def window(n: int, point: int) -> graph_model.Float64:
        weights = np.exp(-0.5 * ((np.arange(n) + 0.5 - (point + 0.5) * n / 4) / (n / 8)) ** 2)
        return np.asarray(weights / weights.sum())

    expected = np.einsum("i,j,ijk->k", window(16, 2), window(12, 1), triangle)
    np.testing.assert_allclose(codes[1, 2, 1], np.sqrt(expected), rtol=1e-3, atol=1e-4)


def test_main_directions_hold_the_most_variance() -> None:
    x = normal(900, 700) * np.linspace(3, 0.1, 700, dtype=np.float32)
    x -= x.mean(axis=0)

    directions = find_main_directions(x, np.random.default_rng(0))

    best = np.linalg.svd(x, compute_uv=False)[:600]
    np.testing.assert_allclose(directions.T @ directions, np.eye(600), atol=1e-4)
    assert ((x @ directions) ** 2).sum() > 0.99 * (best**2).sum()


def test_instance_lda_solves_the_generalised_eigenvalue_problem() -> None:
    x, change = normal(400, 6), normal(400, 6, seed=1) * np.array([1, 1, 1, 0.1, 0.1, 0.1], np.float32)
    change -= change.mean(axis=0)

    directions = instance_lda(x, [x + change], np.eye(6), 0.02, 2)

    within = np.cov(change.T, bias=True)
    values = eigh(np.cov(x.T, bias=True), within + 0.02 * np.trace(within) / 6 * np.eye(6), eigvals_only=True)
    ratio = (x @ directions).var(axis=0) / np.diag(
        directions.T @ (within + 0.02 * np.trace(within) / 6 * np.eye(6)) @ directions
    )
    np.testing.assert_allclose(ratio, values[::-1][:2], rtol=1e-2)
    assert np.abs(directions[3:]).sum() > 5 * np.abs(directions[:3]).sum()


def test_the_nearest_are_scikit_learns() -> None:
    places, others = to_length_1(normal(700, 5)), to_length_1(normal(40, 5, seed=1))

    nearest, squared = find_nearest(places, others, 4)
    own, _ = find_nearest(places, places, 4, same=True)

    distances, expected = NearestNeighbors(n_neighbors=4).fit(places).kneighbors(others)
    np.testing.assert_array_equal(nearest, expected)
    np.testing.assert_allclose(squared, distances**2, atol=1e-5)
    np.testing.assert_array_equal(own, NearestNeighbors(n_neighbors=5).fit(places).kneighbors(places)[1][:, 1:])


def test_the_graph_is_symmetric_and_its_largest_eigenvalue_is_one() -> None:
    places = to_length_1(normal(200, 3))

    matrix = link(*find_nearest(places, places, 10, same=True)).toarray()

    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix)[-1], 1, atol=1e-5)


def test_the_leading_eigenvectors_are_found() -> None:
    places = to_length_1(normal(30, 8)[np.arange(1500) % 30] + 0.3 * normal(1500, 8, seed=1))  # 30 clusters
    matrix = link(*find_nearest(places, places, 10, same=True))

    values, vectors = find_eigenvectors(matrix, 30, np.random.default_rng(0))

    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix.toarray())[::-1][:30], atol=1e-4)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(30), atol=1e-3)
    assert np.abs(matrix @ vectors - vectors * values).max() < 5e-3


def test_a_small_graph_has_all_its_eigenvectors() -> None:
    matrix = csr_array(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0.5]], np.float32))

    values, _ = find_eigenvectors(matrix, 2, np.random.default_rng(0))

    np.testing.assert_allclose(values, [1, 0.5], atol=1e-6)


def test_without_the_gaussian_kernel_the_model_is_ridge_regression() -> None:
    phi, values = normal(15, 40), RNG.integers(0, 5, 15)
    weights, local = graph_model.fit(phi, 8, values, 50)

    expected = Ridge(alpha=graph_model.NOISE, fit_intercept=False).fit(phi, np.eye(50)[values] - 1 / 50)

    assert not len(local)
    np.testing.assert_allclose(weights.T, expected.coef_, atol=1e-5)


def with_looks(n: int, seed: int) -> graph_ridge.Float32:
    """Features (n, 20), the last 12 of which are one of 40 looks."""
    look = graph_model.LOOK_WEIGHT * to_length_1(normal(40, 12, seed=seed))[np.arange(n) % 40]
    return np.hstack([normal(n, 8, seed=seed + 1), look]).astype(np.float32)


@pytest.mark.parametrize("anchors", [1500, 100])
def test_with_it_the_model_is_a_gaussian_process(anchors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer anchors than labels too, if each of the others looks like one of them."""
    monkeypatch.setattr(graph_model, "ANCHORS", anchors)
    phi, rest, values = with_looks(120, 0), with_looks(50, 5), RNG.integers(0, 3, 120)
    weights, local = graph_model.fit(phi, 12, values, 3)
    looks = phi[graph_model.pick_anchors(120, 3)][:, -12:]

    scores = graph_model.score(rest, weights, looks, local)

    # A look is three times as long as a(x), so |a - b|^2 is a ninth of its squared distance.
    gaussian = ConstantKernel(graph_model.amplitude_of(120, 3), "fixed") * RBF(3 / np.sqrt(2), "fixed")
    near = gaussian(rest[:, 8:], phi[:, 8:])
    gram = gaussian(phi[:, 8:]) + DotProduct(0, "fixed")(phi) + graph_model.NOISE * np.eye(120)
    expected = (near + rest @ phi.T) @ np.linalg.solve(gram, np.eye(3)[values] - 1 / 3)
    np.testing.assert_allclose(scores, expected, atol=2e-3)


def test_the_gaussian_kernel_gains_weight_with_the_labels_of_a_class() -> None:
    amplitudes = [graph_model.amplitude_of(n, 10) for n in (10, 60, 200, 400, 2000)]

    assert amplitudes == sorted(amplitudes)
    assert amplitudes[0] == 0
    np.testing.assert_allclose(amplitudes[3:], [300, 1000])
    assert graph_model.amplitude_of(400, 100) == graph_model.amplitude_of(40, 10)


@pytest.mark.parametrize("n", [5, 50])
def test_a_variance_is_that_of_a_gaussian_process(n: int) -> None:
    phi, rest = normal(n, 20), normal(30, 20, seed=1)

    found = graph_ridge.find_variances(rest, phi, 10.0)

    np.testing.assert_allclose(found, graph_ridge.quadratic(rest, graph_ridge.find_covariance(phi, 10.0)), rtol=1e-3)
    process = GaussianProcessRegressor(DotProduct(0, "fixed"), alpha=10.0, optimizer=None).fit(phi, np.zeros(n))
    np.testing.assert_allclose(found, process.predict(rest, return_std=True)[1] ** 2, rtol=1e-3)


def test_each_pick_of_the_design_lowers_the_summed_variance_most() -> None:
    phi, labeled = normal(40, 12), normal(3, 12, seed=1)

    picks, gains = graph_ridge.design(phi, labeled, 4, np.array([7]))

    known, before = labeled, 0.0
    assert sorted(picks.tolist()) == sorted(set(range(40)) - {7})
    assert (np.diff(gains[4:]) <= 0).all()
    for pick, gain in zip(picks[:4], gains[:4], strict=True):
        after = {
            row: graph_ridge.quadratic(phi, graph_ridge.find_covariance(np.vstack([known, phi[row]]), 1.0)).sum()
            for row in set(range(40)) - {7, *(picks[: len(known) - 3].tolist())}
        }
        before = graph_ridge.quadratic(phi, graph_ridge.find_covariance(known, 1.0)).sum()
        assert pick == min(after, key=lambda row: after[row])
        np.testing.assert_allclose(gain, before - after[int(pick)], rtol=1e-2)
        known = np.vstack([known, phi[pick]])


def test_the_unsure_are_ranked_as_if_those_before_them_were_answered() -> None:
    phi, doubt = normal(80, 12), RNG.random(60).astype(np.float32)
    rows = np.arange(20, 80)

    order, values = graph_ridge.rank_unsure(phi, phi[:20], doubt, rows, 60)

    known = phi[:20]
    for number in range(5):
        variances = graph_ridge.quadratic(phi[rows], graph_ridge.find_covariance(known, 10.0))
        scores = doubt * variances / (10 + variances)
        scores[np.isin(rows, order[:number])] = -1
        assert order[number] == rows[scores.argmax()]
        np.testing.assert_allclose(values[number], scores.max(), rtol=1e-3)
        known = np.vstack([known, phi[order[number]]])
    assert sorted(order.tolist()) == rows.tolist()
    assert (np.diff(values[graph_ridge.AS_A_SET :]) <= 0).all()


def test_lonely_labels_are_those_far_from_all_others() -> None:
    phi = 5 * np.eye(4, dtype=np.float32)[[0, 0, 0, 1]]

    assert graph_model.find_lonely(phi).tolist() == [False, False, False, True]


def test_a_state_comes_back_bit_for_bit() -> None:
    state = State(3, np.array([4, 9]), np.array([2, 0]), normal(5, 3), normal(2, 3, seed=1))

    again = State.from_bytes(state.to_bytes())

    assert again.to_bytes() == state.to_bytes()
    np.testing.assert_array_equal(again.local, state.local)
    with pytest.raises(ValueError, match="bytes"):
        State.from_bytes(state.to_bytes()[:-1])


@pytest.mark.parametrize("n_threads", ["1", "2"])
def test_blocks_come_back_in_their_order(n_threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
    blocks = graph_threads.split(95, 10)

    assert list(graph_threads.each(lambda block: block.start, blocks)) == list(range(0, 95, 10))
    assert blocks[-1] == slice(90, 95)
