"""Several annotators at once, in any order, with crashes between: the database does what a model in memory does.

`Rules` is that model. Every step is done by both; what came out and what is stored afterwards have to be equal.
INKLING_STATEFUL_EXAMPLES=2000 runs longer.
"""

import datetime as dt
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from app import labeling, leases, queries, revising, rounds
from app.changes import Change
from app.db import Database
from app.errors import AppError
from app.events import LabelEventView
from app.labeling import GivenLabel
from app.models import Annotator, Answer, Label, Lease, Pool, Round, Skip
from app.pools import get_pool
from app.rounds import TrainingSet

from .factories.acts import ids_of
from .factories.files import copy_database, url_of
from .factories.making import LEASE_SECONDS, NOW, add_annotator, add_pool, make_outcome
from .factories.stored import answers_of, fold_of, image_ids, ranked_ids, read_history
from .labeling_rules import Done, Rules

T = TypeVar("T")

logger = logging.getLogger(__name__)

USUAL_EXAMPLES, STEPS = 30, 40
EXAMPLES = int(os.environ.get("INKLING_STATEFUL_EXAMPLES", USUAL_EXAMPLES))  # before the tests hide the environment
KILLED = ("before it is stored", "while it is stored", "after it is stored")
N_IMAGES, BATCH_SIZE, QUEUE_SIZE = 8, 3, 4
ADMIN = "boss"
NAMES = ("ada", "ben", "eve", ADMIN)

who = st.sampled_from(NAMES)
place = st.integers(0, N_IMAGES - 1)
value = st.integers(0, 9)
some_event = st.integers(0, 10**6)  # of those there are, modulo their number


class Crash(Exception):
    """The process dies at this place."""


def crash(_: object) -> None:
    raise Crash


@dataclass(frozen=True, slots=True)
class Begun:
    """A round that a trainer computes, in a process of its own: what it has read."""

    trainer: Database
    previous: Round
    training: TrainingSet


