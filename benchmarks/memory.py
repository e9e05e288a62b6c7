"""Resident memory of the web process and of its trainer. Linux only: it is read from /proc."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from app.datasets import DataSet
from benchmarks.client import Client
from benchmarks.finding import Finding
from benchmarks.latency import label_batches
from benchmarks.server import (
    Memory,
    RunningServer,
    database_folder,
    find_child,
    read_memory_mb,
    running_server,
    wait_for,
)

N_BATCHES = 20
POOL_SIZE = 60_000
LARGEST_MB = {"web": 250, "trainer": 900}


def measure(data: DataSet, notes: Console) -> Iterator[Finding]:
    """After warm-up and after some rounds: with the largest pool, on the start that made it and on a later one."""
    if not Path("/proc/self/status").exists():
        notes.print("memory: left out, there is no /proc here")
        return
    pool_size = min(POOL_SIZE, len(data.train.images))
    notes.print(f"memory: {N_BATCHES} batches at a pool of {pool_size:,}")
    with database_folder() as folder:
        for start in ("first", "later"):
            with running_server(folder, pool_size=pool_size) as server:
                wait_for(server, "/readyz")
                yield from _measured(server, f"{start} start, pool of {pool_size:,}, warm", "VmRSS")
                with Client(server.port) as client:
                    label_batches(client, data, N_BATCHES)
                yield from _measured(server, f"{start} start, pool of {pool_size:,}, after {N_BATCHES} rounds", "VmRSS")
                yield from _measured(server, f"{start} start, pool of {pool_size:,}, peak", "VmHWM")


def _measured(server: RunningServer, what: str, name: Memory) -> Iterator[Finding]:
    for process, pid in (("web", server.pid), ("trainer", find_child(server.pid))):
        if pid is not None and (found := read_memory_mb(pid, name)) is not None:
            largest = LARGEST_MB[process] if name == "VmRSS" else None
            yield Finding("memory", f"{process}, {what}", found, "MB", largest)
