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
COLUMNS, TALL = 40, 4000  # columns filtered at once, and rows at once that become orthonormal


def find_nearest(places: Float32, others: Float32, k: int, *, same: bool = False) -> tuple[NDArray[np.int32], Float32]:
    """The k nearest of `places` (N, Z) to each of `others` (M, Z), nearest first: rows and squared distances (M, k).

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
    """The graph of all neighbours as a sparse symmetric matrix (N, N), scaled to have 1 as its largest eigenvalue."""
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
    more than 3e-5; a graph needs no more. `scipy.sparse.linalg.eigsh` takes several times as long.

    Source: Y. Zhou, Y. Saad, M. Tiago, J. Chelikowsky, "Self-consistent-field calculations using Chebyshev-filtered
    subspace iteration" (2006).
    """
    n = matrix.shape[0]
    if n <= 2 * (n_vectors + EXTRA):
        values, vectors = np.linalg.eigh(matrix.toarray())
        return values[::-1][:n_vectors], vectors[:, ::-1][:, :n_vectors]
    basis = rng.standard_normal((n, n_vectors + EXTRA), np.float32)
    low = 0.5
    for _ in range(PASSES):
        _filter(matrix, basis, low)
        basis = _orthonormalise(basis)
        values, turn = np.linalg.eigh(basis.T @ _multiply(matrix, basis))
        basis = basis @ turn
        low = min(max(float(values[0]), -0.5), 0.999)
    return values[::-1][:n_vectors], basis[:, ::-1][:, :n_vectors]


def _filter(matrix: Any, basis: Float32, low: float) -> None:
    """Replace the basis (N, R) by a Chebyshev polynomial of the matrix times it: small in [-1, low], large above."""
    centre, half = np.float32((low - 1) / 2), (low + 1) / 2

    def compute(columns: slice) -> None:
        first = scale = half / (1 - float(centre))
        before = np.ascontiguousarray(basis[:, columns])
        now = (matrix @ before - centre * before) * np.float32(scale / half)
        for _ in range(DEGREE - 1):
            following = 1 / (2 / first - scale)
            after = matrix @ now
            after -= centre * now
            after *= np.float32(2 * following / half)
            before *= np.float32(scale * following)
            after -= before
            before, now, scale = now, after, following
        basis[:, columns] = now

    for _ in graph_threads.each(compute, graph_threads.split(basis.shape[1], COLUMNS)):
        pass


def _multiply(matrix: Any, basis: Float32) -> Float32:
    result = np.empty_like(basis)

    def compute(columns: slice) -> None:
        result[:, columns] = matrix @ np.ascontiguousarray(basis[:, columns])

    for _ in graph_threads.each(compute, graph_threads.split(basis.shape[1], COLUMNS)):
        pass
    return result


def _orthonormalise(basis: Float32) -> Float32:
    """An orthonormal basis (N, R) of the same space: each block of rows by itself, then the small factors together."""
    blocks = graph_threads.split(len(basis), max(TALL, 2 * basis.shape[1]))
    parts = list(graph_threads.each(lambda block: np.linalg.qr(basis[block]), blocks))
    together = np.linalg.qr(np.concatenate([small for _, small in parts]))[0]
    edges = np.cumsum([0, *(len(small) for _, small in parts)])
    for block, (part, _), start, stop in zip(blocks, parts, edges[:-1], edges[1:], strict=True):
        basis[block] = part @ together[start:stop]
    return basis
