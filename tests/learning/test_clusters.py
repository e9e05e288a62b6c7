"""k-means against scikit-learn's own run from the same centres."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from app.learning.clusters import find_clusters
from tests.factories import make_images


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """300 noisy patterns of 36 pixels."""
    return make_images(300, height=6, width=6)[0].reshape(300, 36)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("n_iterations", [1, 4, 10])
def test_the_centres_are_scikit_learns(images: NDArray[np.uint8], n_iterations: int, seed: int) -> None:
    x = images / 255
    drawn = x[np.random.default_rng(seed).choice(len(x), 10, replace=False)]
    reference = KMeans(10, init=drawn, n_init=1, max_iter=n_iterations, tol=0, algorithm="lloyd")
    reference.fit(x)

    found = find_clusters(images, n_iterations=n_iterations, seed=seed)

    np.testing.assert_allclose(found.centers, reference.cluster_centers_, atol=1e-9)
    assert found.distances[-1] == pytest.approx(reference.inertia_, rel=1e-9)


def test_the_distances_are_those_of_each_image_to_its_nearest_centre(images: NDArray[np.uint8]) -> None:
    found = find_clusters(images, n_iterations=3, seed=4)
    differences = images[:, None, :] / 255 - found.centers[None, :, :]  # (N, 10, D)

    assert found.distances[-1] == pytest.approx((differences**2).sum(axis=2).min(axis=1).sum())


def test_the_distance_never_grows(images: NDArray[np.uint8]) -> None:
    for seed in range(5):
        distances = find_clusters(images, seed=seed).distances

        assert len(distances) == 11
        assert all(after <= before + 1e-9 for before, after in pairwise(distances))
        assert distances[-1] < distances[0]


def test_the_same_seed_gives_the_same_centres_and_another_others(images: NDArray[np.uint8]) -> None:
    first, again, other = (find_clusters(images, seed=seed) for seed in (3, 3, 4))

    assert (first.centers.tobytes(), first.distances) == (again.centers.tobytes(), again.distances)
    assert other.distances != first.distances


def test_centres_are_pixels_between_black_and_white(images: NDArray[np.uint8]) -> None:
    centers = find_clusters(images, n_clusters=4, seed=0).centers

    assert centers.shape == (4, 36)
    assert 0 <= centers.min() <= centers.max() <= 1


def test_as_many_images_as_clusters_are_their_own_centres() -> None:
    images = make_images(5)[0].reshape(5, 16)
    found = find_clusters(images, n_clusters=5, seed=0)

    assert found.distances[-1] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(sorted(found.centers.tolist()), sorted((images / 255).tolist()), atol=1e-9)


def test_fewer_images_than_clusters_are_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="10 clusters need as many images, here are 9"):
        find_clusters(np.zeros((9, 16), np.uint8), seed=0)
