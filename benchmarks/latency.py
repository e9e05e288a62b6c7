"""From the tenth answer sent to the next ten images leased, over HTTP, the training of a round included."""

import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from app.datasets import DataSet
from benchmarks.client import Client
from benchmarks.finding import Finding, spread
from benchmarks.server import database_folder, running_server, wait_for

FIRST = "digits"
BATCH = 10
WARM_UP_BATCHES = 2  # round 1 compiles nothing more, but its pages of the database are read for the first time
# Pool size: batches to measure, and budgets in milliseconds.
POOLS: dict[int, tuple[int, dict[float, float]]] = {4000: (80, {0.95: 60, 0.99: 100}), 60_000: (50, {0.95: 150})}


def measure(data: DataSet, notes: Console) -> Iterator[Finding]:
    """Both pool sizes, as far as the data set goes."""
    for pool_size, (n_batches, budgets) in POOLS.items():
        if pool_size > len(data.train.images):
            notes.print(f"latency: {data.description} has no {pool_size:,} training images, so that pool is left out")
            continue
        notes.print(f"latency: {n_batches} batches at a pool of {pool_size:,}")
        with database_folder() as folder, running_server(folder, pool_size=pool_size) as server:
            wait_for(server, "/readyz")
            with Client(server.port) as client:
                seconds = label_batches(client, data, WARM_UP_BATCHES + n_batches)[WARM_UP_BATCHES:]
                rounds = client.get(f"/api/v1/pools/{FIRST}/rounds?limit=1000")["items"][-n_batches:]
        yield from spread("latency", f"pool of {pool_size:,}", seconds, budgets)
        for name in ("fit_ms", "rank_ms"):
            mean = sum(round_[name] for round_ in rounds) / len(rounds)
            yield Finding("latency", f"pool of {pool_size:,}, of this {name.removesuffix('_ms')}, mean", mean, "ms")


def label_batches(client: Client, data: DataSet, n_batches: int, *, slug: str = FIRST) -> list[float]:
    """Label batches truly, one label a request; for each the seconds from its last answer to the next images.

    The pool must be the first images of the data set, and the client the only one.
    """
    seconds, pool = [], f"/api/v1/pools/{slug}"
    asked = client.post(f"{pool}/leases", {"count": BATCH})
    for number in range(n_batches):
        assert len(asked["images"]) == BATCH, asked
        *before, last = asked["images"]
        for image in before:
            client.post(f"{pool}/labels", true_label(data, image), status=201)
        body = true_label(data, last)
        started = time.perf_counter()
        client.post(f"{pool}/labels", body, status=201)
        following = client.post(f"{pool}/leases", {"count": BATCH})
        seconds.append(time.perf_counter() - started)
        assert not following["stale"] and following["round"] == asked["round"] + 1, (number, following)
        asked = following
    return seconds


def true_label(data: DataSet, image: dict[str, Any]) -> dict[str, Any]:
    """The request that labels an image truly."""
    key = f"latency-{image['image_id']}"
    value = int(data.train.truth[image["position"]])
    return {"labels": [{"image_id": image["image_id"], "value": value, "key": key}]}
