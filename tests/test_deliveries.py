"""A delivery waits until it is taken, is claimed by one sender at a time, and is given up after three days."""

import datetime as dt
import json

import pytest

from app import deliveries, webhooks
from app.db import Database
from app.deliveries import CLAIMED, KEPT, TRIED, Claimed, pause_after
from app.errors import NotFound, TooManyWebhooks, WebhookInvalid
from app.models import Delivery, Pool, Webhook
from app.webhooks import EVENTS, MAX_WEBHOOKS

from .factories.hooked import add_webhook, count_test, deliveries_of, pause, send_test
from .factories.making import NOW, add_pool, after
from .factories.watching import race


def claim(database: Database, delivery_id: int, now: dt.datetime = NOW) -> Claimed | None:
    return database.write_together(lambda session: deliveries.claim(session, delivery_id, now=now))


def due(database: Database, now: dt.datetime = NOW) -> list[int]:
    with database.read() as session:
        return sorted(deliveries.find_due(session, now=now).values())


def fail(database: Database, claimed: Claimed, now: dt.datetime, reason: str = "No answer came.") -> None:
    database.write_together(lambda session: deliveries.record_failure(session, claimed, reason, now=now))


def succeed(database: Database, claimed: Claimed, now: dt.datetime = NOW) -> None:
    database.write_together(lambda session: deliveries.record_success(session, claimed, now=now))


def again(database: Database, webhook: Webhook, delivery_id: int, now: dt.datetime) -> Delivery:
    with database.write() as session:
        return deliveries.send_again(session, session.get_one(Webhook, webhook.id), delivery_id, now=now)


@pytest.fixture
def webhook(database: Database, pool: Pool) -> Webhook:
    """A webhook of all events."""
    return add_webhook(database, pool)


def test_the_body_says_what_happened_where_and_when(database: Database, pool: Pool, webhook: Webhook) -> None:
    count_test(database, pool, 21, now=after(3))
    (delivery,) = deliveries_of(database)
    claimed = claim(database, delivery.id, after(4))
    assert claimed is not None

    assert json.loads(claimed.body) == {
        "delivery_id": delivery.id,
        "event": "round_stored",
        "pool": "patterns",
        "created_at": after(3).isoformat(),
        **delivery.facts,
    }
    assert (claimed.attempt, claimed.url, claimed.secret) == (1, webhook.url, webhook.secret)


def test_of_many_who_claim_a_delivery_at_once_one_gets_it(database: Database, webhook: Webhook) -> None:
    delivery = send_test(database, webhook)

    got = race(8, lambda _: claim(database, delivery.id))

    assert sum(isinstance(each, Claimed) for each in got) == 1
    assert sum(each is None for each in got) == 7


def test_a_claim_whose_sender_died_is_over_after_a_while(database: Database, webhook: Webhook) -> None:
    delivery = send_test(database, webhook)
    assert claim(database, delivery.id) is not None
    assert due(database, NOW + CLAIMED - dt.timedelta(seconds=1)) == []
    second = claim(database, delivery.id, NOW + CLAIMED)

    assert second is not None
    assert second.attempt == 2


def test_a_late_failure_does_not_undo_another_attempt(database: Database, pool: Pool, webhook: Webhook) -> None:
    count_test(database, pool, 21)
    (delivery,) = deliveries_of(database)
    late = claim(database, delivery.id)
    second = claim(database, delivery.id, NOW + CLAIMED)
    assert late is not None
    assert second is not None
    fail(database, late, NOW + CLAIMED)
    assert due(database, NOW + CLAIMED * 1.5) == []  # the second is being sent
    succeed(database, second)
    fail(database, second, NOW + CLAIMED)
    (delivery,) = deliveries_of(database)

    assert (delivery.status, delivery.last_error) == ("delivered", None)
    assert webhook.id == delivery.webhook_id


def test_the_pauses_double_up_to_an_hour_for_three_days(database: Database, pool: Pool, webhook: Webhook) -> None:
    count_test(database, pool, 21)
    (delivery,) = deliveries_of(database)
    now, pauses = NOW, list[float]()
    while (claimed := claim(database, delivery.id, now)) is not None:
        fail(database, claimed, now, f"Attempt {claimed.attempt} failed.")
        (delivery,) = deliveries_of(database)
        if delivery.status != "waiting":
            break
        pauses.append((delivery.due_at - now).total_seconds())
        now = delivery.due_at

    assert pauses[:10] == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
    assert set(pauses[10:]) == {3600}
    assert TRIED - dt.timedelta(hours=1) < now - NOW <= TRIED
    assert (delivery.status, delivery.ended_at) == ("given_up", now)
    assert delivery.last_error == f"Attempt {delivery.n_attempts} failed."
    assert pause_after(dt.timedelta(days=400)) == dt.timedelta(hours=1)
    assert pause_after(dt.timedelta(days=-1)) == dt.timedelta(seconds=10)  # the clock was set back
    assert webhook.id == delivery.webhook_id


