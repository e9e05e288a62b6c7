"""From the start of the process to the first labeling page, and until the model is ready."""

from collections.abc import Iterator

from rich.console import Console

from app.datasets import DataSet
from benchmarks.finding import Finding
from benchmarks.server import database_folder, running_server, wait_for

N_REPEATS = 4
PAGE = "/pools/digits/label"


def measure(data: DataSet, notes: Console) -> Iterator[Finding]:  # noqa: ARG001 (each part has these parameters)
    """The very first start, which makes the database, and every later one; the slowest of four each."""
    first, later, ready = [], [], []
    for number in range(N_REPEATS):
        notes.print(f"startup: repeat {number + 1} of {N_REPEATS}")
        with database_folder() as folder:
            with running_server(folder) as server:
                first.append(wait_for(server, PAGE))
                wait_for(server, "/readyz")
            with running_server(folder) as server:
                later.append(wait_for(server, PAGE))
                ready.append(wait_for(server, "/readyz"))
    for what, seconds in (("first start", first), ("later start", later)):
        yield Finding("startup", f"{what} → labeling page, fastest", min(seconds), "s")
        yield Finding("startup", f"{what} → labeling page, slowest", max(seconds), "s", 1.5)
    yield Finding("startup", "later start → model ready, slowest", max(ready), "s")
