"""From the labels to scores: ridge regression on the features, and beside it on likeness to labeled images.

n labels at features phi (n, D), the last L of which are the look; K classes; m anchors among the labels.

The sum of two Gaussian processes: phi's linear kernel, which spreads a label over the graph, and `amplitude` times a
Gaussian kernel of the look, which has no say at first. The graph's few wrong edges stay wrong however many labels there
are (98.4 % on MNIST from 200 labels on); the Gaussian kernel goes on learning. So its amplitude grows with the labels
of a class. Leave-one-out on the labels was tried for setting it: as asked images are those that the graph is unsure of,
it judges neither kernel by what it does for the rest (400 labels on MNIST: 98.5 %, and 98.8 by the number of labels).
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.learning import graph_threads

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Float = TypeVar("Float", Float32, Float64)

NOISE = 10.0
LOOK_WEIGHT = 3.0  # how long the look is in phi, where the graph's part has a mean length of 3
AMPLITUDE_AT, AMPLITUDE, LARGEST_AMPLITUDE, LEAST_AMPLITUDE = 40, 300.0, 1000.0, 1.0
SHARPNESS = 1.0
ANCHORS = 1500
BLOCK = 1000


def amplitude_of(n_labels: int, n_classes: int) -> float:
    """Of the Gaussian kernel, beside label noise of variance 10: it grows as the square of the labels a class."""
    amplitude = AMPLITUDE * (n_labels / n_classes / AMPLITUDE_AT) ** 2
    return min(amplitude, LARGEST_AMPLITUDE) if amplitude >= LEAST_AMPLITUDE else 0.0


def pick_anchors(n_labels: int, n_classes: int) -> NDArray[np.int64]:
    """Which labels (m,) the Gaussian kernel looks at: none at first, then all, at most 1,500 evenly spread ones."""
    if not amplitude_of(n_labels, n_classes):
        return np.empty(0, np.int64)
    return np.linspace(0, n_labels - 1, min(n_labels, ANCHORS)).astype(np.int64)


def fit(phi: Float32, n_look: int, values: NDArray[np.int64], n_classes: int) -> tuple[Float32, Float32]:
    """Weights (D, K) of the features, and (m, K) of likeness to the anchors. Targets: 1 for the class, less 1 / K."""
    targets = np.eye(n_classes)[values] - 1 / n_classes  # (n, K)
    anchors = pick_anchors(len(phi), n_classes)
    amplitude = amplitude_of(len(phi), n_classes)
    p = phi.astype(np.float64)
    if len(p) <= ANCHORS:
        return _fit_all(p, n_look, amplitude, targets)
    return _fit_many(p, p[anchors, -n_look:], amplitude, targets)


def _fit_all(p: Float64, n_look: int, amplitude: float, targets: Float64) -> tuple[Float32, Float32]:
    """Every label is an anchor, or none is: an n x n system."""
    from scipy.linalg import solve

    gram = p @ p.T + NOISE * np.eye(len(p))
    if amplitude:
        gram += amplitude * likeness(p[:, -n_look:], p[:, -n_look:])
    dual = solve(gram, targets, assume_a="pos")
    local = amplitude * dual if amplitude else dual[:0]
    return (p.T @ dual).astype(np.float32), local.astype(np.float32)


def _fit_many(p: Float64, anchors: Float64, amplitude: float, targets: Float64) -> tuple[Float32, Float32]:
    """The Gaussian kernel as it is seen from the anchors (Nystrom's method): a system of D + m unknowns."""
    from scipy.linalg import cholesky, solve, solve_triangular

    (m, n_look), d = anchors.shape, p.shape[1]
    root = cholesky(likeness(anchors, anchors) + 1e-6 * np.eye(m), lower=True)  # (m, m)
    gram, sums = NOISE * np.eye(d + m), np.zeros((d + m, targets.shape[1]))
    for block in graph_threads.split(len(p), BLOCK):
        near = likeness(anchors, p[block, -n_look:])  # (m, block)
        both = np.vstack([p[block].T, np.sqrt(amplitude) * solve_triangular(root, near, lower=True)])  # (D + m, block)
        gram += both @ both.T
        sums += both @ targets[block]
    weights = solve(gram, sums, assume_a="pos")
    local = np.sqrt(amplitude) * solve_triangular(root, weights[d:], lower=True, trans="T")
    return weights[:d].astype(np.float32), local.astype(np.float32)


def score(phi: Float32, weights: Float32, anchors: Float32, local: Float32) -> Float32:
    """Scores (N, K) of rows phi (N, D): about 1 - 1 / K for the right class. Looks of the anchors: (m, L)."""

    def compute(block: slice) -> Float32:
        rows = phi[block]
        scores: Float32 = rows @ weights
        if len(anchors):
            scores += likeness(rows[:, -anchors.shape[1] :], anchors) @ local
        return scores

    blocks = graph_threads.split(len(phi), BLOCK)
    return np.concatenate([np.empty((0, weights.shape[1]), np.float32), *graph_threads.each(compute, blocks)])


def likeness(looks: Float, others: Float) -> Float:
    """exp(-|a - b|^2) of looks that are LOOK_WEIGHT a and LOOK_WEIGHT b, (N, L) and (m, L) -> (N, m)."""
    products = looks @ others.T
    products *= np.float32(2 * SHARPNESS / LOOK_WEIGHT**2)
    products -= np.float32(2 * SHARPNESS)
    exponentials: Float = np.exp(products, out=products)
    return exponentials


def find_lonely(phi: Float32) -> NDArray[np.bool_]:
    """Which labels (n,) the others hardly say anything of: without its own, an image keeps half of its variance."""
    p = phi.astype(np.float64)
    inverse = np.linalg.inv(p @ p.T + NOISE * np.eye(len(p)))
    without = 1 / np.diag(inverse) - NOISE  # the variance after all answers but its own
    lonely: NDArray[np.bool_] = without > 0.5 * np.einsum("ij,ij->i", p, p)
    return lonely
