"""Independent blocks on all processors. NumPy and SciPy let other threads run while they compute.

Linear algebra that spreads one product over threads waits for all of them, and so is slow beside other programs. Here a
block belongs to one thread: its bits are the same with any number of threads.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


def count_threads() -> int:
    """As many as there are processors; `OMP_NUM_THREADS` limits them, as it does those of NumPy's linear algebra."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdecimal() and int(limit) else (os.cpu_count() or 1)


def alone() -> AbstractContextManager[Any]:
    """Within it linear algebra keeps to the thread that calls it."""
    limits: AbstractContextManager[Any] = libraries().limit(limits=1)
    return limits


@cache
def libraries() -> Any:
    """The libraries of linear algebra that this process has loaded."""
    # Those that come with SciPy and scikit-learn have to be loaded to be found.
    import scipy.linalg  # noqa: F401
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def split(n_rows: int, size: int) -> list[slice]:
    """Blocks of `size` rows, the last one maybe shorter. A block's bits do not depend on what computes the others."""
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def each(compute: Callable[[slice], T], blocks: list[slice]) -> Iterator[T]:
    """`compute` of each block, in their order.

    At most a few results wait for the caller, so that memory does not grow with the number of blocks.
    """
    n_threads = min(count_threads(), len(blocks))
    if n_threads < 2:
        with alone():
            yield from map(compute, blocks)
        return
    with alone(), ThreadPoolExecutor(n_threads) as threads:
        waiting = iter(blocks)
        running = [threads.submit(compute, block) for block in islice(waiting, 2 * n_threads)]
        while running:
            result = running.pop(0).result()
            running += [threads.submit(compute, block) for block in islice(waiting, 1)]
            yield result
