"""Many annotators with accounts at once on a pool of 60,000: how fast it is, and whether all of it is right.

`python -m benchmarks.load [--annotators 50] [--seconds 60] [--think-ms 300] [--kills 0] [--keep FOLDER]`: people think
between their answers; with `--think-ms 0` they answer as fast as the server does. With `--kills` the trainer is killed
so many times meanwhile. Ends with exit code 1 if a label is lost or doubled, a digit was given to two people, the
database was locked, anything else failed, or the rounds do not come out of their events again.
"""

import argparse
import datetime as dt
import multiprocessing
import secrets
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from app import accounts, datasets, rounds
from app.datasets import DataSet
from app.db import Database
from app.passwords import hash_password
from app.pools import get_pool
from app.settings import Settings
from app.tokens import create_token
from app.verify import verify_pool
from benchmarks.annotators import Acknowledgement, Handout, Plan, Seen, label_together
from benchmarks.finding import Finding, report, spread
from benchmarks.server import (
    RunningServer,
    database_folder,
    find_child,
    kill_trainer,
    read_memory_mb,
    running_server,
    wait_for,
)

PART = "load"
POOL_SIZE = 60_000
LEASE_SECONDS = 600
PROCESSES = 2  # of clients: the threads of one would wait for each other as well as for the server
SPAWN_SECONDS = 3.0  # by then these processes are there


@dataclass(frozen=True, slots=True)
class StoredLabel:
    """A label event of the database, and the current label of its image."""

    annotator: str
    image_id: int
    value: int
    key: str
    standing: int | None


def measure(
    data: DataSet, folder: Path, notes: Console, *, n_annotators: int, seconds: float, think_seconds: float, kills: int
) -> Iterator[Finding]:
    """Label for so many seconds, then look at the answers, the database in `folder`, and the server's log."""
    pool_size = min(POOL_SIZE, len(data.train.images))
    notes.print(f"load: {n_annotators} annotators for {seconds:g} s at a pool of {pool_size:,}")
    tokens = make_accounts(folder, n_annotators)
    log = folder / "server.log"
    settings = {"pool_size": pool_size, "lease_seconds": LEASE_SECONDS, "log_level": "info"}
    with running_server(folder, log=log, **settings) as server:
        wait_for(server, "/readyz")
        yield from memory(server, "memory, warm")
        killer = threading.Thread(target=kill_trainers, args=(server, kills, seconds))
        killer.start()
        seen = label(server, data, tokens, seconds=seconds, think_seconds=think_seconds)
        killer.join()
        if kills:
            wait_for(server, "/readyz")
        yield from memory(server, "memory, at the end")
    yield from speed(seen, n_annotators, seconds)
    yield from faults(seen, read_stored(folder), log.read_text(encoding="utf-8", errors="replace"), n_kills=kills)
    yield from verified(folder, notes)


def make_accounts(folder: Path, n_annotators: int) -> dict[str, str]:
    """Accounts in a new database, by name with their tokens."""
    database, now, tokens = _open(folder), dt.datetime.now(dt.UTC), {}
    password = hash_password(secrets.token_urlsafe())
    for number in range(n_annotators):
        with database.write() as session:
            name = f"annotator-{number:03d}"
            account = accounts.add_account(session, name, "annotator", password, now=now)
            tokens[name] = create_token(session, account, "api", "load", now=now)
    database.close()
    return tokens


def label(
    server: RunningServer, data: DataSet, tokens: dict[str, str], *, seconds: float, think_seconds: float
) -> Seen:
    """What all annotators saw, from processes that begin together."""
    start_at = time.monotonic() + SPAWN_SECONDS
    truth = data.train.truth.astype("u1").tobytes()
    plan = Plan(server.port, truth, start_at, start_at + seconds, think_seconds)
    people, seen = list(tokens.items()), Seen()
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as processes:
        tasks = [processes.submit(label_together, plan, dict(people[i::PROCESSES])) for i in range(PROCESSES)]
        for task in tasks:
            seen.add(task.result())
    return seen


def kill_trainers(server: RunningServer, kills: int, seconds: float) -> None:
    """Kill the trainer so many times, spread over the time in which people label."""
    time.sleep(SPAWN_SECONDS)
    for _ in range(kills):
        kill_trainer(server.pid)
        time.sleep(seconds / (kills + 1))


def memory(server: RunningServer, what: str) -> Iterator[Finding]:
    """Resident, as it is now; for information, for it grows with the labels that a round is fitted on."""
    for process, pid in (("web", server.pid), ("trainer", find_child(server.pid))):
        resident = None if pid is None else read_memory_mb(pid, "VmRSS")
        if resident is not None:
            yield Finding(PART, f"{what}, {process}", resident, "MB")


def speed(seen: Seen, n_annotators: int, seconds: float) -> Iterator[Finding]:
    """How much was labeled, how evenly, and how long annotators waited."""
    labeled = Counter(answer.annotator for answer in seen.acknowledged)
    each = [*labeled.values(), *[0] * (n_annotators - len(labeled))]
    yield Finding(PART, "labels", len(seen.acknowledged) / seconds, "labels/s")
    yield Finding(PART, "labels of one annotator, fewest", min(each), "", 1, is_minimum=True)
    yield Finding(PART, "labels of one annotator, most", max(each), "")
    if seen.ask_seconds and seen.answer_seconds:
        yield from spread(PART, "ask", seen.ask_seconds, {})
        yield Finding(PART, "ask, served by an older ranking", 100 * seen.n_stale / len(seen.ask_seconds), "%")
        yield from spread(PART, "answer", seen.answer_seconds, {})
    yield Finding(PART, "the clients, of one processor", 100 * seen.processor_seconds / seconds, "%")


