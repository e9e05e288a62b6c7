"""Independent blocks on all processors. NumPy and SciPy let other threads run while they compute."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def count_threads() -> int:
    """As many as the linear algebra of NumPy uses: `OMP_NUM_THREADS` limits both."""
    from threadpoolctl import threadpool_info

    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def split(n_rows: int, size: int) -> list[slice]:
    """Blocks of `size` rows, the last one maybe shorter. A block's bits do not depend on what computes the others."""
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def each(compute: Callable[[slice], T], blocks: list[slice]) -> Iterator[T]:
    """`compute` of each block, in their order; each in one thread, its linear algebra included.

    At most a few results wait for the caller, so that memory does not grow with the number of blocks.
    """
    from threadpoolctl import threadpool_limits

    n_threads = count_threads()
    with threadpool_limits(1), ThreadPoolExecutor(n_threads) as threads:
        waiting = iter(blocks)
        running = [threads.submit(compute, block) for block in islice(waiting, 2 * n_threads)]
        while running:
            result = running.pop(0).result()
            running += [threads.submit(compute, block) for block in islice(waiting, 1)]
            yield result
