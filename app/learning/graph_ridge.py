"""Ridge regression and how sure it is: which images a posterior knows, and which of them to ask next.

N images with features phi (N, D), n of them labeled, K classes. The prior of every weight is a normal distribution with
variance 1; answers have noise of variance s^2. Variances do not depend on the answers, only on which images have one.

Source: Y. Ji, J. Han, "A Variance Minimization Criterion to Active Learning on Graphs" (2012), for the design.
"""

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Rows = NDArray[np.int64]

DESIGN_NOISE, ANSWER_NOISE = 1.0, 10.0
AS_A_SET, CANDIDATES = 32, 4096


def solve(phi: Float32, targets: Float64, noise: float) -> Float32:
    """The posterior mean of the weights (D, K), from labeled features (n, D) and targets (n, K)."""
    from scipy.linalg import solve as solve_linear

    p = phi.astype(np.float64)
    if len(p) < p.shape[1]:
        gram = p @ p.T
        gram[np.diag_indices(len(p))] += noise
        weights = p.T @ solve_linear(gram, targets, assume_a="pos")
    else:
        gram = p.T @ p
        gram[np.diag_indices(len(gram))] += noise
        weights = solve_linear(gram, p.T @ targets, assume_a="pos")
    return np.asarray(weights, np.float32)


def find_covariance(phi: Float32, noise: float) -> Float32:
    """The posterior covariance of the weights (D, D), after answers at labeled features (n, D)."""
    from scipy.linalg import solve as solve_linear

    p = phi.astype(np.float64)
    identity = np.eye(p.shape[1])
    if len(p) < p.shape[1]:
        gram = p @ p.T
        gram[np.diag_indices(len(p))] += noise
        return np.asarray(identity - p.T @ solve_linear(gram, p, assume_a="pos"), np.float32)
    return np.asarray(noise * solve_linear(p.T @ p + noise * identity, identity, assume_a="pos"), np.float32)


def find_variances(phi: Float32, covariance: Float32) -> Float32:
    """The posterior variance (N,) of each image's score."""
    return np.maximum(np.einsum("ij,ij->i", phi @ covariance, phi), 0)


def design(phi: Float32, labeled: Float32, count: int, excluded: Rows) -> tuple[Rows, Float32]:
    """The V-optimal rows to answer after those like `labeled` (n, D), and by how much each lowers the summed variance.

    Greedy; none of `excluded`, and fewer than `count` if there are no more.
    """
    covariance = find_covariance(labeled, DESIGN_NOISE)
    variances = find_variances(phi, covariance)
    total = phi.T @ phi  # (D, D)
    gains = np.einsum("ij,ij->i", phi @ (covariance @ total @ covariance), phi)  # (N,) = |Phi A phi_i|^2
    is_free = np.ones(len(phi), np.bool_)
    is_free[excluded] = False
    picks, values = [], []
    for _ in range(min(count, int(is_free.sum()))):
        scores = np.where(is_free, gains / (np.float32(DESIGN_NOISE) + variances), -np.inf)
        pick = int(scores.argmax())
        picks.append(pick)
        values.append(scores[pick])
        is_free[pick] = False
        step = covariance @ phi[pick]
        step /= np.sqrt(np.float32(DESIGN_NOISE) + max(float(phi[pick] @ step), 0.0))
        covariance -= np.outer(step, step)
        changes = phi @ step  # (N,)
        spread = total @ step
        length = step @ spread
        gains += changes * (changes * length - 2 * (phi @ (covariance @ spread + step * length)))
        variances = np.maximum(variances - changes * changes, 0)
    return np.array(picks, np.int64), np.array(values, np.float32)


def rank_unsure(phi: Float32, covariance: Float32, doubt: Float32, rows: Rows) -> tuple[Rows, Float32]:
    """All of `rows` (n,), the best to ask first, and their values: doubt (n,) times v / (s^2 + v).

    The first 32 are chosen one after the other, each as if those before it had been answered; the rest by the value that
    it has then. The 32 come from the 4,096 of the highest value, which lets a round on 60,000 images take half the time.
    """
    noise = np.float32(ANSWER_NOISE)
    variances = find_variances(phi[rows], covariance)
    values = doubt * variances / (noise + variances)
    best = np.lexsort((rows, -values))[:CANDIDATES]  # into rows
    near, left = phi[rows[best]], np.ones(len(best), np.bool_)
    picks = []
    current, doubts, covariance = variances[best], doubt[best], covariance.copy()
    for _ in range(min(AS_A_SET, len(best))):
        scores = np.where(left, doubts * current / (noise + current), -np.inf)
        pick = int(scores.argmax())
        picks.append(pick)
        left[pick] = False
        values[best[pick]] = scores[pick]
        step = covariance @ near[pick]
        step /= np.sqrt(noise + max(float(near[pick] @ step), 0.0))
        covariance -= np.outer(step, step)
        current = np.maximum(current - (near @ step) ** 2, 0)
    values[best[left]] = doubts[left] * current[left] / (noise + current[left])
    is_rest = np.ones(len(rows), np.bool_)
    is_rest[best[picks]] = False
    rest = np.flatnonzero(is_rest)
    order = np.concatenate([best[picks], rest[np.lexsort((rows[rest], -values[rest]))]])
    return rows[order], values[order]