def faults(seen: Seen, stored: Sequence[StoredLabel], log: str, *, n_kills: int = 0) -> Iterator[Finding]:
    """What must not happen, each counted. The log tells of each trainer that was killed, as it should."""
    answered = shared((answer.image_id, answer.annotator) for answer in seen.acknowledged)
    kept = shared((event.image_id, event.annotator) for event in stored)
    locked = log.count("database is locked") + sum(n for what, n in seen.troubles.items() if what.startswith("503"))
    others = {what: n for what, n in seen.troubles.items() if not what.startswith("503")}
    counts = {
        "given to two people, by the leases": len(given_twice(seen.handouts)),
        "given to two people, by the answers": len(answered),
        "given to two people, by the database": len(kept),
        "labels lost": len(lost(seen.acknowledged, stored)),
        "events doubled": len(stored) - len({event.image_id for event in stored}),
        "database locked, or 503": locked,
        "errors in the server's log": log.count(" ERROR ") + log.count(" CRITICAL ") - n_kills,
        f"other errors{''.join(f', {what}' for what in sorted(others))}": sum(others.values()),
    }
    for what, count in counts.items():
        yield Finding(PART, what, count, "", 0)


def given_twice(handouts: Iterable[Handout]) -> set[int]:
    """Images that were leased to one annotator while another's lease was in force.

    By the server's clock alone: a lease began `LEASE_SECONDS` before it expires. No image is released here.
    """
    last: dict[int, Handout] = {}
    found = set()
    for handout in sorted(handouts, key=lambda handout: handout.expires_at):
        before = last.get(handout.image_id, handout)
        began_at = handout.expires_at - dt.timedelta(seconds=LEASE_SECONDS)
        if before.annotator != handout.annotator and began_at < before.expires_at:
            found.add(handout.image_id)
        last[handout.image_id] = handout
    return found


def shared(pairs: Iterable[tuple[int, str]]) -> set[int]:
    """The images that come with more than one annotator."""
    return {image_id for image_id, n in Counter(image_id for image_id, _ in set(pairs)).items() if n > 1}


def lost(acknowledged: Iterable[Acknowledgement], stored: Iterable[StoredLabel]) -> list[Acknowledgement]:
    """Answers that the server acknowledged and the database does not have, or not with that value."""
    kept = {(event.annotator, event.image_id, event.value, event.key, event.standing) for event in stored}
    return [one for one in acknowledged if (one.annotator, one.image_id, one.value, one.key, one.value) not in kept]


def read_stored(folder: Path) -> list[StoredLabel]:
    """All label events; none is changed or undone here."""
    query = """
        SELECT annotator.name, label_event.image_id, label_event.value, label_event.key, label.value
        FROM label_event JOIN annotator ON annotator.id = annotator_id
        LEFT JOIN label ON label.event_id = label_event.id
        WHERE kind = 'label'
    """
    with closing(sqlite3.connect(folder / "inkling.db")) as connection:
        return [StoredLabel(*row) for row in connection.execute(query)]


def verified(folder: Path, notes: Console) -> Iterator[Finding]:
    """What `inkling verify` says of the database."""
    database = _open(folder)
    with database.read() as session:
        pool = get_pool(session, "digits")
        n_rounds = rounds.get_newest_round(session, pool).number
    started = time.monotonic()
    difference = verify_pool(database, pool, lambda _number, _last: None).difference
    database.close()
    notes.print(
        "verify: every round comes out the same" if difference is None else f"verify: different at {difference}"
    )
    yield Finding(PART, "rounds trained", n_rounds, "", 1, is_minimum=True)
    yield Finding(PART, "verify", time.monotonic() - started, "s")
    yield Finding(PART, "verify, differences", difference is not None, "", 0)


def main() -> int:
    """Run, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--annotators", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--think-ms", type=float, default=300.0, help="between two answers of one person, on average")
    parser.add_argument("--kills", type=int, default=0, help="of the trainer, while people label")
    parser.add_argument("--keep", type=Path, help="an empty folder, for the database and the server's log")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("load.json"), help="where to write")
    asked = parser.parse_args()
    if asked.keep is not None:
        asked.keep.mkdir(parents=True, exist_ok=True)
        if any(asked.keep.iterdir()):
            parser.error(f"the folder {asked.keep} is not empty")
    data = datasets.load(Settings())
    notes = Console(stderr=True)
    with database_folder() if asked.keep is None else nullcontext(asked.keep.absolute()) as folder:
        findings = list(
            measure(
                data,
                folder,
                notes,
                n_annotators=asked.annotators,
                seconds=asked.seconds,
                think_seconds=asked.think_ms / 1000,
                kills=asked.kills,
            )
        )
    return 0 if report(findings, data, asked.json) else 1


def _open(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder}/inkling.db")
    database.migrate()
    return database


if __name__ == "__main__":
    sys.exit(main())
