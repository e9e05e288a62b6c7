"""k-means over the pool, as the paper's first look at unlabeled digits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Clusters:
    """Centres float64 (n_clusters, D), in [0, 1], and the summed squared distance before each iteration."""

    centers: NDArray[np.float64]
    distances: tuple[float, ...]


def find_clusters(
    images: NDArray[np.uint8],
    *,
    n_clusters: int = 10,
    n_iterations: int = 10,
    seed: int,
    on_iteration: Callable[[int], None] = lambda _: None,
) -> Clusters:
    """Lloyd's algorithm on images (N, D) from randomly drawn images as centres.

    `on_iteration` hears how many iterations are done, after each of them; it may raise to stop.
    `distances` has n_iterations + 1 entries: that of the starting centres first, that of `centers` last.

    Raises:
        ValueError: fewer images than clusters.

    Source: the paper's notebook (10 centres, 10 epochs, full batch). Differs from the source: the starting
    centres come from `seed`, those of the notebook were not recorded.
    """
    # A second to import, and only oracle runs need it.
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances_argmin_min

    if len(images) < n_clusters:
        raise ValueError(f"{n_clusters} clusters need as many images, here are {len(images)}")
    x = images / 255.0
    rng = np.random.default_rng(seed)
    centers = x[rng.choice(len(x), n_clusters, replace=False)]
    distances = []
    for number in range(n_iterations):
        distances.append(float(pairwise_distances_argmin_min(x, centers, metric="sqeuclidean")[1].sum()))
        step = KMeans(n_clusters, init=centers, n_init=1, max_iter=1, tol=0, random_state=seed)
        centers = step.fit(x).cluster_centers_
        on_iteration(number + 1)
    distances.append(float(pairwise_distances_argmin_min(x, centers, metric="sqeuclidean")[1].sum()))
    return Clusters(centers, tuple(distances))
