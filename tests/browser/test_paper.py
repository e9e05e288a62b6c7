"""A person who labels MNIST correctly, clicking in any order, walks the paper's path, a killed server or not."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from .conftest import Complaints
from .label_page import LabelPage
from .server import Server

MNIST = os.environ.get("INKLING_MNIST")  # read at import: fixtures take all settings out of the environment
ACCURACIES = ("38.00", "49.75", "53.50", "54.75")  # percent of 400 after 10, 20, 30 and 40 labels

pytestmark = pytest.mark.skipif(MNIST is None, reason="INKLING_MNIST does not name the original MNIST")


@pytest.fixture
def truth() -> NDArray[np.uint8]:
    """The class of each image of the pool (N,), by position."""
    with np.load(Path(MNIST or "")) as file:
        classes: NDArray[np.uint8] = file["y_train"]
    return classes


@pytest.fixture
def mnist_server(tmp_path: Path) -> Iterator[Server]:
    """A server of its own, with the paper's pool of 4,000."""
    server = Server(tmp_path, dataset="mnist", mnist=MNIST or "", round_wait_seconds="10")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_true_answers_in_any_order_give_the_papers_accuracies_across_a_crash(
    page: Page, mnist_server: Server, truth: NDArray[np.uint8], complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    opened = LabelPage(page, mnist_server.url, "digits")
    opened.open()
    order = np.random.default_rng(20_180_401)
    for n_rounds, accuracy in enumerate(ACCURACIES, start=1):
        ids = opened.image_ids()
        answer(opened, [int(truth[image_id - 1]) for image_id in ids], order.permutation(10).tolist())
        expect(opened.shown("round")).to_have_text(str(n_rounds), timeout=60_000)
        expect(opened.shown("validation")).to_have_text(f"{accuracy}\u202f%")
        opened.wait_for_image()
        if n_rounds == 2:
            mnist_server.kill()
            mnist_server.start()
            mnist_server.wait_until_ready()  # else the page goes on without the newest ranking after half a minute


def answer(opened: LabelPage, values: Sequence[int], order: Sequence[int]) -> None:
    """Click the tiles in this order, and the right digit for each."""
    for index in order:
        opened.tiles.nth(index).click()
        opened.button(values[index]).click()
    opened.expect_stored()
