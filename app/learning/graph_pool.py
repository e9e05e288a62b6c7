"""A pool as the learner `graph` prepared it: the arrays of its `Features`, and the rows of any image of the pool.

N images, m of them covered, D features. `phi` (m, D): R graph numbers, then the look times its weight.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.learning import graph_ridge
from app.learning.graph_features import Recipe, extend_graph, learn_graph, learn_recipe
from app.learning.learner import Features, Float32, Images, OnStep, PoolImages, Positions

VERSION = 1
LOOK_WEIGHT = np.float32(4)
N_AHEAD = 32  # picks of the design that are made ahead, at least


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
        arrays = {name: np.asarray(array) for name, array in pool.features.arrays.items()}
        recipe = Recipe.from_arrays(arrays)
        named = (arrays[name] for name in ("covered", "phi", "places", "design", "design_gains"))
        return cls(pool.images, *named, recipe)

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

    def design(self, labeled: Positions, rest: Positions, count: int) -> tuple[Positions, Float32]:
        """The best `count` of `rest` to ask for their own sake, best first, and the variance that each takes away.

        What was chosen ahead is used as long as nothing else has a label.
        """
        is_new = ~np.isin(self.first, labeled)
        if len(self.first) - is_new.sum() == len(labeled) and is_new.sum() >= min(count, len(rest)):
            return self.first[is_new], self.gains[is_new]
        left = min(count, N_AHEAD)
        inside = self.row_of(np.intersect1d(labeled, self.covered))
        picks, values = graph_ridge.design(self.phi, self.rows(labeled), left, inside)
        positions = self.covered[picks]
        others = np.setdiff1d(rest, positions)
        return np.concatenate([positions, others]), np.concatenate([values, np.zeros(len(others), np.float32)])


def prepare(images: Images, covered: Positions, *, seed: int, n_design: int, on_step: OnStep) -> Features:
    """Features of the images at `covered` (m,), and the first images to ask, for `Pool.of`."""
    rng = np.random.default_rng(seed)
    some = images if len(covered) == len(images) else images[covered]
    recipe = learn_recipe(some, rng, _part(on_step, "learning what strokes look like", 0, 0.3))
    looks = recipe.look(some, _part(on_step, "looking at every image", 0.3, 0.6))
    on_step("finding which images are alike", 0.6)
    places = recipe.place(looks)
    graph = learn_graph(places, rng)
    phi = np.hstack([graph, LOOK_WEIGHT * looks])
    on_step("choosing what to ask first", 0.95)
    none = np.empty(0, np.int64)
    first, gains = graph_ridge.design(phi, phi[:0], max(n_design, N_AHEAD), none)
    found = {"covered": covered.astype(np.int64), "phi": phi, "places": places}
    on_step("done", 1)
    return Features(VERSION, {**found, "design": covered[first], "design_gains": gains, **recipe.to_arrays()})


def embed_others(pool: Pool, images: Images) -> Features:
    """Features of images (M, H, W) that are not covered."""
    looks = pool.recipe.look(images)
    n_graph = pool.phi.shape[1] - looks.shape[1]
    graph = extend_graph(pool.phi[:, :n_graph], pool.places, pool.recipe.place(looks))
    return Features(VERSION, {"phi": np.hstack([graph, LOOK_WEIGHT * looks])})


def _part(on_step: OnStep, name: str, start: float, stop: float) -> Callable[[float], None]:
    return lambda share: on_step(name, start + (stop - start) * share)
