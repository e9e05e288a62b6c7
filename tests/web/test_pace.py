"""An account may act as fast as a person or an honest script does, and what is too fast may be sent again later."""

import datetime as dt

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.db import Database
from app.errors import TooManyActs
from app.models import Annotator, Role
from app.settings import Settings
from app.web.edge.deps import Services, get_now
from app.web.edge.pace import ACTS, LABELS, Allowance, Pace
from tests.factories import add_account, add_annotator, after, count_events, race
from tests.web.clients import as_person
from tests.web.person import POOL, Person


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """The server here has accounts."""
    return closed_settings


def wait_of(pace: Pace, annotator: Annotator, allowance: Allowance = ACTS, n: int = 1, *, seconds: float = 0) -> int:
    """The seconds that the annotator has to wait; 0 counts the acts."""
    try:
        pace.spend(annotator, allowance, n, now=after(seconds))
    except TooManyActs as error:
        wait: int = error.context["seconds"]
        return wait
    return 0


def test_so_many_acts_pass_at_once_and_then_as_many_as_time_gives(database: Database) -> None:
    pace, ada = Pace(), add_account(database)

    assert [wait_of(pace, ada) for _ in range(ACTS.at_once + 2)] == [0] * ACTS.at_once + [2, 2]
    assert [wait_of(pace, ada, seconds=seconds) for seconds in (1, 2, 2, 6, 6, 6)] == [1, 0, 2, 0, 0, 2]


def test_an_hour_without_an_act_gives_no_more_than_the_allowance(database: Database) -> None:
    pace, ada = Pace(), add_account(database)
    wait_of(pace, ada)

    assert sum(wait_of(pace, ada, seconds=3600) == 0 for _ in range(ACTS.at_once + 5)) == ACTS.at_once


def test_a_person_who_acts_four_times_a_second_for_half_a_minute_is_not_held_up(database: Database) -> None:
    pace, ada = Pace(), add_account(database)

    assert all(wait_of(pace, ada, seconds=number / 4) == 0 for number in range(120))


def test_a_script_may_send_whole_pools_of_labels(database: Database) -> None:
    pace, ada = Pace(), add_account(database)

    assert [wait_of(pace, ada, LABELS, 1000) for _ in range(11)] == [0] * 10 + [10]
    assert wait_of(pace, ada, LABELS, 1000, seconds=10) == 0


def test_labels_and_other_acts_and_accounts_are_counted_apart(database: Database) -> None:
    pace, ada, ben = Pace(), add_account(database), add_account(database, "ben")
    while wait_of(pace, ada) == 0:
        pass

    assert (wait_of(pace, ada, LABELS), wait_of(pace, ben)) == (0, 0)


@pytest.mark.parametrize("role", ["admin", "oracle"])
def test_admins_and_the_oracle_act_at_any_pace(database: Database, role: Role) -> None:
    pace, name = Pace(), "oracle" if role == "oracle" else "boss"
    one = add_annotator(database, name, role="oracle") if role == "oracle" else add_account(database, name, role=role)

    assert all(wait_of(pace, one) == 0 for _ in range(3 * ACTS.at_once))


def test_without_accounts_everybody_acts_at_any_pace(database: Database) -> None:
    pace, local = Pace(), add_annotator(database, "local")

    assert all(wait_of(pace, local) == 0 for _ in range(3 * ACTS.at_once))


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing(database: Database) -> None:
    pace, ada = Pace(), add_account(database)
    while wait_of(pace, ada, seconds=100) == 0:
        pass

    assert wait_of(pace, ada, seconds=0) == 2


def test_of_those_who_act_at_once_no_more_than_the_allowance_pass(database: Database) -> None:
    pace, ada = Pace(), add_account(database)

    outcomes = race(8, lambda _: sum(wait_of(pace, ada) == 0 for _ in range(50)))

    assert sum(each for each in outcomes if isinstance(each, int)) == ACTS.at_once


# Over HTTP


@pytest.fixture
def ada(app: FastAPI, services: Services) -> TestClient:
    """An annotator with an account, whose acts happen at one moment."""
    client = as_person(app, services, "ada")
    now = dt.datetime.now(dt.UTC)
    app.dependency_overrides[get_now] = lambda: now
    return client


def act(client: TestClient, what: str, body: dict[str, object]) -> int:
    return client.post(f"{POOL}/{what}", json=body).status_code


def test_acts_beyond_the_allowance_are_refused_with_the_time_to_wait(
    ada: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.api.labeling.ACTS", Allowance("acts", 5, 0.5))
    (event,) = Person(ada, "ada").lease_and_label(1)
    image_id, event_id = event["image_id"], event["event_id"]
    flag = {"image_id": image_id, "remark": "smudged"}

    assert act(ada, "flags", flag) == 201
    assert act(ada, "skips", {"image_id": image_id + 9}) == 201
    assert act(ada, "changes", {"event_id": event_id, "value": 7}) == 201
    assert act(ada, "undo", {}) == 200
    assert act(ada, "undo", {"event_id": 10**6}) == 404  # counts as well
    n_events = count_events(services.database)
    for what, body in (("flags", flag), ("skips", {"image_id": 20}), ("undo", {})):
        response = ada.post(f"{POOL}/{what}", json=body)
        assert (response.status_code, response.json()["code"]) == (429, "TooManyActs"), what
        assert response.headers["retry-after"] == str(response.json()["context"]["seconds"]) == "2"
        assert response.headers["content-type"] == "application/problem+json"
    assert count_events(services.database) == n_events
    Person(ada, "ada").lease_and_label(2)  # labels have an allowance of their own


def test_each_label_of_a_request_counts(ada: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.api.labeling.LABELS", Allowance("labels", 5, 1))
    labels = [{"image_id": image_id, "value": 1} for image_id in range(1, 10)]

    assert act(ada, "labels", {"labels": labels[:3]}) == 201
    assert act(ada, "labels", {"labels": labels[3:6]}) == 429
    assert act(ada, "labels", {"labels": labels[3:5]}) == 201


def test_the_pages_forms_are_counted_too(ada: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    acts = Allowance("acts", 2, 0.5)
    for module in ("answers", "images"):
        monkeypatch.setattr(f"app.web.pages.{module}.ACTS", acts)
    (event,) = Person(ada, "ada").lease_and_label(1)
    statuses, event_id = [], event["event_id"]
    for turn, url in enumerate(("/pools/digits/answers", f"/images/{event['image_id']}") * 2):
        form = {"event_id": str(event_id), "value": str(turn), "key": f"the key {turn}".replace(" ", "-")}
        response = ada.post(url, data=form, follow_redirects=False)
        statuses.append((response.status_code, response.headers.get("retry-after")))
        event_id += 1
        if response.status_code == 429:
            assert "This account has done much at once" in response.text

    assert statuses == [(303, None), (303, None), (429, "2"), (429, "2")]
