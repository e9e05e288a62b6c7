"""The page of an image: what changed, the model's guess, the images beside it, and the way back."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.models import Pool
from app.pools import get_pool
from app.settings import Settings
from app.web.edge.deps import Services
from app.web.pages.images import EVENTS_A_PAGE
from tests.factories.acts import answer, flag
from tests.factories.making import add_annotator, add_round
from tests.factories.stored import image_ids
from tests.web.clients import account_of, as_person
from tests.web.person import POOL, Json, Person


@pytest.fixture
def digits(services: Services) -> Pool:
    """The application's own pool."""
    with services.database.read() as session:
        return get_pool(session, "digits")


def change(client: TestClient, event: Json, value: int, **form: str) -> str:
    """Send the form of the image's page; where it leads."""
    data = {"event_id": str(event["event_id"]), "value": str(value), "key": "a-second-thought"} | form
    response = client.post(f"/images/{event['image_id']}", data=data, follow_redirects=False)
    assert response.status_code == 303
    return str(response.headers["location"])


def link_back(page: str) -> str:
    (found,) = re.findall(r'<p class="back"><a href="([^"]*)">', page)
    return str(found)


def link_to(page: str, text: str) -> str | None:
    found = re.search(rf'<a class="button" href="([^"]*)">{text}</a>', page)
    return found[1].replace("&amp;", "&") if found else None


# A change


def test_a_change_is_shown_and_said_as_long_as_it_is_the_current_answer(client: TestClient) -> None:
    (event,) = Person(client, "local").lease_and_label(1)
    where = change(client, event, 5)

    assert where.endswith("#changed")
    page = client.get(where).text
    assert re.search(r'role="status" id="changed" tabindex="-1">Changed\.<', page)
    assert "<strong>5</strong> by local" in page
    assert "Changed." not in client.get(f"/images/{event['image_id']}").text
    client.post(f"{POOL}/undo", json={}).raise_for_status()
    assert "Changed." not in client.get(where).text


def test_a_change_that_is_refused_takes_the_focus_to_the_reason(client: TestClient) -> None:
    (event,) = Person(client, "local").lease_and_label(1)
    data = {"event_id": event["event_id"], "value": 55, "key": "a-second-thought"}

    response = client.post(f"/images/{event['image_id']}", data=data)

    assert response.status_code == 422
    assert re.search(r'role="alert" tabindex="-1" autofocus>Nothing was changed\.', response.text)


# The model's guess


def test_the_models_guess_is_shown_beside_its_confidence_once_the_image_is_answered(
    client: TestClient, services: Services, digits: Pool
) -> None:
    (image_id,) = image_ids(services.database, digits, [5])
    add_round(services.database, digits, [image_id], prediction=4, confidence=0.432)
    ada = add_annotator(services.database)
    flag(services.database, digits, ada, image_id)
    before = client.get(f"/images/{image_id}").text
    answer(services.database, digits, ada, [image_id], value=7)

    after = client.get(f"/images/{image_id}").text

    assert "43.2\u202f%" in before
    assert "guess" not in before
    assert "Model’s guess, confidence" in after
    assert after.count("<strong>4</strong>, 43.2\u202f%") == 2


# A long history


def test_a_long_history_is_paged_and_the_current_answer_is_on_each_page(
    client: TestClient, services: Services, digits: Pool
) -> None:
    (image_id,) = image_ids(services.database, digits, [5])
    ada = add_annotator(services.database)
    for index in range(EVENTS_A_PAGE + 5):
        flag(services.database, digits, ada, image_id, remark=f"remark {index}.")
    answer(services.database, digits, ada, [image_id], value=7)

    first = client.get(f"/images/{image_id}").text
    later = link_to(first, "Later events")
    assert later is not None
    second = client.get(later).text

    assert re.findall(r"remark \d+\.", first + second) == [f"remark {i}." for i in range(EVENTS_A_PAGE + 5)]
    assert first.count("<tr ") - 1 == EVENTS_A_PAGE
    for page in (first, second):
        assert "Current answer: <strong>7</strong> by ada" in page
    assert link_to(second, "Later events") is None
    first_again = link_to(second, "First events")
    assert first_again is not None
    assert "remark 0." in client.get(first_again).text


