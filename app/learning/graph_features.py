"""From a pool's images to the features that its labels are learned on, without any label.

m images are learned of and covered. Each gets a look a(x) of L numbers, a place z(x) in the graph, and R graph numbers.
Ridge regression on the last is a Gaussian field on the graph with covariance (1 - eigenvalue + 0.01)^-2.

Source: X. Zhu, J. Lafferty, Z. Ghahramani, "Combining Active Learning and Semi-Supervised Learning Using Gaussian
Fields and Harmonic Functions" (2003).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.learning import graph_threads
from app.learning.graph_codes import Dictionary, encode
from app.learning.graph_images import as_floats, distort
from app.learning.graph_lda import Kernel, Linear, learn_kernel, learn_linear
from app.learning.graph_neighbours import NEIGHBOURS, find_eigenvectors, find_nearest, link, weigh

Float32 = NDArray[np.float32]
Arrays = dict[str, NDArray[np.generic]]
OnShare = Callable[[float], None]

STUDIED = 10_000  # images at most that the recipe is learned of
COPIES = 2
EIGENVECTORS, FLATTEST, GRAPH_LENGTH = 300, 0.01, 3.0
BLOCK = 500  # images encoded at once by a thread


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an image (H, W) becomes a look a(x) and a place z(x) in the graph."""

    dictionary: Dictionary
    linear: Linear
    kernel: Kernel

    def look(self, images: NDArray[np.uint8], on_share: OnShare = lambda _: None) -> Float32:
        """a(x), (N, L). `on_share` hears how much of it is done."""

        def compute(block: slice) -> Float32:
            return self.linear(encode(self.dictionary, as_floats(images[block])))

        looks = np.empty((len(images), self.linear.weights.shape[1]), np.float32)
        blocks = graph_threads.split(len(images), BLOCK)
        for block, found in zip(blocks, graph_threads.each(compute, blocks), strict=True):
            looks[block] = found
            on_share(block.stop / len(images))
        return looks

    def place(self, looks: Float32) -> Float32:
        """z(x) of looks (N, L), (N, Z)."""
        blocks = graph_threads.split(len(looks), BLOCK)
        found = graph_threads.each(lambda block: self.kernel(looks[block]), blocks)
        return np.concatenate([self.kernel.weights[:0], *found])

    def to_arrays(self) -> Arrays:
        """By name, as `from_arrays` reads them."""
        return {
            "patch_mean": self.dictionary.mean,
            "patch_whitening": self.dictionary.whitening,
            "patch_words": self.dictionary.words,
            "look_mean": self.linear.mean,
            "look_weights": self.linear.weights,
            "place_landmarks": self.kernel.landmarks,
            "place_weights": self.kernel.weights,
            "place_mean": self.kernel.mean,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.float32]]) -> Self:
        """What `to_arrays` gave."""
        return cls(
            Dictionary(arrays["patch_mean"], arrays["patch_whitening"], arrays["patch_words"]),
            Linear(arrays["look_mean"], arrays["look_weights"]),
            Kernel(arrays["place_landmarks"], arrays["place_weights"], arrays["place_mean"]),
        )


def pick_studied(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """At most 10,000 of the images, in their order."""
    return images[np.sort(rng.permutation(len(images))[:STUDIED])]


def learn_recipe(
    some: NDArray[np.uint8], dictionary: Dictionary, rng: np.random.Generator, on_share: OnShare
) -> Recipe:
    """From images and two distorted copies of each. `on_share` hears how much is done."""
    blocks = graph_threads.split(len(some), BLOCK)
    seeds = {block.start: seed for block, seed in zip(blocks, rng.spawn(len(blocks)), strict=True)}

    def compute(block: slice) -> list[Float32]:
        x, own_rng = as_floats(some[block]), seeds[block.start]
        return [encode(dictionary, each) for each in (x, *(distort(x, own_rng) for _ in range(COPIES)))]

    parts = []
    for part in graph_threads.each(compute, blocks):
        parts.append(part)
        on_share(len(parts) / len(blocks))
    codes, *copies = (np.concatenate(each) for each in zip(*parts, strict=True))
    parts.clear()
    linear = learn_linear(codes, copies, rng)
    codes, *copies = (linear(each) for each in (codes, *copies))
    return Recipe(dictionary, linear, learn_kernel(codes, copies, rng))


def learn_graph(places: Float32, rng: np.random.Generator, on_share: OnShare) -> Float32:
    """The graph numbers (m, R): eigenvectors divided by 1 - eigenvalue + 0.01; the mean squared row has length 3."""
    if len(places) < 2:
        return np.zeros((len(places), 0), np.float32)
    linked = link(*find_nearest(places, places, NEIGHBOURS, same=True))
    on_share(0.6)
    values, vectors = find_eigenvectors(linked, min(EIGENVECTORS, max(1, len(places) // 4)), rng)
    graph = vectors / (np.maximum(1 - values, 0) + FLATTEST)
    graph *= GRAPH_LENGTH / np.sqrt((graph * graph).sum(axis=1).mean())
    return np.ascontiguousarray(graph, np.float32)


def extend_graph(graph: Float32, places: Float32, others: Float32) -> Float32:
    """The graph part (M, R) of images at `others` (M, Z): the weighted mean of that of their neighbours in the pool."""
    nearest, distances = find_nearest(places, others, NEIGHBOURS)
    weights = weigh(distances)
    weights /= weights.sum(axis=1, keepdims=True)
    extended: Float32 = np.zeros((len(others), graph.shape[1]), np.float32)
    for rank in range(nearest.shape[1]):
        extended += weights[:, rank, None] * graph[nearest[:, rank]]
    return extended