def test_a_failure_holds_back_all_that_waits_for_the_webhook_and_a_success_lets_it_go(
    database: Database, pool: Pool, webhook: Webhook
) -> None:
    other = add_webhook(database, pool)
    for _ in range(3):
        count_test(database, pool, 21)
    first = claim(database, 1)
    assert first is not None
    fail(database, first, after(5))
    assert due(database, after(19)) == [2]  # of the other webhook
    again_at = after(20)  # as long again as it has been tried, and ten seconds
    assert {each.due_at for each in deliveries_of(database) if each.webhook_id == webhook.id} == {again_at}
    count_test(database, pool, 22, now=after(3000))
    newest = claim(database, 7, after(3000))  # what is new is tried once, at once
    assert newest is not None
    assert newest.webhook_id == webhook.id
    fail(database, newest, after(3000))
    assert {each.due_at for each in deliveries_of(database) if each.webhook_id == webhook.id} == {after(6010)}
    again(database, webhook, 3, after(3100))
    taken = claim(database, 3, after(3100))
    assert taken is not None
    succeed(database, taken, after(3101))

    assert due(database, after(3101)) == [1, 2]
    assert other.id


def test_what_is_sent_elsewhere_just_now_stays_claimed(database: Database, pool: Pool, webhook: Webhook) -> None:
    for _ in range(2):
        count_test(database, pool, 21)
    first, second = claim(database, 1), claim(database, 2)
    assert first is not None
    assert second is not None
    fail(database, first, NOW)
    assert due(database, after(10)) == [1]
    third = claim(database, 1, after(10))
    assert third is not None
    succeed(database, third, after(10))

    assert due(database, after(11)) == []
    assert webhook.id


def test_what_has_waited_for_too_long_is_given_up_with_a_failure_of_another(
    database: Database, pool: Pool, webhook: Webhook
) -> None:
    for seconds in (0, 60, 4000):
        count_test(database, pool, 21, now=after(seconds))
    claimed = claim(database, 1, NOW + TRIED)
    assert claimed is not None
    fail(database, claimed, NOW + TRIED, "No answer came.")

    found = deliveries_of(database)
    assert [each.status for each in found] == ["given_up", "given_up", "waiting"]
    assert found[1].last_error == "No answer came."
    assert found[2].due_at == NOW + TRIED + dt.timedelta(hours=1)
    assert webhook.id