class Labeling(RuleBasedStateMachine):
    """The steps. `template` is a database with the pool and the annotators in it."""

    template: Path
    n_rules: dict[str, int] = {}  # noqa: RUF012 (all runs together: which steps were taken how often)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="inkling-stateful-"))
        self.n_starts = self.n_keys = 0
        self.now = NOW
        self.sent: list[tuple[Callable[[], list[int]], list[int]]] = []
        self.known: list[tuple[Any, ...]] = []
        self.begun: Begun | None = None

    @initialize()
    def begin(self) -> None:
        """A pool that nobody has worked in."""
        self.database = Database(url_of(copy_database(self.template, self.folder / "0.db")))
        self.feed = self.database.follow_changes()
        with self.database.read() as session:
            self.pool: Pool = get_pool(session, "patterns")
            self.people = {one.name: one for one in session.scalars(select(Annotator))}
        ids = image_ids(self.database, self.pool)
        self.model = Rules(ids, BATCH_SIZE, ADMIN, rankings=[ids[:QUEUE_SIZE]])

    def teardown(self) -> None:
        """Nothing is left behind."""
        if hasattr(self, "database"):
            self.kill_trainer()
            self.open_instead(None)
        shutil.rmtree(self.folder)

    # What people do

    @rule(name=who, count=st.none() | st.integers(1, 5))
    def ask(self, name: str, count: int | None) -> None:
        def real() -> list[int]:
            with self.database.write() as session:
                asked = labeling.ask(
                    session, self.pool, self.people[name], count, now=self.now, lease_seconds=LEASE_SECONDS
                )
                assert (asked.shortage is None) == bool(asked.images)
                return ids_of(asked.images)

        self.both("ask", real, lambda: self.model.ask(name, count, self.now))

    @rule(name=who, places=st.lists(place, min_size=1, max_size=3, unique=True), given=value)
    def answer_anything(self, name: str, places: list[int], given: int) -> None:
        self.answer(name, {self.model.images[each]: given for each in places})

    @rule(name=who, n=st.integers(1, 4), given=value)
    def answer_what_is_held(self, name: str, n: int, given: int) -> None:
        if mine := self.model.mine(name)[:n]:
            self.answer(name, dict.fromkeys(mine, given))

    def answer(self, name: str, given: dict[int, int]) -> None:
        keys = {image: self.new_key() for image in given}

        def real() -> list[int]:
            with self.database.write() as session:
                answers = [GivenLabel(image, v, keys[image]) for image, v in given.items()]
                answered = labeling.answer(session, self.pool, self.people[name], answers, now=self.now)
                return [event.id for event in answered.events]

        self.act("answer", real, lambda: self.model.answer(name, given, self.now))

    @rule(name=who, where=place)
    def skip(self, name: str, where: int) -> None:
        image, key = self.model.images[where], self.new_key()

        def real() -> list[int]:
            with self.database.write() as session:
                return [revising.skip(session, self.pool, self.people[name], image, key=key, now=self.now).id]

        self.act("skip", real, lambda: self.model.skip(name, image, self.now))

    @rule(name=who, where=place, given=value)
    def skip_it_after_all(self, name: str, where: int, given: int) -> None:
        """So rarely do these follow each other by chance."""
        self.skip(name, where)
        self.answer(name, {self.model.images[where]: given})
        self.undo(name, None)
        self.skip(name, where)

    @rule(name=who, where=place)
    def flag(self, name: str, where: int) -> None:
        image, key = self.model.images[where], self.new_key()

        def real() -> list[int]:
            with self.database.write() as session:
                person = self.people[name]
                return [revising.flag(session, self.pool, person, image, "smudged", key=key, now=self.now).id]

        self.act("flag", real, lambda: self.model.flag(name, image))

    @precondition(lambda self: self.model.events)
    @rule(name=who, number=some_event, new=value)
    def change_anything(self, name: str, number: int, new: int) -> None:
        self.change(name, number % (len(self.model.events) + 1) + 1, new)

    @precondition(lambda self: self.model.label)
    @rule(name=who, number=some_event, new=value)
    def change_what_stands(self, name: str, number: int, new: int) -> None:
        standing = sorted(self.model.label.values())
        self.change(name, standing[number % len(standing)], new)

    def change(self, name: str, event_id: int, new: int) -> None:
        key = self.new_key()

        def real() -> list[int]:
            with self.database.write() as session:
                person = self.people[name]
                return [revising.change(session, self.pool, person, event_id, new, key=key, now=self.now).id]

        self.act("change", real, lambda: self.model.change(name, event_id, new))

    @rule(name=who)
    def undo_the_last(self, name: str) -> None:
        self.undo(name, None)

    @precondition(lambda self: self.model.events)
    @rule(name=who, number=some_event)
    def undo_anything(self, name: str, number: int) -> None:
        self.undo(name, number % (len(self.model.events) + 1) + 1)

    def undo(self, name: str, event_id: int | None) -> None:
        key = self.new_key()

        def real() -> list[int]:
            with self.database.write() as session:
                person, seconds = self.people[name], LEASE_SECONDS
                undone = revising.undo(
                    session, self.pool, person, event_id, key=key, now=self.now, lease_seconds=seconds
                )
                return [undone.event.id]

        self.act("undo", real, lambda: self.model.undo(name, event_id, self.now))

    @precondition(lambda self: self.sent)
    @rule(number=some_event)
    def send_again(self, number: int) -> None:
        """A retry with the key of something that was acknowledged: the same answer, and nothing stored twice."""
        real, ids = self.sent[number % len(self.sent)]
        self.both("send again", real, lambda: ids)

    @rule(name=who)
    def renew(self, name: str) -> None:
        def real() -> int:
            with self.database.write() as session:
                return leases.renew(session, self.pool, self.people[name], now=self.now, seconds=LEASE_SECONDS)

        self.both("renew", real, lambda: self.model.renew(name, self.now))

    @rule(name=who, places=st.none() | st.lists(place, max_size=3))
    def release(self, name: str, places: list[int] | None) -> None:
        images = None if places is None else [self.model.images[each] for each in places]

        def real() -> int:
            with self.database.write() as session:
                return leases.release(session, self.pool, self.people[name], images)

        self.both("release", real, lambda: self.model.release(name, images))

    # What happens

    @rule(seconds=st.sampled_from([1, LEASE_SECONDS // 2, LEASE_SECONDS, 5 * LEASE_SECONDS, -30]))
    def time_passes(self, seconds: int) -> None:
        """Now and then the clock is set back."""
        self.now += dt.timedelta(seconds=seconds)
        self.count("time")

    @rule(places=st.permutations(range(N_IMAGES)))
    def train(self, places: list[int]) -> None:
        """A round comes in, with any ranking of what is not labeled."""
        free = self.free(places)
        with self.database.write() as session:
            training = rounds.read_training_set(session, self.pool)
            assert len(training.positions) == len(self.model.label)
            assert training.last_event_id == len(self.model.events)
            outcome = make_outcome(free[:QUEUE_SIZE])
            assert rounds.store(session, rounds.get_newest_round(session, self.pool), training, outcome, now=self.now)
        self.model.train(free[:QUEUE_SIZE], len(self.model.events))
        self.count("train")

    @precondition(lambda self: self.begun is None)
    @rule()
    def begin_to_train(self) -> None:
        """A trainer reads what there is, and holds nothing while it computes."""
        trainer = Database(url_of(self.database.path))
        with trainer.read() as session:
            previous, training = (
                rounds.get_newest_round(session, self.pool),
                rounds.read_training_set(session, self.pool),
            )
        assert training.last_event_id == len(self.model.events)
        self.begun = Begun(trainer, previous, training)
        self.count("begin to train")

    @precondition(lambda self: self.begun)
    @rule(places=st.permutations(range(N_IMAGES)), killed=st.sampled_from(["never", *KILLED]))
    def end_training(self, places: list[int], killed: str) -> None:
        """The round is stored, unless another one was; or the trainer is killed before, while or after it stores it."""
        assert self.begun is not None
        begun, ranking = self.begun, self.free(places)[:QUEUE_SIZE]
        is_stored = False
        if killed == "after it is stored":
            begun.trainer.on_commit(crash)
        with suppress(Crash), begun.trainer.write() as session:
            if killed == "before it is stored":
                raise Crash
            is_first = rounds.store(session, begun.previous, begun.training, make_outcome(ranking), now=self.now)
            if killed == "while it is stored":
                raise Crash
            is_stored = is_first
        number = begun.previous.number + 1
        if killed in ("never", "after it is stored"):
            assert is_stored == (number == len(self.model.rankings))
        if is_stored:
            self.model.train(ranking, begun.training.last_event_id)
        assert self.feed.read() == ([Change("round", self.pool.id, number)] if is_stored else [])
        self.kill_trainer()
        self.count(f"trainer killed: {killed}" if is_stored or killed in KILLED[:2] else "another trainer was first")

    @rule(places=st.permutations(range(N_IMAGES)), ends=st.permutations(["never", *KILLED]), late=st.booleans())
    def train_at_length(self, places: list[int], ends: list[str], *, late: bool) -> None:
        """So rarely do these follow each other by chance; the first of the trainers may come too late."""
        for number, killed in enumerate(ends):
            if self.begun is None:
                self.begin_to_train()
            if late and number == 0:
                self.train(places)
            self.end_training(places, killed)

    def kill_trainer(self) -> None:
        """What it had read is gone."""
        if self.begun is not None:
            self.begun.trainer.close()
        self.begun = None

    def free(self, places: list[int]) -> list[int]:
        """Those of the images that have no label."""
        return [self.model.images[each] for each in places if self.model.images[each] not in self.model.label]

    def open_instead(self, path: Path | None) -> None:
        """Another process has this file in the place of ours."""
        self.feed.close()
        self.database.close()
        if path is not None:
            self.database = Database(url_of(path))
            self.feed = self.database.follow_changes()

    @rule()
    def restart(self) -> None:
        """The process ends as it should, and another one opens the file; a trainer outlives it."""
        self.open_instead(self.database.path)
        self.count("restart")

    @rule()
    def be_killed(self) -> None:
        """The processes are gone at once: others find the file and SQLite's log as they lie there."""
        self.n_starts += 1
        killed, path = self.database, self.folder / f"{self.n_starts}.db"
        for suffix in ("", "-wal"):
            source = killed.path.with_name(killed.path.name + suffix)
            if source.exists():
                shutil.copyfile(source, path.with_name(path.name + suffix))
        self.kill_trainer()
        self.open_instead(path)
        self.count("be killed")

    @rule(name=who, where=place)
    def crash_within_a_transaction(self, name: str, where: int) -> None:
        """What was not committed has not happened."""
        image, person = self.model.images[where], self.people[name]
        with pytest.raises((Crash, AppError)), self.database.write() as session:
            labeling.ask(session, self.pool, person, 3, now=self.now, lease_seconds=LEASE_SECONDS)
            labeling.answer(session, self.pool, person, [GivenLabel(image, 1)], now=self.now)
            revising.undo(session, self.pool, person, now=self.now, lease_seconds=LEASE_SECONDS)
            revising.skip(session, self.pool, person, image, key=None, now=self.now)
            raise Crash
        self.count("crash")

    # What holds at all times

    @invariant()
    def what_is_stored_is_what_the_rules_say(self) -> None:
        """Labels, skips and leases; and the labels are the fold of the events."""
        with self.database.read() as session:
            events = read_history(session)
            answers = {(row.image_id, row.annotator_id): row.event_id for row in session.scalars(select(Answer))}
            stored = {row.image_id: (row.event_id, row.value) for row in session.scalars(select(Label))}
            skips = {(row.image_id, row.annotator_id): row.event_id for row in session.scalars(select(Skip))}
            held = {
                row.image_id: (row.annotator_id, row.given_at, row.expires_at, row.rank)
                for row in session.scalars(select(Lease))
            }
            view = queries.view_pool(session, self.pool, now=self.now)
            trained = [
                (row.number, row.last_event_id, ranked_ids(self.database, row))
                for row in session.scalars(select(Round).order_by(Round.number))
            ]
        assert trained == [
            (number, seen, ranking)
            for number, (seen, ranking) in enumerate(zip(self.model.seen, self.model.rankings, strict=True))
        ]
        ids = {name: person.id for name, person in self.people.items()}
        assert stored == {image: (each, self.model.events[each - 1].value) for image, each in self.model.label.items()}
        fold = fold_of(events)
        assert stored == {image: (each.id, each.value) for image, each in fold.labels.items()}
        assert answers == answers_of(fold)
        assert skips == {(image, ids[name]): each for (image, name), each in self.model.skips.items()}
        assert held == {
            image: (ids[lease.name], lease.since, lease.until, lease.rank) for image, lease in self.model.held.items()
        }
        assert held.keys().isdisjoint(stored)
        self.check_events(events)
        counts = view.counts
        assert (counts.labeled, counts.unlabeled) == (len(stored), N_IMAGES - len(stored))
        assert counts.held == sum(lease.until > self.now for lease in self.model.held.values())
        assert view.until_round == max(0, BATCH_SIZE - self.model.n_new)
        assert view.newest.number == len(self.model.rankings) - 1

    def check_events(self, events: list[LabelEventView]) -> None:
        """They are the model's, they only grow, and nobody labels what has a label."""
        told = [
            Done(e.id, e.kind, e.image_id, e.annotator or "", e.value, e.undoes_id, e.round, e.rank) for e in events
        ]
        assert told == self.model.events
        rows = [(e.id, e.kind, e.value, e.annotator_id, e.key, e.remark, e.created_at) for e in events]
        assert rows[: len(self.known)] == self.known
        self.known = rows
        labeled: dict[int, int] = {}
        for event in events:
            if event.kind == "label":
                assert event.image_id not in labeled
                labeled[event.image_id] = event.id
            elif event.kind == "undo" and labeled.get(event.image_id) == event.undoes_id:
                del labeled[event.image_id]

    # Both ways

    def both(self, step: str, real: Callable[[], T], expected: Callable[[], T]) -> bool:
        """Do it in the model and in the database: the same result or the same refusal. Whether it was done."""
        self.count(step)
        try:
            wanted = expected()
        except AppError as error:
            with pytest.raises(type(error)):
                real()
            return False
        assert real() == wanted
        self.count(f"{step}, done")
        return True

    def act(self, step: str, real: Callable[[], list[int]], expected: Callable[[], list[int]]) -> None:
        """The same for what carries a key: if all of its events are new and have the key, it may be sent again."""
        before = len(self.model.events)
        ids: list[int] = []

        def noted() -> list[int]:
            ids.extend(expected())
            return ids

        if self.both(step, real, noted) and all(event_id > before for event_id in ids):
            self.sent.append((real, ids))

    def new_key(self) -> str:
        """A key that was not used yet."""
        self.n_keys += 1
        return f"key {self.n_keys}"

    def count(self, step: str) -> None:
        """Count what is tried, and what of it is done."""
        self.n_rules[step] = self.n_rules.get(step, 0) + 1


@contextmanager
def machine_on(migrated: Path, folder: Path) -> Iterator[type[Labeling]]:
    """The machine with its template."""
    template = copy_database(migrated, folder / "template.db")
    database = Database(url_of(template))
    add_pool(database, n_images=N_IMAGES, n_validation=2, n_test=0, batch_size=BATCH_SIZE, queue_size=QUEUE_SIZE)
    for name in NAMES:
        add_annotator(database, name, role="admin" if name == ADMIN else "annotator")
    database.close()
    Labeling.template = template
    Labeling.n_rules.clear()
    yield Labeling


def test_whatever_happens_the_database_does_what_the_rules_say(migrated_file: Path, tmp_path: Path) -> None:
    with machine_on(migrated_file, tmp_path) as machine:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=EXAMPLES == USUAL_EXAMPLES,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )

    n_steps = sum(n for step, n in machine.n_rules.items() if not step.endswith("done"))
    logger.info("%d steps: %s", n_steps, machine.n_rules)  # shown with --log-cli-level info
    assert n_steps > EXAMPLES * 10
    assert len(machine.n_rules) == 14 + 6 + 9  # each step was taken, and what can be refused was done, too
