"""Take README's pictures: start the product on a database of its own, use it, and look at it in Chromium."""

import json
import os
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, ViewportSize, sync_playwright

from app.main import create_app
from app.settings import ROOT, Settings
from docs import answers

SIZE: ViewportSize = {"width": 1280, "height": 800}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def main() -> None:
    """All pictures, in docs/. The chart of the study takes the most of ten minutes."""
    answers.main()
    with _running() as url, sync_playwright() as playwright:
        chromium = os.environ.get("INKLING_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, device_scale_factor=1)
        _show_labeling(page, url)
        _show_oracle(page, url)
        browser.close()


def _show_labeling(page: Page, url: str) -> None:
    for _ in range(12):
        _post(f"{url}/api/v1/pools/digits/oracle-labels", {"count": 10})
    page.goto(f"{url}/label")
    page.wait_for_selector("[data-work][data-state=answering], [data-tiles] img", state="visible")
    page.wait_for_load_state("load")
    for key in "686":
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    page.screenshot(path=ROOT / "docs" / "labeling.png")


def _show_oracle(page: Page, url: str) -> None:
    run = _post(f"{url}/api/v1/oracle-runs", {})
    page.goto(f"{url}/oracle/{run['id']}")
    page.wait_for_selector("text=/of 403/", timeout=300_000)
    page.wait_for_timeout(2000)  # Bokeh draws after it has loaded
    page.screenshot(path=ROOT / "docs" / "oracle.png", full_page=True)


@contextmanager
def _running() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{Path(folder) / 'inkling.db'}")
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(settings, with_trainer=True), port=0, log_level="warning", timeout_graceful_shutdown=2
            )
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        try:
            while not _is_ready(url):
                time.sleep(0.2)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz") as response:  # noqa: S310 (our own server)
            return bool(response.status == 200)
    except urllib.error.HTTPError:
        return False


def _post(url: str, body: object) -> dict[str, int]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request) as response:  # noqa: S310
        answer: dict[str, int] = json.load(response)
    return answer


if __name__ == "__main__":
    main()
