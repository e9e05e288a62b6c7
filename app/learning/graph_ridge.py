"""Which images a ridge regression knows, and which of them to ask next.

N images with features phi (N, D), n of them labeled. The prior of every weight is a normal distribution of variance 1;
answers have noise of variance s^2. Variances do not depend on the answers, only on which images have one.

Source: Y. Ji, J. Han, "A Variance Minimization Criterion to Active Learning on Graphs" (2012), for the design.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.learning import graph_threads

Float32 = NDArray[np.float32]
Rows = NDArray[np.int64]

DESIGN_NOISE, ANSWER_NOISE = 1.0, 10.0
AS_A_SET, CANDIDATES = 32, 4096
BLOCK = 2000


def find_covariance(phi: Float32, noise: float) -> Float32:
    """The posterior covariance of the weights (D, D), after answers at labeled features (n, D).

    The smaller of the two systems is solved, n x n or D x D.
    """
    from scipy.linalg import solve

    p = phi.astype(np.float64)
    identity = np.eye(p.shape[1])
    if len(p) < p.shape[1]:
        gram = p @ p.T + noise * np.eye(len(p))
        return np.asarray(identity - p.T @ solve(gram, p, assume_a="pos"), np.float32)
    return np.asarray(noise * solve(p.T @ p + noise * identity, identity, assume_a="pos"), np.float32)


def find_variances(phi: Float32, labeled: Float32, noise: float) -> Float32:
    """The variance (N,) of each image's score after answers at `labeled` (n, D)."""
    if len(labeled) >= labeled.shape[1]:
        return np.maximum(quadratic(phi, find_covariance(labeled, noise)), 0)
    from scipy.linalg import cholesky, solve_triangular

    p = labeled.astype(np.float64)
    # The covariance is I - X^T X, and a product with X (n, D) is cheaper than one with D x D.
    lower = cholesky(p @ p.T + noise * np.eye(len(p)), lower=True)
    known = solve_triangular(lower, p, lower=True).astype(np.float32).T  # (D, n)

    def compute(block: slice) -> Float32:
        rows, explained = phi[block], phi[block] @ known
        found: Float32 = np.einsum("ij,ij->i", rows, rows) - np.einsum("ij,ij->i", explained, explained)
        return found

    return np.maximum(_join(graph_threads.each(compute, graph_threads.split(len(phi), BLOCK))), 0)


def quadratic(phi: Float32, matrix: Float32) -> Float32:
    """phi_i^T matrix phi_i of each row, (N,)."""

    def compute(block: slice) -> Float32:
        found: Float32 = np.einsum("ij,ij->i", phi[block] @ matrix, phi[block])
        return found

    return _join(graph_threads.each(compute, graph_threads.split(len(phi), BLOCK)))


def _join(parts: Iterator[Float32]) -> Float32:
    return np.concatenate([np.empty(0, np.float32), *parts])


def design(phi: Float32, labeled: Float32, count: int, excluded: Rows) -> tuple[Rows, Float32]:
    """All rows but `excluded`, the best to answer after those like `labeled` (n, D) first, and what each gains.

    V-optimal and greedy: each of the first `count` lowers the summed variance of all rows most, and by its gain. The
    others follow by the gain that they have then.
    """
    noise = np.float32(DESIGN_NOISE)
    covariance = find_covariance(labeled, DESIGN_NOISE)
    variances = find_variances(phi, labeled, DESIGN_NOISE)
    total = phi.T @ phi  # (D, D)
    gains = quadratic(phi, covariance @ total @ covariance)  # (N,), |Phi A phi_i|^2
    is_free = np.ones(len(phi), np.bool_)
    is_free[excluded] = False
    picks, values = [], []
    for _ in range(min(count, int(is_free.sum()))):
        scores = np.where(is_free, gains / (noise + variances), -np.inf)
        pick = int(scores.argmax())
        picks.append(pick)
        values.append(scores[pick])
        is_free[pick] = False
        step = _condition(covariance, phi[pick], noise)
        spread = total @ step
        length = step @ spread
        changes, others = (phi @ np.stack([step, covariance @ spread + step * length], axis=1)).T  # (N,) each
        gains += changes * (changes * length - 2 * others)
        variances = np.maximum(variances - changes * changes, 0)
    rest = np.flatnonzero(is_free)
    left = (gains / (noise + variances))[rest]
    order = np.lexsort((rest, -left))
    return np.append(np.array(picks, np.int64), rest[order]), np.append(np.array(values, np.float32), left[order])


def rank_unsure(phi: Float32, labeled: Float32, doubt: Float32, rows: Rows, count: int) -> tuple[Rows, Float32]:
    """All of `rows` (n,), the best to ask first, and their values: doubt (n,) times v / (s^2 + v), in [0, 1].

    The first 32 of the `count` that are wanted are chosen one after the other, each as if those before it had been
    answered; the rest by the value that it has then. The 32 come from the 4,096 of the highest value: values only fall,
    so hardly ever would another image be chosen, and on 60,000 images that saves nine tenths of the time.
    """
    noise = np.float32(ANSWER_NOISE)
    variances = find_variances(phi, labeled, ANSWER_NOISE)[rows]
    values = np.asarray(doubt * variances / (noise + variances), np.float32)
    best = np.lexsort((rows, -values))[:CANDIDATES]  # into rows
    near, is_left = phi[rows[best]], np.ones(len(best), np.bool_)
    doubts, variances, covariance = doubt[best], variances[best], find_covariance(labeled, ANSWER_NOISE)
    picks = []
    for _ in range(min(count, AS_A_SET, len(best))):
        scores = np.where(is_left, doubts * variances / (noise + variances), -np.inf)
        pick = int(scores.argmax())
        picks.append(pick)
        is_left[pick] = False
        values[best[pick]] = scores[pick]
        variances = np.maximum(variances - (near @ _condition(covariance, near[pick], noise)) ** 2, 0)
    values[best[is_left]] = (doubts * variances / (noise + variances))[is_left]
    is_rest = np.ones(len(rows), np.bool_)
    is_rest[best[picks]] = False
    rest = np.flatnonzero(is_rest)
    order = np.concatenate([best[picks], rest[np.lexsort((rows[rest], -values[rest]))]]).astype(np.int64)
    return rows[order], values[order]


def _condition(covariance: Float32, phi: Float32, noise: np.float32) -> Float32:
    """Take one more answer at `phi` (D,) into the covariance. The variance of a row falls by (row @ result)^2."""
    step: Float32 = covariance @ phi
    step /= np.sqrt(noise + max(float(phi @ step), 0.0))
    covariance -= np.outer(step, step)
    return step
