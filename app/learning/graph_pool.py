"""A pool as the learner `graph` prepared it: the arrays of its `Features`, and the rows of any image of the pool.

N images, m of them covered, D features. `phi` (m, D): R graph numbers, then the look times its weight.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.learning import graph_ridge, graph_threads
from app.learning.graph_codes import learn_dictionary
from app.learning.graph_features import STUDIED, Recipe, extend_graph, learn_graph, learn_recipe, pick_studied
from app.learning.graph_images import as_floats
from app.learning.graph_model import LOOK_WEIGHT
from app.learning.graph_neighbours import find_nearest
from app.learning.learner import Features, Float32, Images, OnStep, PoolImages, Positions
from app.learning.names import PREPARING

VERSION = PREPARING["graph"]
DESIGN_LOOK = 4.0  # how long the look is in the design: from 3.5 down and from 6 up some pools miss a class
N_AHEAD, MOST_AHEAD = 32, 100  # picks of the design that are made ahead, at least and at most


@dataclass(frozen=True, slots=True)
class Pool:
    """`covered` (m,) ascending positions, `phi` (m, D), `places` (m, Z), `first` (d,) positions of the design."""

    images: Images
    covered: Positions
    phi: Float32
    places: Float32
    first: Positions
    gains: Float32
    recipe: Recipe

    @classmethod
    def of(cls, pool: PoolImages) -> Self:
        """Its features read.

        Raises:
            ValueError: another recipe made them.
        """
        if pool.features.version != VERSION:
            raise ValueError(f"features of version {pool.features.version}, where those of {VERSION} belong")
        arrays: dict[str, Any] = dict(pool.features.arrays)
        recipe = Recipe.from_arrays(arrays)
        covered, first = arrays["covered"], arrays["design"]
        return cls(pool.images, covered, arrays["phi"], arrays["places"], first, arrays["design_gains"], recipe)

    @staticmethod
    def phi_of(features: Features) -> Float32:
        """The features (M, D) that `embed_others` made."""
        return np.asarray(features.arrays["phi"], np.float32)

    def row_of(self, positions: Positions) -> NDArray[np.int64]:
        """Rows in `phi` of positions that are covered."""
        return np.searchsorted(self.covered, positions)

    def rows(self, positions: Positions) -> Float32:
        """Features (n, D) of any images of the pool; those not covered are looked at now."""
        if len(self.covered) == len(self.images):
            return self.phi[positions]
        rows = np.minimum(self.row_of(positions), len(self.covered) - 1)
        is_covered = self.covered[rows] == positions
        found = self.phi[rows]
        if not is_covered.all():
            found[~is_covered] = self.phi_of(embed_others(self, self.images[positions[~is_covered]]))
        return found

    @property
    def n_look(self) -> int:
        """L, how many of the features are the look: the last ones."""
        return int(self.recipe.linear.weights.shape[1])

    def design(self, labeled: Positions, rest: Positions, count: int) -> tuple[Positions, Float32]:
        """The best of `rest` to ask for their own sake, best first, and the variance that each takes away.

        What was chosen ahead is used as long as nothing else has a label; otherwise it is chosen now, which takes a
        second on 60,000 images.
        """
        is_new = ~np.isin(self.first, labeled)
        if len(self.first) - is_new.sum() == len(labeled) and (is_new.sum() >= min(count, len(rest))):
            return self.first[is_new], self.gains[is_new]
        inside = self.row_of(np.intersect1d(labeled, self.covered))
        picks, gains = choose_design(self.phi, self.rows(labeled), self.n_look, min(count, N_AHEAD), inside)
        return self.covered[picks], gains

    def find_near(self, positions: Positions, rest: Positions, count: int) -> Positions:
        """The `count` images of `rest` nearest to each of the positions, once each; those not covered have none."""
        inside = self.row_of(np.intersect1d(positions, self.covered))
        places = self.places[self.row_of(rest)]
        if not len(inside) or not len(rest):
            return rest[:0]
        nearest, _ = find_nearest(places, self.places[inside], count)
        return rest[np.sort(np.unique(nearest))]


def prepare(images: Images, covered: Positions, *, seed: int, n_design: int, on_step: OnStep) -> Features:
    """Features of the images at `covered` (m,), and the first images to ask, for `Pool.of`."""
    with graph_threads.alone():
        return _prepare(images, covered, seed, n_design, on_step)


def _prepare(images: Images, covered: Positions, seed: int, n_design: int, on_step: OnStep) -> Features:
    rng = np.random.default_rng(seed)
    images = images if len(covered) == len(images) else images[covered]
    strokes, changes, look, alike, ask = _plan(len(images), on_step)
    some = pick_studied(images, rng)
    strokes(0)
    dictionary = learn_dictionary(as_floats(some), rng)
    changes(0)
    recipe = learn_recipe(some, dictionary, rng, changes)
    look(0)
    looks = recipe.look(images, look)
    alike(0)
    places = recipe.place(looks)
    phi = np.hstack([learn_graph(places, rng, alike), np.float32(LOOK_WEIGHT) * looks])
    ask(0)
    count, none = min(max(n_design, N_AHEAD), MOST_AHEAD), np.empty(0, np.int64)
    first, gains = choose_design(phi, phi[:0], looks.shape[1], count, none)
    ask(1)
    first, gains = first[:count], gains[:count]
    found = {"covered": covered.astype(np.int64), "phi": phi, "places": places}
    return Features(VERSION, {**found, "design": covered[first], "design_gains": gains, **recipe.to_arrays()})


def _plan(n: int, on_step: OnStep) -> list[Callable[[float], None]]:
    """For each step, what tells how much of it is done; by the seconds that a processor takes for n images."""
    studied = min(n, STUDIED)
    steps = {
        "learning what strokes look like": 1,
        "learning which changes do not matter": 1 + 1.5e-3 * studied,
        "looking at every image": 2.7e-4 * n,
        "finding which images are alike": 2e-4 * n + 8e-9 * n**2,
        "choosing what to ask first": 0.1 + 2e-5 * n,
    }
    ends = np.cumsum(list(steps.values())) / sum(steps.values())
    starts = [0.0, *ends[:-1].tolist()]
    return [_part(on_step, *which) for which in zip(steps, starts, [*ends[:-1].tolist(), 1.0], strict=True)]


def choose_design(
    phi: Float32, labeled: Float32, n_look: int, count: int, excluded: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Float32]:
    """`graph_ridge.design` with the look as long as it is best there."""
    scale = np.ones(phi.shape[1], np.float32)
    scale[-n_look:] = DESIGN_LOOK / LOOK_WEIGHT
    return graph_ridge.design(phi * scale, labeled * scale, count, excluded)


def embed_others(pool: Pool, images: Images) -> Features:
    """Features of images (M, H, W) that are not covered."""
    looks = pool.recipe.look(images)
    n_graph = pool.phi.shape[1] - looks.shape[1]
    graph = extend_graph(pool.phi[:, :n_graph], pool.places, pool.recipe.place(looks))
    return Features(VERSION, {"phi": np.hstack([graph, np.float32(LOOK_WEIGHT) * looks])})


def _part(on_step: OnStep, name: str, start: float, stop: float) -> Callable[[float], None]:
    return lambda share: on_step(name, start + (stop - start) * share)
