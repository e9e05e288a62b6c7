"""The bounds of a run's numbers, and how a number outside them is refused: in the API, on the page, in the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.datasets.mnist import MNIST_SHAPES

# In this order: the bounds of a number depend on those before it.
TITLES = {
    "pool_start": "Pool start",
    "pool_size": "Pool size",
    "validation_size": "Validation size",
    "budget": "Budget",
    "batch_size": "Batch size",
    "shuffle_seed": "Shuffle seed",
}
MIN_POOL, MAX_BATCH, MAX_SEED = 10, 10_000, 2**32 - 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many images a data set has to label from, and how many to validate and test with."""

    train: int
    test: int


LARGEST = Sizes(MNIST_SHAPES["x_train"][0], MNIST_SHAPES["x_test"][0])  # the largest data set that runs may use


def bounds_of(sizes: Sizes) -> dict[str, tuple[int, int]]:
    """The least and the most that each number may be, whatever the others are."""
    return {
        "pool_start": (0, sizes.train - MIN_POOL),
        "pool_size": (MIN_POOL, sizes.train),
        "validation_size": (1, sizes.test),
        "budget": (1, sizes.train),
        "batch_size": (1, MAX_BATCH),
        "shuffle_seed": (0, MAX_SEED),
    }


def find_fault(name: str, entered: int | None, others: Mapping[str, int | None], sizes: Sizes) -> str | None:
    """What is wrong with one number: its name, its bounds and the remedy in a sentence; None if nothing is.

    `entered` is None for what is no whole number. `others` has the numbers before it; those that are wrong themselves
    are left out.
    """
    (least, most), why = bounds_of(sizes)[name], ""
    if name == "pool_size" and (start := others.get("pool_start")):
        most = sizes.train - start
        why = f" From image {start:,} on the data set has {most:,}; lower the pool start for more."
    if name == "budget" and (pool_size := others.get("pool_size")) is not None:
        most = pool_size
        why = f" The pool has {most:,} images; raise the pool size for more."
    if entered is None:
        return f"{TITLES[name]}: enter a whole number from {least:,} to {most:,}."
    if entered < least:
        return f"{TITLES[name]}: {entered:,} is too small. Enter {least:,} to {most:,}."
    if entered > most:
        return f"{TITLES[name]}: {entered:,} is too large. Enter {least:,} to {most:,}.{why}"
    return None


def find_faults(numbers: Mapping[str, int | None], sizes: Sizes) -> dict[str, str]:
    """All that is wrong, by name. A number that is not there has no bounds: a run may go without a shuffle seed."""
    faults: dict[str, str] = {}
    for name in TITLES:
        fine = {other: value for other, value in numbers.items() if other not in faults}
        if (value := numbers.get(name)) is not None and (fault := find_fault(name, value, fine, sizes)):
            faults[name] = fault
    return faults
