"""What strokes look like: a dictionary of small patches, and how strongly each of them shows where in an image.

N images of h x w pixels and c channels; P = 5 * 5 * c numbers a patch; K <= 100 patches in the dictionary;
C = 16 K numbers a code.

Source: A. Coates, A. Ng, H. Lee, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning" (2011):
whitened patches, k-means, the triangle code. Differs from the source: pooled by Gaussian windows on 4 x 4 points and
not by sums over quarters, and the square root is taken, which tames strokes of different width.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

SIDE, PATCHES, PATCHES_EACH, WORDS, FLAT = 5, 60_000, 200, 100, 0.05
POINTS = 4
TOGETHER = 8  # images coded at once: their distances stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Dictionary:
    """`mean` (P,) and `whitening` (P, P) of normalised patches, and the whitened patches `words` (K, P); float32."""

    mean: Float32
    whitening: Float32
    words: Float32


def learn_dictionary(x: Float32, rng: np.random.Generator) -> Dictionary:
    """From random patches of the images (N, h, w, c) that are not flat; of flat ones if there are no others."""
    from sklearn.cluster import MiniBatchKMeans

    windows = _windows(x)  # (N, rows, columns, 5, 5, c)
    n_patches = min(PATCHES, PATCHES_EACH * len(x))
    at = tuple(rng.integers(0, size, n_patches) for size in windows.shape[:3])
    patches = windows[at].reshape(n_patches, -1)  # (patches, P)
    is_flat = patches.std(axis=1) <= FLAT
    patches = _normalise(patches if is_flat.all() else patches[~is_flat])
    mean = patches.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(patches.T))
    whitening = ((vectors / np.sqrt(np.maximum(values, 0) + 0.1)) @ vectors.T).astype(np.float32)
    white = (patches - mean) @ whitening
    # k-means complains if there are fewer different patches than centres: a pool may be empty sheets.
    distinct = np.unique(white[: 10 * WORDS], axis=0)
    if len(distinct) <= WORDS:
        return Dictionary(mean, whitening, distinct)
    seed = int(rng.integers(2**31))
    found = MiniBatchKMeans(WORDS, batch_size=4096, n_init=1, max_iter=30, random_state=seed).fit(white)
    return Dictionary(mean, whitening, found.cluster_centers_.astype(np.float32))


def encode(dictionary: Dictionary, x: Float32) -> Float32:
    """Codes (N, C) of images (N, h, w, c)."""
    codes = np.empty((len(x), POINTS**2 * len(dictionary.words)), np.float32)
    for start in range(0, len(x), TOGETHER):
        codes[start : start + TOGETHER] = _encode(dictionary, x[start : start + TOGETHER])
    return codes


def _encode(dictionary: Dictionary, x: Float32) -> Float32:
    words = dictionary.words
    windows = _windows(x)
    n, rows, columns = windows.shape[:3]
    patches = (_normalise(windows.reshape(n * rows * columns, -1)) - dictionary.mean) @ dictionary.whitening
    # |p - w|^2 = |p|^2 - 2 p w + |w|^2 as one product of matrices.
    lengths = np.einsum("ij,ij->i", patches, patches)[:, None]
    left = np.hstack([patches, lengths, np.ones_like(lengths)])  # (n rows columns, P + 2)
    right = np.vstack([-2 * words.T, np.ones((1, len(words)), np.float32), (words * words).sum(axis=1)[None]])
    distances = left @ right  # (n rows columns, K)
    np.maximum(distances, 0, out=distances)
    np.sqrt(distances, out=distances)
    distances -= _mean_of_rows(distances)
    np.minimum(distances, 0, out=distances)  # minus the triangle code
    pooled = np.matmul(_points(x.shape[1], x.shape[2]), distances.reshape(n, rows * columns, -1))  # (n, 16, K)
    np.negative(pooled, out=pooled)
    codes: Float32 = np.sqrt(np.maximum(pooled, 0, out=pooled)).reshape(n, -1)
    return codes


def _windows(x: Float32) -> Float32:
    """All patches, (N, h, w, c) -> (N, h - 4, w - 4, 5, 5, c), without a copy."""
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(x, (SIDE, SIDE), axis=(1, 2)), 3, 5)


def _normalise(patches: Float32) -> Float32:
    """Mean 0 and standard deviation 1, but for the faint ones, which stay faint."""
    patches = patches - _mean_of_rows(patches)
    variance = np.einsum("ij,ij->i", patches, patches)[:, None] / patches.shape[1]
    normal: Float32 = patches / np.sqrt(variance + np.float32(0.01))
    return normal


def _mean_of_rows(x: Float32) -> Float32:
    """(n, m) -> (n, 1). On short rows `mean` takes four times as long."""
    return np.asarray(np.einsum("ij->i", x)[:, None] / np.float32(x.shape[1]), np.float32)


@cache
def _points(height: int, width: int) -> Float32:
    """(16, positions of a patch): the weights of a Gaussian window around each of 4 x 4 points, adding up to 1."""

    def weigh(n: int) -> NDArray[np.float64]:
        centre = (np.arange(POINTS)[:, None] + 0.5) * n / POINTS
        weights = np.exp(-0.5 * ((np.arange(n) + 0.5 - centre) / (n / POINTS / 2)) ** 2)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    return np.kron(weigh(height - SIDE + 1), weigh(width - SIDE + 1)).astype(np.float32)
