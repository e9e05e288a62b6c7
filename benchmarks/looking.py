"""Inkling's own learner: how long it looks at a pool, how people are served meanwhile, how long a round takes."""

import datetime as dt
import time
from collections.abc import Iterator

from rich.console import Console

from app import features
from app.datasets import DataSet
from app.db import Database
from app.models import FeatureSet, Pool
from app.pools import PoolSpec, get_pool, make_pool
from app.settings import Settings
from benchmarks.client import Client
from benchmarks.finding import Finding, spread
from benchmarks.latency import BATCH, WARM_UP_BATCHES, label_batches, true_label
from benchmarks.server import RunningServer, database_folder, find_child, read_memory_mb, running_server, wait_for

SLUG = "looked-at"
# Pool size: batches to measure, seconds to look at a sample or at a pool that needs none, and at all; milliseconds.
POOLS: dict[int, tuple[int, float, float | None, dict[float, float]]] = {
    4000: (40, 8.0, None, {0.95: 60}),
    60_000: (40, 10.0, 75.0, {0.95: 600}),
}
PAUSE_SECONDS = 0.3  # of thought between two answers, while the learner looks
LARGEST_MB = 900
PATIENCE_SECONDS = 900.0


def measure(data: DataSet, notes: Console) -> Iterator[Finding]:
    """Both pool sizes, as far as the data set goes."""
    for pool_size, (n_batches, first_seconds, whole_seconds, budgets) in POOLS.items():
        if pool_size > len(data.train.images):
            notes.print(f"looking: {data.description} has no {pool_size:,} training images, so that pool is left out")
            continue
        notes.print(f"looking: a pool of {pool_size:,}")
        what = f"pool of {pool_size:,}"
        with database_folder() as folder:
            database = Database(f"sqlite:///{folder}/inkling.db")
            pool = _make_pool(database, data, pool_size)
            with running_server(folder, pool_size=60) as server, Client(server.port) as client:
                wait_for(server, "/api/v1/pools")
                watched = _Watched(database, pool, server, client, data)
                yield from watched.look(what, first_seconds, whole_seconds)
                wait_for(server, "/readyz")
                wait_for_choice(client)
                seconds = label_batches(client, data, WARM_UP_BATCHES + n_batches, slug=SLUG)[WARM_UP_BATCHES:]
                rounds = client.get(f"/api/v1/pools/{SLUG}/rounds?limit=1000")["items"][-n_batches:]
                yield from spread("looking", f"{what}, tenth answer to the next ten", seconds, budgets)
                totals = [(found["fit_ms"] + found["rank_ms"]) / 1000 for found in rounds]
                yield from spread("looking", f"{what}, a round", totals, {})
                trainer = find_child(server.pid)
                if trainer and (memory := read_memory_mb(trainer, "VmRSS")):
                    yield Finding("looking", f"{what}, trainer after {n_batches} rounds", memory, "MB", LARGEST_MB)
            database.close()


class _Watched:
    """A pool while its learner looks at it, and one person who labels meanwhile."""

    def __init__(self, database: Database, pool: Pool, server: RunningServer, client: Client, data: DataSet) -> None:
        self._database, self._pool, self._server, self._client, self._data = database, pool, server, client, data
        self._steps: dict[str, float] = {}
        self._peak_mb = 0.0
        self._answers: list[float] = []
        self._asks: list[float] = []

    def look(self, what: str, first_seconds: float, whole_seconds: float | None) -> Iterator[Finding]:
        """Until all is known: the seconds of the steps, of each set, of answers meanwhile; the largest memory."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self._take_step():
            assert time.monotonic() < until, "the learner does not come to an end"
        with self._database.read() as session:
            sets = session.query(FeatureSet).order_by(FeatureSet.id).all()
        budgets = [first_seconds] if whole_seconds is None else [first_seconds, whole_seconds]
        for made, budget in zip(sets, budgets, strict=True):
            seconds = (made.prepare_ms or 0) / 1000
            yield Finding("looking", f"{what}, looking at {made.n_images:,}", seconds, "s", budget)
        for step, seconds in self._steps.items():
            yield Finding("looking", f"{what}, of this {step}", seconds, "s")
        yield Finding("looking", f"{what}, process that looks, peak", self._peak_mb, "MB", LARGEST_MB)
        yield from spread("looking", f"{what}, an answer meanwhile", self._answers, {0.95: 100, 0.99: 200})
        yield from spread("looking", f"{what}, asking meanwhile", self._asks, {0.95: 300})

    def _take_step(self) -> bool:
        with self._database.read() as session:
            seen = features.find_preparation(session, self._pool, now=dt.datetime.now(dt.UTC))
        if seen is None:
            return False
        began = time.monotonic()
        trainer = find_child(self._server.pid)
        looking = find_child(trainer) if trainer else None
        if looking:
            self._peak_mb = max(self._peak_mb, read_memory_mb(looking, "VmHWM") or 0.0)
        self._answer_one()
        time.sleep(PAUSE_SECONDS)
        name = seen.step or "starting"
        self._steps[name] = self._steps.get(name, 0.0) + time.monotonic() - began
        return True

    def _answer_one(self) -> None:
        base, started = f"/api/v1/pools/{SLUG}", time.perf_counter()
        (image,) = self._client.post(f"{base}/leases", {"count": 1})["images"]
        asked = time.perf_counter()
        self._client.post(f"{base}/labels", true_label(self._data, image), status=201)
        self._asks.append(asked - started)
        self._answers.append(time.perf_counter() - asked)


def wait_for_choice(client: Client) -> None:
    """Until the learner asks by its own choice, and its first round is counted."""
    until = time.monotonic() + PATIENCE_SECONDS

    def is_choosing() -> bool:
        pool = client.get(f"/api/v1/pools/{SLUG}")
        is_idle = pool["training"]["status"] == "idle" and pool["preparation"] is None
        return is_idle and pool["round"]["asked_by"] == "strategy" and pool["round"]["test"] is not None

    while not is_choosing():
        assert time.monotonic() < until, "no round comes of what was learned"
        time.sleep(PAUSE_SECONDS)


def _make_pool(database: Database, data: DataSet, pool_size: int) -> Pool:
    """A pool of the first images, for the learner that looks first; the server's own first pool is made beside it."""
    database.migrate()
    settings = Settings(pool_size=pool_size, batch_size=BATCH)
    with database.write() as session:
        spec = PoolSpec.of(settings, slug=SLUG, name=SLUG, learner="graph")
        make_pool(session, data, spec, now=dt.datetime.now(dt.UTC))
    with database.read() as session:
        return get_pool(session, SLUG)