def test_of_what_waits_for_a_paused_webhook_the_newest_are_kept(
    database: Database, pool: Pool, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MAX_WAITING", 2)
    pause(database, webhook)
    for seconds in range(4):
        count_test(database, pool, 21, now=after(seconds))
    found = deliveries_of(database)
    assert [each.status for each in found] == ["given_up", "given_up", "waiting", "waiting"]
    assert "waited" in str(found[0].last_error)
    count_test(database, pool, 21, now=NOW + KEPT + dt.timedelta(seconds=10))

    assert [each.id for each in deliveries_of(database)] == [3, 4, 5]  # what ended long ago is forgotten


def test_what_ended_long_ago_is_forgotten_with_a_later_failure(
    database: Database, pool: Pool, webhook: Webhook
) -> None:
    for _ in range(2):
        count_test(database, pool, 21)
    first = claim(database, 1)
    assert first is not None
    succeed(database, first)
    second = claim(database, 2, NOW + KEPT)
    assert second is not None
    fail(database, second, NOW + KEPT + dt.timedelta(seconds=1))

    assert [(each.id, each.status) for each in deliveries_of(database)] == [(2, "given_up")]
    assert webhook.id


def test_a_test_is_tried_once(database: Database, webhook: Webhook) -> None:
    delivery = send_test(database, webhook)
    claimed = claim(database, delivery.id)
    assert claimed is not None
    assert claimed.event == "test"
    fail(database, claimed, after(1))

    assert [each.status for each in deliveries_of(database)] == ["given_up"]


def test_a_delivery_is_sent_again_under_its_id_and_tried_as_long_as_a_new_one(
    database: Database, pool: Pool, webhook: Webhook
) -> None:
    count_test(database, pool, 21)
    (delivery,) = deliveries_of(database)
    claimed = claim(database, delivery.id)
    assert claimed is not None
    fail(database, claimed, NOW + TRIED)
    later = NOW + dt.timedelta(days=10)
    renewed = again(database, webhook, delivery.id, later)

    assert (renewed.id, renewed.status, renewed.tried_until) == (delivery.id, "waiting", later + TRIED)
    assert due(database, later) == [delivery.id]
    with pytest.raises(NotFound):
        again(database, add_webhook(database, pool), delivery.id, later)


def test_a_paused_webhook_keeps_what_happens_and_only_its_tests_are_sent(
    database: Database, pool: Pool, webhook: Webhook
) -> None:
    pause(database, webhook)
    count_test(database, pool, 21)
    test = send_test(database, webhook)
    assert due(database) == [test.id]
    later = NOW + dt.timedelta(days=30)
    pause(database, webhook, is_paused=False, now=later)
    (kept, _) = deliveries_of(database)

    assert due(database, later) == [kept.id]  # the older one goes first
    assert kept.tried_until == later + TRIED


def test_each_webhook_has_one_delivery_at_a_time_that_is_due(database: Database, pool: Pool, webhook: Webhook) -> None:
    other = add_webhook(database, pool)
    count_test(database, pool, 21)
    count_test(database, pool, 22)
    with database.read() as session:
        found = deliveries.find_due(session, now=NOW)

    assert found == {webhook.id: 1, other.id: 2}


def test_what_ended_long_ago_is_forgotten_with_a_later_success(
    database: Database, pool: Pool, webhook: Webhook
) -> None:
    for _ in range(3):
        count_test(database, pool, 21)
    first, second, third = (each.id for each in deliveries_of(database))
    taken = claim(database, first)
    assert taken is not None
    succeed(database, taken)
    taken = claim(database, second, NOW + KEPT)
    assert taken is not None
    succeed(database, taken, NOW + KEPT + dt.timedelta(seconds=1))

    assert [each.id for each in deliveries_of(database)] == [second, third]
    assert webhook.id


def test_the_last_deliveries_of_all_webhooks_are_read_at_once(database: Database, pool: Pool, webhook: Webhook) -> None:
    other = add_webhook(database, pool)
    for _ in range(3):
        send_test(database, webhook)
    with database.read() as session:
        last = deliveries.list_last(session, [webhook, other], 2)

    assert {key: [each.id for each in found] for key, found in last.items()} == {webhook.id: [3, 2], other.id: []}


def test_a_webhook_goes_with_its_deliveries(database: Database, webhook: Webhook) -> None:
    send_test(database, webhook)
    with database.write() as session:
        webhooks.delete_webhook(session, session.get_one(Webhook, webhook.id), now=NOW)
    with database.read() as session:
        assert session.get(Webhook, webhook.id) is None

    assert deliveries_of(database) == []


def test_a_webhook_is_registered_with_a_secret_of_its_own(database: Database, pool: Pool) -> None:
    first, second = (
        add_webhook(database, pool),
        add_webhook(database, pool, " http://a.example ", ["pool_finished"] * 2),
    )

    assert first.secret != second.secret
    assert min(len(first.secret), len(second.secret)) >= 43
    assert (second.url, second.events) == ("http://a.example", ["pool_finished"])
    assert first.events == list(EVENTS)


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://me:pw@a.example/", "http://a.example/" + "x" * 2000])
def test_an_address_that_cannot_be_sent_to_is_refused(database: Database, pool: Pool, url: str) -> None:
    with pytest.raises(WebhookInvalid):
        add_webhook(database, pool, url)


def test_a_webhook_of_no_event_is_refused(database: Database, pool: Pool) -> None:
    with pytest.raises(WebhookInvalid, match="one event at least"):
        add_webhook(database, pool, events=["test"])


def test_a_pool_has_no_more_webhooks_than_it_may(database: Database, pool: Pool) -> None:
    for _ in range(MAX_WEBHOOKS):
        add_webhook(database, pool)
    with pytest.raises(TooManyWebhooks, match="Delete one first"):
        add_webhook(database, pool)
    add_webhook(database, add_pool(database, slug="other"))
