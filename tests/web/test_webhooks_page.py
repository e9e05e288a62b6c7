"""The page of webhooks, which needs no script; and goals on the list of pools."""

import html
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import rounds
from app.models import Pool
from app.pools import get_pool
from app.settings import Settings
from app.web.edge.deps import Services
from tests.factories.hooked import add_webhook, deliveries_of, send_test, set_goals
from tests.factories.making import add_round
from tests.factories.watching import count_queries
from tests.web.clients import as_person

from .person import Person

PAGE = "/pools/digits/webhooks"
FORM = {"url": "https://receiver.example/hook", "events": ["round_stored", "goal_reached"]}


@pytest.fixture
def digits(services: Services) -> Pool:
    """The application's pool."""
    with services.database.read() as session:
        return get_pool(session, "digits")


def text_of(page: str) -> str:
    """What is read on a page, with plain spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.split("<main", 1)[1])).split())


def test_a_webhook_is_registered_and_its_secret_is_shown_this_once(client: TestClient) -> None:
    assert "No webhooks yet." in client.get(PAGE).text
    made = client.post(PAGE, data=FORM)
    secret = re.findall(r"<p><code>([\w-]{43})</code></p>", made.text)

    assert (made.status_code, len(secret)) == (201, 1)
    shown = client.get(PAGE).text
    assert secret[0] not in shown
    assert "Webhook 1 active" in text_of(shown)
    assert "https://receiver.example/hook Round stored · Goal reached" in text_of(shown)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"url": "ftp://a.example", "events": ["round_stored"]}, "has to begin with http:// or https://"),
        ({"url": "http://a.example"}, "Choose one event at least"),
        ({"events": ["round_stored"]}, "A URL has no spaces"),
    ],
)
def test_a_refusal_shows_the_form_again_with_what_was_sent(
    client: TestClient, form: dict[str, str | list[str]], said: str
) -> None:
    refused = client.post(PAGE, data=form)

    assert refused.status_code == 422
    assert said in text_of(refused.text)
    assert f'value="{form.get("url", "")}"' in refused.text
    assert re.findall(r'value="(\w+)" checked', refused.text) == form.get("events", [])


def test_a_webhook_is_paused_resumed_tested_and_deleted_by_forms(client: TestClient, services: Services) -> None:
    client.post(PAGE, data=FORM)
    assert "Webhook 1 paused" in text_of(client.post(f"{PAGE}/1/pause").text)
    assert "Nothing is sent. What happens meanwhile is kept" in client.get(PAGE).text
    assert "Webhook 1 active" in text_of(client.post(f"{PAGE}/1/resume").text)
    assert "Test 1" in text_of(client.post(f"{PAGE}/1/test").text)
    again = client.post(f"{PAGE}/1/deliveries/1/again", follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, PAGE)
    assert len(deliveries_of(services.database)) == 1
    assert "No webhooks yet." in client.post(f"{PAGE}/1/delete").text
    assert client.post(f"{PAGE}/1/pause", headers={"accept": "text/html"}).status_code == 404


def test_the_page_asks_as_much_of_the_database_for_many_webhooks_as_for_one(
    client: TestClient, services: Services, digits: Pool
) -> None:
    def count() -> int:
        with count_queries(services.database) as statements:
            assert client.get(PAGE).status_code == 200
        return len(statements)

    send_test(services.database, add_webhook(services.database, digits))
    one = count()
    for _ in range(19):
        send_test(services.database, add_webhook(services.database, digits))

    assert count() == one
    assert "as many webhooks as it may have" in client.get(PAGE).text
    assert client.post(PAGE, data=FORM).status_code == 409


def test_an_address_is_shown_as_it_was_given_and_never_as_html(client: TestClient) -> None:
    page = client.post(PAGE, data=FORM | {"url": 'https://a.example/"><script>'}).text

    assert "<script>" not in page
    assert 'https://a.example/"><script>' in html.unescape(page)


class TestWithAccounts:
    """What is for admins is shown to no others."""

    @pytest.fixture
    def settings(self, closed_settings: Settings) -> Settings:
        """Of a server with accounts."""
        return closed_settings

    def test_the_list_of_pools_leads_admins_to_the_webhooks(self, app: FastAPI, services: Services) -> None:
        ada, boss = (as_person(app, services, name).get("/").text for name in ("ada", "boss"))

        assert f'href="{PAGE}"' in boss
        assert f'href="{PAGE}"' not in ada

    def test_webhooks_that_come_and_go_are_in_the_audit(self, app: FastAPI, services: Services) -> None:
        boss = as_person(app, services, "boss")
        assert boss.post(PAGE, data=FORM).status_code == 201
        assert boss.post(f"{PAGE}/1/delete", follow_redirects=False).status_code == 303
        assert boss.post(f"/api/v1{PAGE}", json=FORM).status_code == 201
        assert boss.delete(f"/api/v1{PAGE}/2").status_code == 204
        entries = boss.get("/api/v1/audit").json()["items"][:4]

        acts = [(each["action"], each["name"], each["actor"]) for each in reversed(entries)]
        assert acts == [(f"webhook {n} {act}", "digits", "boss") for n in (1, 2) for act in ("registered", "deleted")]


def test_the_list_of_pools_says_how_far_the_goals_are(
    client: TestClient, services: Services, digits: Pool, ada: Person
) -> None:
    assert "Goal" not in text_of(client.get("/").text)
    set_goals(services.database, digits, goal_labels=5, goal_accuracy=0.95)
    ada.lease_and_label(3)
    said = text_of(client.get("/").text)
    assert "Goal 3 of 5 answers accuracy not known yet, of 95 %" in said
    assert "reached once the lower end of its 95 % interval on test is there" in said
    ada.lease_and_label(2)
    add_round(services.database, digits)
    with services.database.write() as session:
        rounds.record_test(session, rounds.get_newest(session, digits).id, 24)

    assert "Goal 5 of 5 answers reached 80.0 % (62.7–90.5 %) of 95 %" in text_of(client.get("/").text)
