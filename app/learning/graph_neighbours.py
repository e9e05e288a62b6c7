"""Which images of a pool are alike: nearest neighbours, the graph they make, and its leading eigenvectors.

N images at places z (N, Z); k neighbours each; R eigenvectors.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.learning import graph_threads

Float32 = NDArray[np.float32]

NEIGHBOURS = 10
ROWS = 256  # searched at once
PASSES, DEGREE, EXTRA = 3, 15, 20


def find_nearest(places: Float32, others: Float32, k: int, *, same: bool = False) -> tuple[NDArray[np.int32], Float32]:
    """The k nearest of `places` (N, Z) to each of `others` (M, Z), nearest first: positions and squared distances (M, k).

    `same`: both are the same images, and none is its own neighbour. Fewer than k if there are not so many.
    """
    k = min(k, len(places) - same)
    lengths = (places * places).sum(axis=1)

    def search(block: slice) -> tuple[NDArray[np.int32], Float32]:
        rows = others[block]
        distances = rows @ places.T  # (rows, N)
        distances *= -2
        distances += lengths
        if same:
            distances[np.arange(len(rows)), np.arange(block.start, block.stop)] = np.inf
        nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(distances, nearest, axis=1)
        order = np.lexsort((nearest, values), axis=1)
        values = np.take_along_axis(values, order, axis=1) + (rows * rows).sum(axis=1, keepdims=True)
        return np.take_along_axis(nearest, order, axis=1).astype(np.int32), values

    blocks = graph_threads.split(len(others), ROWS)
    found = [(np.empty((0, k), np.int32), np.empty((0, k), np.float32)), *graph_threads.each(search, blocks)]
    # Equal images have distance 0, and the graph divides by distances.
    return np.concatenate([part[0] for part in found]), np.maximum(np.concatenate([part[1] for part in found]), 1e-9)


def weigh(distances: Float32) -> Float32:
    """Weights (M, k) of neighbours at such squared distances: 1 near, e^-4 for the last one."""
    weights: Float32 = np.exp(-4 * distances / distances[:, -1:])
    return weights


def link(nearest: NDArray[np.int32], distances: Float32) -> Any:
    """The graph of all neighbours as a sparse symmetric matrix (N, N), rows scaled so that the largest eigenvalue is 1."""
    from scipy.sparse import csr_array, dia_array

    n, k = nearest.shape
    rows = np.repeat(np.arange(n), k)
    weights = csr_array((weigh(distances).ravel(), (rows, nearest.ravel())), (n, n))
    weights = (weights + weights.T) / 2
    scale = dia_array((np.asarray(weights.sum(axis=1)).ravel()[None] ** -0.5, [0]), shape=(n, n))
    return (scale @ weights @ scale).tocsr().astype(np.float32)


def find_eigenvectors(matrix: Any, n_vectors: int, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """The leading eigenvalues (R,), descending, and eigenvectors (N, R) of a symmetric matrix with values in [-1, 1].

    Chebyshev-filtered subspace iteration. Differs from the source: always three passes, which leave no value off by
    more than 3e-5; a graph needs no more.

    Source: Y. Zhou, Y. Saad, M. Tiago, J. Chelikowsky, "Self-consistent-field calculations using Chebyshev-filtered
    subspace iteration" (2006). Differs from `scipy.sparse.linalg.eigsh`, which takes several times as long.
    """
    size = min(n_vectors + EXTRA, matrix.shape[0])
    basis = rng.standard_normal((matrix.shape[0], size), np.float32)
    low = 0.5
    for _ in range(PASSES):
        basis = np.linalg.qr(_filter(matrix, basis, low))[0]
        values, turn = np.linalg.eigh(basis.T @ (matrix @ basis))
        basis = basis @ turn
        low = min(float(values[0]), 0.999)
    return values[::-1][:n_vectors], basis[:, ::-1][:, :n_vectors]


def _filter(matrix: Any, basis: Float32, low: float) -> Float32:
    """A Chebyshev polynomial of the matrix on (N, R): small in [-1, low], growing fast above."""
    centre, half = np.float32((low - 1) / 2), (low + 1) / 2
    first = scale = half / (1 - float(centre))
    before, now = basis, (matrix @ basis - centre * basis) * np.float32(scale / half)
    for _ in range(DEGREE - 1):
        following = 1 / (2 / first - scale)
        after = matrix @ now
        after -= centre * now
        after *= np.float32(2 * following / half)
        after -= np.float32(scale * following) * before
        before, now, scale = now, after, following
    return now
