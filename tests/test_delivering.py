"""What webhooks are to be told arrives at a real receiver, signed, whatever fails, hangs or is killed meanwhile."""

import hashlib
import hmac
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.db import Database
from app.deliveries import CLAIMED
from app.delivering import Deliverer
from app.models import Annotator, Pool
from app.settings import ROOT

from .factories.acts import ask, ask_and_answer
from .factories.files import opened
from .factories.hooked import Clock, add_webhook, count_test, deliveries_of, make_deliverer, send_test, set_goals
from .factories.making import NOW, make_trainer
from .factories.receiving import HANG, Receiver, receiving
from .factories.watching import race

ANSWER = """
import datetime, os, signal, sys
from app import labeling
from app.db import Database
from app.models import Annotator, Lease, Pool
from sqlalchemy import select

database = Database(sys.argv[1])
with database.write() as session:
    pool, lease = session.scalars(select(Pool)).one(), session.scalars(select(Lease)).one()
    ada = session.get_one(Annotator, lease.annotator_id)
    given = labeling.GivenLabel(lease.image_id, 1)
    labeling.answer(session, pool, ada, [given], now=datetime.datetime.fromisoformat(sys.argv[2]))
os.kill(os.getpid(), signal.SIGKILL)
"""
SEND = """
import datetime, sys
from app.db import Database
from app.delivering import Deliverer

now = datetime.datetime.fromisoformat(sys.argv[2])
Deliverer(Database(sys.argv[1]), allow_private=True, seconds=60, clock=lambda: now).run_one()
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver at work."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def clock() -> Clock:
    """The time, at NOW."""
    return Clock()


def start(code: str, database: Database) -> subprocess.Popen[bytes]:
    """A process of its own that works on this database at the time NOW."""
    command = [sys.executable, "-c", code, f"sqlite:///{database.path}", NOW.isoformat()]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ)


def states(database: Database) -> list[tuple[str, int]]:
    return [(each.status, each.n_attempts) for each in deliveries_of(database)]


def test_a_delivery_arrives_signed_with_its_secret(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    webhook = add_webhook(database, pool, receiver.url)
    count_test(database, pool, 21)
    deliverer = make_deliverer(database, clock)
    assert deliverer.run_one()
    assert not deliverer.run_one()

    (received,) = receiver.received
    timestamp = received.headers["inkling-timestamp"]
    signed = hmac.new(webhook.secret.encode(), f"{timestamp}.".encode() + received.body, hashlib.sha256).hexdigest()
    assert received.headers["inkling-signature"] == f"sha256={signed}"
    assert int(timestamp) == int(NOW.timestamp())
    assert (received.headers["inkling-event"], received.headers["inkling-delivery"]) == ("round_stored", "1")
    assert received.headers["content-type"] == "application/json"
    assert received.told["round"]["accuracy"]["tested_on"] == "test"
    assert states(database) == [("delivered", 1)]


def test_a_receiver_that_fails_and_hangs_and_comes_back_gets_all(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    add_webhook(database, pool, receiver.url)
    for correct in (20, 21, 22):
        count_test(database, pool, correct)
    receiver.answers = [500, HANG, 302, 404, HANG, 500]
    deliverer = make_deliverer(database, clock, seconds=0.2)
    for _ in range(64):
        while deliverer.run_one():
            pass
        clock.move(10)

    assert receiver.ids() == [1] * 7 + [2, 3]  # the others wait with the first, and follow it
    assert states(database) == [("delivered", 7), ("delivered", 1), ("delivered", 1)]
    bodies = {each.body for each in receiver.received}
    assert len(bodies) == 3  # what is sent again says the same


def test_why_an_attempt_failed_is_kept_until_one_succeeds(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    add_webhook(database, pool, receiver.url)
    count_test(database, pool, 21)
    receiver.answers = [503]
    deliverer = make_deliverer(database, clock)
    deliverer.run_one()
    (failed,) = deliveries_of(database)
    assert (failed.status, failed.last_error) == ("waiting", "The receiver answered 503 Service Unavailable.")
    clock.move(9)
    assert not deliverer.run_one()
    clock.move(1)
    assert deliverer.run_one()

    assert [each.last_error for each in deliveries_of(database)] == [None]


def test_two_senders_never_send_one_delivery_both(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    add_webhook(database, pool, receiver.url)
    for correct in range(12):
        count_test(database, pool, correct)
    with opened(database.path) as other:
        senders = [make_deliverer(each, clock) for each in (database, other, database, other)]

        def send_all(index: int) -> None:
            while any(status == "waiting" for status, _ in states(database)):
                senders[index].run_one()

        assert race(4, send_all) == [None] * 4

    assert sorted(receiver.ids()) == list(range(1, 13))
    assert states(database) == [("delivered", 1)] * 12


def test_one_that_does_not_answer_delays_the_others_by_one_attempt(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    with receiving() as deaf:
        deaf.answers = [HANG] * 10
        add_webhook(database, pool, deaf.url)
        add_webhook(database, pool, receiver.url)
        for correct in (20, 21, 22):
            count_test(database, pool, correct)
        deliverer = make_deliverer(database, clock, seconds=0.1)
        for _ in range(6):
            deliverer.run_one()

    assert (len(deaf.received), len(receiver.received)) == (1, 3)  # the backlog of the deaf one waits together


def test_many_that_do_not_answer_delay_the_others_by_one_attempt(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    with receiving() as deaf:
        deaf.answers = [500] * 100
        for _ in range(10):
            add_webhook(database, pool, deaf.url)
        count_test(database, pool, 20)
        deliverer = make_deliverer(database, clock)
        while deliverer.run_one():
            pass
        live = add_webhook(database, pool, receiver.url)
        clock.move(10)
        assert deliverer.run_one()  # one of the ten
        send_test(database, live, now=clock.now)
        assert deliverer.run_one()

    assert (len(deaf.received), len(receiver.received)) == (11, 1)


def test_no_transaction_is_open_while_a_receiver_takes_its_time(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    add_webhook(database, pool, receiver.url)
    count_test(database, pool, 21)
    receiver.answers = [HANG]
    with opened(database.path) as other:

        def contend(index: int) -> None:
            if index == 0:
                make_deliverer(other, clock, seconds=60).run_one()
                return
            assert receiver.has_received.wait(60)
            count_test(database, pool, 22)  # a write, which waits for no sender
            assert database.engine.pool.checkedout() == other.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
            receiver.is_over.set()

        assert race(2, contend) == [None, None]

    assert states(database) == [("waiting", 1), ("waiting", 0)]


def test_by_default_this_machine_is_told_nothing(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    send_test(database, add_webhook(database, pool, receiver.url))
    Deliverer(database, allow_private=False, clock=clock).run_one()
    (refused,) = deliveries_of(database)

    assert receiver.received == []
    assert refused.status == "given_up"
    assert "INKLING_WEBHOOKS_PRIVATE" in str(refused.last_error)


def test_what_was_committed_by_a_process_that_was_killed_is_delivered(
    database: Database, pool: Pool, ada: Annotator, receiver: Receiver, clock: Clock
) -> None:
    add_webhook(database, pool, receiver.url)
    set_goals(database, pool, goal_labels=1)
    ask(database, pool, ada, 1)
    killed = start(ANSWER, database)
    assert killed.wait(60) == -signal.SIGKILL
    make_deliverer(database, clock).run_one()

    (received,) = receiver.received
    assert (received.told["event"], received.told["goal"]["value"]) == ("goal_reached", 1)


def test_what_was_being_sent_by_a_process_that_was_killed_is_sent_again(
    database: Database, pool: Pool, receiver: Receiver, clock: Clock
) -> None:
    add_webhook(database, pool, receiver.url)
    count_test(database, pool, 21)
    receiver.answers = [HANG]
    sender = start(SEND, database)
    assert receiver.has_received.wait(60)
    sender.kill()
    sender.wait(60)
    deliverer = make_deliverer(database, clock)
    assert not deliverer.run_one()  # it might still be sent by the other
    clock.move(CLAIMED.total_seconds())
    assert deliverer.run_one()

    assert receiver.ids() == [1, 1]
    assert states(database) == [("delivered", 2)]


def test_the_sender_is_woken_by_what_is_committed(database: Database, pool: Pool, receiver: Receiver) -> None:
    deliverer = make_deliverer(database, Clock())
    deliverer.start()
    try:
        database.on_commit(deliverer.hear)
        send_test(database, add_webhook(database, pool, receiver.url))
        assert receiver.has_received.wait(60)
    finally:
        deliverer.stop()

    assert states(database) == [("delivered", 1)]  # a sender that stops ends what it has begun


@pytest.mark.tensorflow
def test_a_round_that_is_trained_is_told_with_its_test(
    database: Database, pool: Pool, ada: Annotator, receiver: Receiver
) -> None:
    add_webhook(database, pool, receiver.url)
    set_goals(database, pool, goal_accuracy=0.001)
    ask_and_answer(database, pool, ada, 10)
    trainer = make_trainer(database)
    while trainer.run_one():
        pass
    deliverer = Deliverer(database, allow_private=True)
    while deliverer.run_one():
        pass

    stored, reached = (each.told for each in receiver.received)
    assert (stored["event"], stored["round"]["number"], stored["round"]["labels"]) == ("round_stored", 1, 10)
    assert stored["round"]["accuracy"]["total"] == 30
    assert (reached["event"], reached["goal"]["kind"]) == ("goal_reached", "accuracy")
