"""The page of models without a script: the button, the states of a training, and the way to the file."""

import html
import re

import pytest
from fastapi.testclient import TestClient

from app.limits import QUEUED_MODELS
from app.models import Pool
from app.pools import get_pool
from app.web.edge.deps import Services
from tests.factories.trained import add_model, get_model_row

from .person import Person

MODELS = "/pools/digits/models"


@pytest.fixture
def digits(services: Services) -> Pool:
    """The application's pool."""
    with services.database.read() as session:
        return get_pool(session, "digits")


def text_of(page: str) -> str:
    """What is read on a page, with plain spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.split("<main", 1)[1])).split())


def test_before_any_label_the_page_leads_to_labeling(client: TestClient) -> None:
    page = client.get(MODELS).text

    assert "Nobody has labeled an image of this pool yet" in page
    assert 'id="train"' not in page
    assert "No models yet." in page


def test_the_button_queues_a_model_that_can_be_stopped(client: TestClient, services: Services, ada: Person) -> None:
    ada.lease_and_label(10)
    page = client.get(MODELS).text
    assert "On 10 labels that stand, and, for the other 50 images, on the predictions of the pool’s learner" in text_of(
        page
    )

    page = client.post(MODELS, follow_redirects=True).text
    (model_id,) = re.findall(r'data-model="/api/v1/pools/digits/models/(\d+)" data-status="queued"', page)
    assert "Waiting for its turn." in page
    assert get_model_row(services.database, int(model_id)).status == "queued"

    page = client.post(f"{MODELS}/{model_id}/stop", follow_redirects=True).text
    assert ">stopped</span>" in page
    assert "data-model=" not in page
    assert client.post(f"{MODELS}/{model_id}/stop", follow_redirects=True).status_code == 200


def test_the_button_says_why_it_did_nothing(client: TestClient, services: Services, digits: Pool, ada: Person) -> None:
    refused = client.post(MODELS)
    assert refused.status_code == 409
    assert "Nobody has labeled an image of Handwritten digits yet." in refused.text

    ada.lease_and_label(10)
    for _ in range(QUEUED_MODELS):
        add_model(services.database, digits, status="queued")
    refused = client.post(MODELS)
    assert refused.status_code == 429
    assert f"{QUEUED_MODELS} models wait already." in refused.text


def test_a_model_that_is_done_has_its_accuracy_with_an_interval_and_its_files(
    client: TestClient, services: Services, digits: Pool
) -> None:
    model_id = add_model(services.database, digits)
    page = client.get(MODELS).text
    links = re.findall(r'href="(/api/v1/pools/digits/models/[^"]+)" download', page)

    assert "90.00 % right: 27 of 30, 95 % interval 74.4 to 96.5 %" in text_of(page)
    assert "Labels by people: 28, oracle: 2, the learner: 30 · took 61 s" in text_of(page)
    assert links == [f"/api/v1/pools/digits/models/{model_id}/{what}" for what in ("file", "card")]
    assert [client.get(link).status_code for link in links] == [200, 200]


def test_where_nothing_was_counted_no_accuracy_is_shown(client: TestClient, services: Services, digits: Pool) -> None:
    add_model(services.database, digits, tested_on=None, correct=None, total=None)
    shown = text_of(client.get(MODELS).text)

    assert "How many images it gets right is not known: the pool has no test images, and no label of" in shown
    assert "%" not in shown


def test_of_a_model_with_one_label_the_page_says_why_nothing_was_counted(
    client: TestClient, services: Services, digits: Pool
) -> None:
    add_model(services.database, digits, n_human=1, n_oracle=0, tested_on=None, correct=None, total=None)

    assert "its only label was needed for the training." in text_of(client.get(MODELS).text)


def test_a_training_under_way_shows_its_step_and_its_share(
    client: TestClient, services: Services, digits: Pool
) -> None:
    add_model(services.database, digits, status="running", step="training the network", share=0.41)
    page = client.get(MODELS).text

    assert "training the network" in page
    assert '<progress data-bar aria-labelledby="step-1" max="1" value="0.41">' in page
    assert "41\u202f%" in page


def test_a_failure_says_why(client: TestClient, services: Services, digits: Pool) -> None:
    add_model(services.database, digits, status="failed", error="no <memory>")

    assert "no &lt;memory&gt;" in client.get(MODELS).text


def test_the_header_leads_there(client: TestClient) -> None:
    page = client.get("/pools/digits/people").text
    assert re.search(rf'href="{MODELS}"\s*>Models<', page)
    assert re.search(rf'href="{MODELS}" aria-current="page">Models<', client.get(MODELS).text)


def test_older_models_are_on_further_pages(client: TestClient, services: Services, digits: Pool) -> None:
    ids = [add_model(services.database, digits) for _ in range(21)]
    page = client.get(MODELS).text

    assert f"Model {ids[-1]}<" in page
    assert f"Model {ids[0]}<" not in page
    assert f"Model {ids[0]}<" in client.get(f"{MODELS}?cursor={ids[1]}").text
    assert f'href="{MODELS}?cursor={ids[1]}"' in page
