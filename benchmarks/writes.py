"""One label a request, committed to disk: ours against the bare floor, in turns, with one client and with eight."""

import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from app.datasets import DataSet
from benchmarks.client import Client, post_all
from benchmarks.finding import Finding, spread
from benchmarks.latency import FIRST
from benchmarks.server import RunningServer, database_folder, running_floor, running_server, wait_for

N_REPEATS = 4
N_LABELS = 30  # of each client in each turn: as many images as one annotator may hold
CLIENTS = (1, 8)
PACE_SECONDS = 0.05  # between the labels of one client, where clients do not answer as fast as the server does
# More than one repeat labels, so that no round comes due: this is about the path of the write alone.
NEVER_DUE = 1000


@dataclass(slots=True)
class Times:
    """Of one kind of server with one number of clients: seconds of each request, labels per second of each turn."""

    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Labels per second over all turns, which are equally long in labels."""
        return len(self.rates) / sum(1 / rate for rate in self.rates)


def measure(data: DataSet, notes: Console) -> Iterator[Finding]:  # noqa: ARG001 (each part has these parameters)
    """Throughput and latency of the write path; then, for information, with a round trained every ten labels."""
    with ProcessPoolExecutor(max(CLIENTS), multiprocessing.get_context("spawn")) as processes:
        ours, floor = {n: Times() for n in CLIENTS}, {n: Times() for n in CLIENTS}
        paced, paced_floor = Times(), Times()
        for number in range(N_REPEATS):
            notes.print(f"writes: repeat {number + 1} of {N_REPEATS}")
            with _both_servers() as (server, floor_server):
                for n in CLIENTS:
                    _write_floor(processes, floor_server, n, floor[n])
                    _write_ours(processes, server, n, ours[n])
        notes.print("writes: at people's pace")
        with _both_servers() as (server, floor_server):
            _write_floor(processes, floor_server, max(CLIENTS), paced_floor, every=PACE_SECONDS)
            _write_ours(processes, server, max(CLIENTS), paced, every=PACE_SECONDS)
        trained = {n: Times() for n in CLIENTS}
        notes.print("writes: with training")
        with database_folder() as folder, running_server(folder) as server:
            wait_for(server, "/readyz")
            for n_clients, times in trained.items():
                _write_ours(processes, server, n_clients, times)
    for n in CLIENTS:
        clients = f"{n} client{'s' * (n > 1)}"
        yield Finding("writes", f"{clients}, the floor", floor[n].rate, "labels/s")
        yield Finding("writes", f"{clients}, ours", ours[n].rate, "labels/s")
        budget = 0.70 if n == max(CLIENTS) else None
        yield Finding("writes", f"{clients}, of the floor", ours[n].rate / floor[n].rate, "×", budget, is_minimum=True)
        yield from spread("writes", f"{clients}, the floor", floor[n].seconds, {})
        yield from spread("writes", f"{clients}, ours", ours[n].seconds, {0.99: 15} if n == max(CLIENTS) else {})
        yield Finding("writes", f"{clients}, ours while training", trained[n].rate, "labels/s")
        yield from spread("writes", f"{clients}, ours while training", trained[n].seconds, {})
    clients = f"{max(CLIENTS)} clients, each {1 / PACE_SECONDS:g} times a second"
    yield from spread("writes", f"{clients}, the floor", paced_floor.seconds, {})
    yield from spread("writes", f"{clients}, ours", paced.seconds, {0.99: 15})


@contextmanager
def _both_servers() -> Iterator[tuple[RunningServer, RunningServer]]:
    """Ours and the floor, on new databases; both live, and only one is to be busy at a time."""
    with (
        database_folder() as folder,
        running_server(folder, batch_size=NEVER_DUE, queue_size=NEVER_DUE) as server,
        running_floor(folder) as floor,
    ):
        wait_for(server, "/readyz")
        wait_for(floor, "/healthz")
        yield server, floor


def _write_ours(
    processes: ProcessPoolExecutor, server: RunningServer, n_clients: int, times: Times, every: float = 0.0
) -> None:
    """Each client labels images that it leased before the clock started."""
    bodies = []
    with Client(server.port) as client:
        for number in range(n_clients):
            annotator = f"client {n_clients}-{number}-{every:g}"
            asked = client.post(f"/api/v1/pools/{FIRST}/leases", {"annotator": annotator, "count": N_LABELS})
            assert len(asked["images"]) == N_LABELS, len(asked["images"])
            bodies.append([_label(annotator, image["image_id"]) for image in asked["images"]])
    _post(processes, server, f"/api/v1/pools/{FIRST}/labels", bodies, times, every)


def _write_floor(
    processes: ProcessPoolExecutor, server: RunningServer, n_clients: int, times: Times, every: float = 0.0
) -> None:
    bodies = [
        [json.dumps({"annotator": f"client {number}", "image_id": i, "value": 7}).encode() for i in range(N_LABELS)]
        for number in range(n_clients)
    ]
    _post(processes, server, "/labels", bodies, times, every)


def _label(annotator: str, image_id: int) -> bytes:
    label = {"image_id": image_id, "value": 7, "key": f"writes-{image_id}"}
    return json.dumps({"annotator": annotator, "labels": [label]}).encode()


def _post(
    processes: ProcessPoolExecutor,
    server: RunningServer,
    path: str,
    bodies: list[list[bytes]],
    times: Times,
    every: float,
) -> None:
    start_at = time.monotonic() + 1.0  # by then each process is there; a task that waits takes no second one
    between = every / len(bodies)  # people do not press their keys in the same moment
    tasks = [
        processes.submit(post_all, server.port, path, mine, start_at + number * between, every)
        for number, mine in enumerate(bodies)
    ]
    spans = [span for task in tasks for span in task.result(timeout=300)]
    times.seconds += [end - start for start, end in spans]
    times.rates.append(len(spans) / (max(end for _, end in spans) - min(start for start, _ in spans)))
