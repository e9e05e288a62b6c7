"""Pictures: equal to the stored pixels, and kept by the browser for ever."""

import io
import re

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image as Picture

from app.datasets.sample import load_sample
from app.pools import make_pool
from app.web.edge.deps import Services
from tests.factories import NOW, image_ids, in_colour, make_data_set, make_spec
from tests.web.person import Person


def test_the_picture_is_the_image_pixel_by_pixel(client: TestClient, ada: Person) -> None:
    images = ada.lease(30)["images"]
    data = load_sample()

    for image in images:
        with Picture.open(io.BytesIO(client.get(image["url"]).content)) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (28, 28))
            np.testing.assert_array_equal(np.asarray(picture), data.train.images[image["position"]])


def test_the_picture_of_a_pool_in_colour_has_its_colours(client: TestClient, services: Services) -> None:
    data = in_colour(make_data_set(height=3, width=5))
    with services.database.write() as session:
        pool = make_pool(session, data, make_spec(slug="colours"), now=NOW)
    (image_id, *_) = image_ids(services.database, pool)
    with Picture.open(io.BytesIO(client.get(f"/images/{image_id}.png").content)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (5, 3))
        np.testing.assert_array_equal(np.asarray(picture), data.train.images[0])


def test_a_browser_may_keep_it_for_ever(client: TestClient, ada: Person) -> None:
    (image,) = ada.lease(1)["images"]

    assert client.get(image["url"]).headers["cache-control"] == "private, max-age=31536000, immutable"


def test_the_address_names_the_content(ada: Person) -> None:
    urls = [image["url"] for image in ada.lease(30)["images"]]

    assert all(re.fullmatch(r"/images/\d+\.png\?v=[0-9a-f]{8}", url) for url in urls)
    assert len({url.partition("=")[2] for url in urls}) == 30


def test_an_image_that_is_not_there_is_not_found_and_not_kept(client: TestClient) -> None:
    response = client.get("/images/9999999.png", headers={"accept": "text/html"})

    assert (response.status_code, response.json()["context"]) == (404, {"image_id": 9999999})
    assert response.headers["cache-control"] == "no-store"


def test_an_id_that_is_none_is_refused(client: TestClient) -> None:
    for path in ("/images/0.png", "/images/-1.png", "/images/x.png", f"/images/{2**63}.png"):
        assert client.get(path).status_code == 422, path


def test_a_page_has_one_address_and_numbers_that_none_has_are_not_read(client: TestClient) -> None:
    assert client.get("/images/1").status_code == 200
    for path in ("/images/01", "/images/0", f"/images/{'9' * 5000}"):
        assert client.get(path).status_code == 404, path[:20]
