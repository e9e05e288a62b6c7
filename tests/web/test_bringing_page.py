"""The form that makes a pool, without JavaScript; and the page that brings images to it."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.web.pages.bringing import as_slug

FORM = {"name": "Käfer im Garten", "classes": "bee\r\n wasp \r\n\r\nfly", "colours": "yes", "side": "24", "chance": "5"}


def post(client: TestClient, **changes: Any) -> Any:
    return client.post("/pools/new", data=FORM | changes, follow_redirects=False)


def test_the_form_makes_a_pool_and_leads_to_its_images(client: TestClient) -> None:
    made = post(client)
    assert (made.status_code, made.headers["location"]) == (303, "/pools/kafer-im-garten/images")
    pool = client.get("/api/v1/pools/kafer-im-garten").json()
    assert (pool["name"], pool["classes"]) == ("Käfer im Garten", ["bee", "wasp", "fly"])
    assert (pool["width"], pool["height"], pool["channels"], pool["chance_every"]) == (24, 24, 3, 5)
    assert "Add images to Käfer im Garten" in client.get(made.headers["location"]).text


def test_colours_and_questions_by_chance_can_be_left_out(client: TestClient) -> None:
    assert post(client, colours="", chance="").status_code == 303
    pool = client.get("/api/v1/pools/kafer-im-garten").json()
    assert (pool["channels"], pool["chance_every"]) == (1, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "Give the pool a name with a letter or a digit."),
        ({"name": "蜂"}, "Give the pool a name with a letter or a digit."),
        ({"name": "Digits"}, "There is a pool digits already."),
        ({"name": "New"}, "is that of the page which makes pools"),
        ({"classes": "bee"}, "Name two classes at least, one a line."),
        ({"classes": "bee\nbee"}, "The class bee is named twice."),
        ({"side": "many"}, "The pixels a side are a number from 8 to 64."),
        ({"side": "500"}, "A learner cannot see 500 × 500 pixels."),
        ({"side": "9" * 5000}, "A learner cannot see 9999 × 9999 pixels."),
        ({"chance": "0"}, "One question in 1 to 1,000 is drawn by chance, or none."),
        ({"chance": "-3"}, "One question in 1 to 1,000 is drawn by chance, or none."),
        ({"chance": "1001"}, "One question in 1 to 1,000 is drawn by chance, or none."),
    ],
)
def test_what_is_no_pool_is_said_and_nothing_is_lost(client: TestClient, changes: dict[str, str], message: str) -> None:
    refused = post(client, **changes)
    assert refused.status_code == 422
    assert message in refused.text
    assert 'role="alert"' in refused.text
    for name, value in (FORM | changes).items():
        shown = value.replace("\r\n", "\n")
        assert (shown in refused.text) or name == "colours", name
    assert [pool["slug"] for pool in client.get("/api/v1/pools").json()["items"]] == ["digits"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Käfer", "kafer"), ("  A – B!  ", "a-b"), ("x" * 63 + " y", "x" * 63), ("Ångström 2", "angstrom-2")],
)
def test_an_address_is_made_of_the_name(name: str, slug: str) -> None:
    assert as_slug(name) == slug
