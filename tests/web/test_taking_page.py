"""The page of what can be taken away."""

import re

import pytest
from fastapi.testclient import TestClient

from app.export import MEDIA_TYPES
from app.pools import get_pool
from app.web.edge.deps import Services
from tests.factories.trained import add_model

from .person import Person

PAGE = "/pools/digits/export"


def test_each_form_has_a_button_that_leads_to_a_file(client: TestClient, ada: Person) -> None:
    ada.lease_and_label(10)
    page = client.get(PAGE).text
    (action,) = re.findall(r'<form action="([^"]+)"', page)
    formats = re.findall(r'name="format" value="(\w+)"', page)

    assert "10 labels of 60 images" in page
    assert sorted(formats) == sorted(MEDIA_TYPES)
    for kind in formats:
        answer = client.get(action, params={"validation": 10, "test": 10, "seed": 0, "format": kind})
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment")


def test_any_two_shares_of_the_page_leave_some_to_train_on(client: TestClient, ada: Person) -> None:
    ada.lease_and_label(2)
    shares = {int(percent) for percent in re.findall(r'<option value="(\d+)"', client.get(PAGE).text)}

    largest = max(shares)
    assert client.get(f"/api/v1{PAGE}?validation={largest}&test={largest}").status_code == 200


def test_without_labels_the_page_leads_to_labeling(client: TestClient) -> None:
    page = client.get(PAGE).text

    assert "Nobody has labeled an image of this pool yet." in page
    assert 'name="format"' not in page


def test_the_newest_model_is_offered_with_what_is_known_of_it(client: TestClient, services: Services) -> None:
    assert "None is trained yet." in client.get(PAGE).text
    with services.database.read() as session:
        pool = get_pool(session, "digits")
    add_model(services.database, pool)
    page = client.get(PAGE).text

    assert 'href="/api/v1/pools/digits/model"' in page
    assert "27 of 30" in page


@pytest.mark.parametrize("path", ["/", "/pools/digits/label", "/pools/digits/models"])
def test_the_page_is_found_from_the_others(client: TestClient, path: str) -> None:
    assert f'href="{PAGE}"' in client.get(path).text