def test_the_api_gives_a_history_page_by_page(client: TestClient, services: Services, digits: Pool) -> None:
    (image_id,) = image_ids(services.database, digits, [5])
    ada = add_annotator(services.database)
    for index in range(5):
        flag(services.database, digits, ada, image_id, remark=str(index))
    url, remarks, cursor = f"/api/v1/images/{image_id}/events?limit=2", [], 0
    while cursor is not None:
        page = client.get(f"{url}&cursor={cursor}").json()
        remarks += [item["remark"] for item in page["items"]]
        cursor = page["next"]

    assert remarks == list("01234")
    assert client.get(f"{url}&limit=1001").status_code == 422


# To other images, and back


def test_an_admin_goes_from_image_to_image_by_position(client: TestClient, services: Services, digits: Pool) -> None:
    ids = image_ids(services.database, digits)
    page = client.get(f"/images/{ids[1]}?back=/pools/digits/me").text

    assert "image 2 of 60" in page
    assert link_to(page, "← Previous image") == f"/images/{ids[0]}?back=/pools/digits/me"
    assert link_to(page, "Next image →") == f"/images/{ids[2]}?back=/pools/digits/me"
    assert link_to(client.get(f"/images/{ids[0]}").text, "← Previous image") is None


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        ("/pools/digits/people?cursor=7", "/pools/digits/people?cursor=7"),
        ("/pools/digits/answers", "/pools/digits/answers"),
        ("", "/pools/digits/people"),
        ("https://evil.example/people", "/pools/digits/people"),
        ("//evil.example/people", "/pools/digits/people"),
        ("javascript:alert(1)//people", "/pools/digits/people"),
        ("/logout", "/pools/digits/people"),
        ("/\\evil.example/people", "/pools/digits/people"),
    ],
)
def test_the_way_back_leads_to_the_list_one_came_from_and_to_no_other_site(
    client: TestClient, back: str, expected: str
) -> None:
    (event,) = Person(client, "local").lease_and_label(1)
    page = client.get(f"/images/{event['image_id']}", params={"back": back}).text

    assert link_back(page) == expected
    assert link_back(client.get(change(client, event, 5, back=back)).text) == expected


@pytest.mark.parametrize("path", ["/pools/digits/people", "/pools/digits/me", "/pools/digits/answers"])
def test_each_list_leads_to_an_image_and_back_to_its_own_page(client: TestClient, path: str) -> None:
    (event,) = Person(client, "local").lease_and_label(1)
    flags = {"image_id": event["image_id"], "remark": "smudged"}
    client.post(f"{POOL}/flags", json=flags).raise_for_status()
    here = f"{path}?cursor=1000"

    links = set(re.findall(r'href="(/images/[^"]+)"', client.get(here).text))

    (link,) = links
    assert link_back(client.get(link).text) == here


class TestWithAccounts:
    """On a server with accounts."""

    @pytest.fixture
    def settings(self, closed_settings: Settings) -> Settings:
        """There are accounts."""
        return closed_settings

    def test_an_annotator_goes_among_their_own_answers_and_back_to_them(
        self, app: FastAPI, services: Services, digits: Pool
    ) -> None:
        ids = image_ids(services.database, digits)
        ada, ben = account_of(services, "ada"), account_of(services, "ben")
        answer(services.database, digits, ada, [ids[1], ids[5]])
        answer(services.database, digits, ben, [ids[3]])

        page = as_person(app, services, "ada").get(f"/images/{ids[1]}").text

        assert link_to(page, "Next answer →") == f"/images/{ids[5]}?back=/pools/digits/answers"
        assert link_to(page, "← Previous answer") is None
        assert link_back(page) == "/pools/digits/answers"

    def test_the_model_tells_an_annotator_no_guess_of_an_image_that_another_answered(
        self, app: FastAPI, services: Services, digits: Pool
    ) -> None:
        (image_id,) = image_ids(services.database, digits, [5])
        add_round(services.database, digits, [image_id], prediction=4)
        flag(services.database, digits, account_of(services, "ada"), image_id)
        answer(services.database, digits, account_of(services, "ben"), [image_id], value=7)

        assert "guess" not in as_person(app, services, "ada").get(f"/images/{image_id}").text
        assert "guess" in as_person(app, services, "ben").get(f"/images/{image_id}").text
