"""The newest model over the API: the file, and predictions for images that are sent."""

import io

import pytest
from fastapi.testclient import TestClient
from PIL import Image as Picture

from app.models import Pool
from app.pools import get_pool
from app.predicting import open_model
from app.web.edge.deps import Services
from tests.factories.networks import draw_row, make_network
from tests.factories.trained import add_model

from .person import POOL

PREDICT = f"{POOL}/predict"


@pytest.fixture
def digits(services: Services) -> Pool:
    """The application's pool, with a model that tells white rows apart."""
    with services.database.read() as session:
        pool = get_pool(session, "digits")
    add_model(services.database, pool, content=make_network(28, 28, 1, 10))
    return pool


def picture(row: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(draw_row(row, height=28, width=28)).save(buffer, kind)
    return buffer.getvalue()


def test_images_are_predicted_in_their_order_and_what_is_none_is_named(client: TestClient, digits: Pool) -> None:
    sent = [("images", ("Sieben 花.png", picture(7), "image/png")), ("images", ("no.png", b"<svg></svg>", "image/png"))]
    sent.append(("images", ("two.bmp", picture(2, "BMP"), "image/bmp")))
    answer = client.post(PREDICT, files=sent)
    first, refused, last = answer.json()["images"]

    assert answer.status_code == 200
    assert (first["name"], first["class"], last["name"], last["class"]) == ("Sieben 花.png", "7", "two.bmp", "2")
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert (first["probabilities"]["7"], next(iter(first["probabilities"]))) == (first["confidence"], "7")
    assert len(first["probabilities"]) == 10
    assert refused["refused"]["code"] == "NotAPicture"
    assert refused["class"] is refused["probabilities"] is None
    assert digits.slug == "digits"


@pytest.mark.usefixtures("digits")
def test_only_the_likeliest_classes_are_told_if_asked(client: TestClient) -> None:
    answer = client.post(f"{PREDICT}?top=1", files=[("images", ("x.png", picture(3)))])

    assert list(answer.json()["images"][0]["probabilities"]) == ["3"]


@pytest.mark.usefixtures("digits")
def test_the_newest_model_is_one_file(client: TestClient) -> None:
    answer = client.get(f"{POOL}/model")

    assert answer.headers["content-disposition"] == 'attachment; filename="digits-model-1.inkling"'
    assert open_model(answer.content, "digits").classes == tuple("0123456789")


def test_without_a_model_the_remedy_is_said(client: TestClient) -> None:
    for answer in (client.get(f"{POOL}/model"), client.post(PREDICT, files=[("images", ("x.png", picture(3)))])):
        assert answer.status_code == 404
        assert "`inkling model train digits` trains one." in answer.json()["detail"]


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/json", b"{}", "The body is application/json."),
        ("multipart/form-data", b"", "The body is multipart/form-data."),
        ("multipart/form-data; boundary=X", b"", "cut off or empty"),
        ("multipart/form-data; boundary=X", b"--X--\r\n", "cut off or empty"),
        ("multipart/form-data; boundary=X", b"no boundary", "cannot be read"),
        ("multipart/form-data; boundary=X", b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nhalf', "cut off"),
    ],
)
def test_what_is_no_form_of_files_is_refused(client: TestClient, kind: str, body: bytes, said: str) -> None:
    answer = client.post(PREDICT, content=body, headers={"content-type": kind})

    assert (answer.status_code, answer.json()["code"]) == (422, "UploadInvalid")
    assert said in answer.json()["detail"]


@pytest.mark.usefixtures("digits")
def test_more_files_than_are_taken_at_once_are_refused(client: TestClient) -> None:
    answer = client.post(PREDICT, files=[("images", (f"{number}.png", b"x")) for number in range(1001)])

    assert answer.status_code == 422
    assert "more than 1,000 files" in answer.json()["detail"]
