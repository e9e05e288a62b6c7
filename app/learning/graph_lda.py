"""Which directions tell images apart, and not an image from its distorted copies: found without any label.

N images, C numbers of each. `instance_lda` is linear discriminant analysis with every image as its own class.

Source: R. Balestriero, Y. LeCun, "Contrastive and Non-Contrastive Self-Supervised Learning Recover Global and Local
Spectral Embedding Methods" (2022), of which it is the linear closed form; B. Kiani et al., "Joint Embedding
Self-Supervised Learning in the Kernel Regime" (2022), for the second one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

MAIN_DIRECTIONS = 600
LOOK_SIZE, LOOK_NOISE = 80, 0.02
PLACE_SIZE, PLACE_NOISE = 40, 0.1
SHARPNESS, LANDMARKS, JITTER = 0.7, 1000, 1e-4


@dataclass(frozen=True, slots=True)
class Linear:
    """a(x) = (code(x) - `mean` (C,)) @ `weights` (C, L), scaled to length 1."""

    mean: Float32
    weights: Float32

    def __call__(self, codes: Float32) -> Float32:
        """(N, C) -> (N, L)."""
        return to_length_1(np.asarray((codes - self.mean) @ self.weights, np.float32))


@dataclass(frozen=True, slots=True)
class Kernel:
    """z(x) = k(a(x), `landmarks` (m, L)) @ `weights` (m, Z) - `mean` (Z,), scaled to length 1."""

    landmarks: Float32
    weights: Float32
    mean: Float32

    def __call__(self, looks: Float32) -> Float32:
        """(N, L) -> (N, Z)."""
        return to_length_1(np.asarray(similarity(looks, self.landmarks) @ self.weights - self.mean, np.float32))


def learn_linear(codes: Float32, copies: list[Float32], rng: np.random.Generator) -> Linear:
    """From codes (N, C) and those of the copies, each (N, C)."""
    mean = codes.mean(axis=0)
    main = find_main_directions(codes - mean, rng)  # (C, P)
    codes, *copies = ((each - mean) @ main for each in (codes, *copies))
    return Linear(mean, main @ instance_lda(codes, copies, np.eye(main.shape[1]), LOOK_NOISE, LOOK_SIZE))


def find_main_directions(centred: Float32, rng: np.random.Generator) -> Float32:
    """The 600 principal components (C, P) of rows (N, C) of mean 0; of fewer rows, all that there are.

    Subspace iteration on the covariance: half the time of `randomized_svd` on the rows, and the same space.
    """
    if len(centred) <= MAIN_DIRECTIONS:
        return np.linalg.qr(centred.T)[0]
    covariance = centred.T @ centred  # (C, C)
    basis = rng.standard_normal((len(covariance), min(MAIN_DIRECTIONS, len(covariance))), np.float32)
    for _ in range(2):
        basis = np.linalg.qr(covariance @ basis)[0]
    return basis


def learn_kernel(looks: Float32, copies: list[Float32], rng: np.random.Generator) -> Kernel:
    """The same in the space of the kernel, seen from random landmarks: looks and copies are a(x), each (N, L)."""
    landmarks = looks[rng.permutation(len(looks))[:LANDMARKS]]
    seen, seen_copies = (similarity(looks, landmarks), [similarity(copy, landmarks) for copy in copies])  # (N, m)
    lengths = similarity(landmarks, landmarks).astype(np.float64) + JITTER * np.eye(len(landmarks))
    weights = instance_lda(seen, seen_copies, lengths, PLACE_NOISE, PLACE_SIZE)
    return Kernel(landmarks, weights, seen.mean(axis=0) @ weights)


def instance_lda(
    x: Float32, copies: list[Float32], metric: NDArray[np.float64], noise: float, n_directions: int
) -> Float32:
    """Directions (C, n) of the largest variance over the images per variance among copies of one image.

    `metric` (C, C) says how long a direction is; noise times the copies' mean variance in it keeps directions that
    hardly vary at all from winning.
    """
    from scipy.linalg import cho_factor, cho_solve, eigh

    centred = x - x.mean(axis=0)
    total = (centred.T @ centred).astype(np.float64)  # (C, C)
    within = np.zeros_like(total)
    for copy in copies:
        change = copy - x
        change -= change.mean(axis=0)
        within += change.T @ change
    within /= len(copies)
    mean_variance = np.trace(cho_solve(cho_factor(metric), within)) / len(metric)
    # Without the last term all images equal to each other, and to their copies, would leave nothing to divide by.
    within += (noise * mean_variance + 1e-9 * len(x)) * metric
    size = len(total)
    vectors = eigh(total, within, subset_by_index=(max(0, size - n_directions), size - 1))[1]
    weights: Float32 = (vectors[:, ::-1] * np.sqrt(len(x))).astype(np.float32)
    return weights


def similarity(a: Float32, b: Float32) -> Float32:
    """exp(-0.7 |a - b|^2) of rows of length 1, (N, L) and (m, L) -> (N, m)."""
    products = a @ b.T
    products -= 1
    products *= np.float32(2 * SHARPNESS)
    return np.asarray(np.exp(products, out=products), np.float32)


def to_length_1(rows: Float32) -> Float32:
    """Each row (N, L) scaled to length 1; a row of zeros stays."""
    scaled: Float32 = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + np.float32(1e-12))
    return scaled
