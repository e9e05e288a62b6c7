"""Kill the server again and again while one client labels by truth, and see that nothing is lost and nothing doubled.

`python -m benchmarks.crash [--kills 100] [--labels 400] [--seed 0] [--in-turn]`: a line a kill, then the verdict. With
--in-turn each second kill is of the trainer alone.
Ends with exit code 1 if an acknowledged label is missing, one is there twice, or (MNIST, 400 labels) an accuracy is
not the paper's.
"""

import argparse
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from app import datasets
from app.datasets import DataSet
from app.oracle import paper
from app.settings import Settings
from benchmarks.client import Client
from benchmarks.server import Restartable, database_folder

POOL = "/api/v1/pools/digits"
RETRY_SECONDS = 0.05


@dataclass(slots=True)
class Log:
    """What happened: acknowledged labels by image, retries, and kills by the number of labels acknowledged then."""

    acknowledged: dict[int, int] = field(default_factory=dict)
    retries: int = 0
    kills: list[int] = field(default_factory=list)
    in_turn: bool = False  # each second kill is of the trainer alone


def run(
    data: DataSet, folder: Path, *, kills: int, labels: int, seed: int, in_turn: bool = False
) -> tuple[Log, list[dict[str, Any]]]:
    """Label until there are enough; the log, and the rounds that the server ends up with."""
    rng = random.Random(seed)
    # Kills are spread over the labels; those behind a batch's last label fall into training or loading.
    moments = sorted(rng.randrange(labels * 4 // 5) for _ in range(kills))  # room for those that come together
    log = Log(in_turn=in_turn)
    server = Restartable(folder)
    try:
        while len(log.acknowledged) < labels:
            _label_batch(server, data, log, moments, rng)
        _wait_for_round(server, log, moments, rng)
        rounds = _get(server, f"{POOL}/rounds?limit=1000", log)["items"]
    finally:
        server.stop()
    return log, rounds


def _label_batch(server: Restartable, data: DataSet, log: Log, moments: list[int], rng: random.Random) -> None:
    _wait_for_round(server, log, moments, rng)
    asked = _post(server, f"{POOL}/leases", {}, log)["images"]
    for image in asked:
        _kill_if_due(server, log, moments, rng, longest=0.03)
        value = int(data.train.truth[image["position"]])
        label = {"image_id": image["image_id"], "value": value, "key": f"crash-{image['image_id']:06d}"}
        _post(server, f"{POOL}/labels", {"labels": [label]}, log)
        log.acknowledged[image["image_id"]] = value


def _wait_for_round(server: Restartable, log: Log, moments: list[int], rng: random.Random) -> None:
    """As the page does: the next batch is asked only once the round that is due is there."""
    while True:
        _kill_if_due(server, log, moments, rng, longest=6.0)
        pool = _get(server, POOL, log)
        if pool["until_round"] > 0:
            return
        time.sleep(RETRY_SECONDS)


def _kill_if_due(server: Restartable, log: Log, moments: list[int], rng: random.Random, *, longest: float) -> None:
    """Kill at some moment of the next `longest` seconds, and start again at once; meanwhile the client goes on.

    If the kill before is still to come, it waits for that, so that each comes.
    """
    if not moments or moments[0] > len(log.acknowledged):
        return
    server.wait_for_kill()
    moments.pop(0)
    log.kills.append(len(log.acknowledged))
    delay = rng.uniform(0, longest)
    only_trainer = log.in_turn and len(log.kills) % 2 == 0
    what = "of the trainer " if only_trainer else ""
    n_labels = len(log.acknowledged)
    print(f"kill {len(log.kills)} {what}with {n_labels} labels acknowledged, in {delay * 1000:.0f} ms", flush=True)
    server.kill_after(delay, only_trainer=only_trainer)


def _get(server: Restartable, path: str, log: Log) -> Any:
    return _until_answered(server, log, lambda client: client.get(path))


def _post(server: Restartable, path: str, body: object, log: Log) -> Any:
    status = 201 if path.endswith("/labels") else 200
    return _until_answered(server, log, lambda client: client.post(path, body, status=status))


def _until_answered(server: Restartable, log: Log, request: Callable[[Client], Any]) -> Any:
    for _ in range(2400):  # two minutes
        with suppress(OSError, HTTPException), Client(server.port, timeout=30) as client:
            return request(client)
        log.retries += 1
        time.sleep(RETRY_SECONDS)
    raise TimeoutError("the server did not come back within two minutes")


def main() -> int:
    """Run, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--labels", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--in-turn", action="store_true", help="kill server and trainer in turn")
    asked = parser.parse_args()
    data = datasets.load(Settings())
    with database_folder() as folder:
        log, rounds = run(data, folder, kills=asked.kills, labels=asked.labels, seed=asked.seed, in_turn=asked.in_turn)
        found = stored_labels(folder)
    missing = [image for image, value in log.acknowledged.items() if found.get(image) != [value]]
    accuracies = [round_["validation"]["accuracy"] for round_ in rounds[1:]]
    published = paper.published()["active"]["accuracy"][: len(accuracies)]
    equal = accuracies == published if data.name == "mnist" else None
    print(f"{len(log.kills)} kills, {log.retries} retries, {len(log.acknowledged)} labels acknowledged")
    print(f"missing or wrong: {len(missing)}, twice: {sum(len(values) > 1 for values in found.values())}")
    print(f"rounds: {len(accuracies)}, accuracies equal to the paper's: {equal}")
    return 1 if missing or equal is False or any(len(values) > 1 for values in found.values()) else 0


def stored_labels(folder: Path) -> dict[int, list[int]]:
    """The values of the label events in the database, by image."""
    found: dict[int, list[int]] = {}
    connection = sqlite3.connect(folder / "inkling.db")
    for image_id, value in connection.execute("SELECT image_id, value FROM label_event WHERE kind = 'label'"):
        found.setdefault(image_id, []).append(value)
    connection.close()
    return found


if __name__ == "__main__":
    sys.exit(main())
