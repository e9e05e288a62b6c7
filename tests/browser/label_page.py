"""The labeling page as a test uses it: by what a person sees and presses."""

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect


class LabelPage:
    """One open labeling page of the pool `slug`."""

    def __init__(self, page: Page, server_url: str, slug: str) -> None:
        self.page = page
        self.slug = slug
        self.api_url = f"{server_url}/api/v1/pools/{slug}"
        self.url = f"{server_url}/pools/{slug}/label"
        self.tiles = page.locator("[data-tiles] button")
        self.current = page.locator("[data-tiles] button[aria-current]")
        self.answered = page.locator("[data-tiles] button[data-status=answered]")
        self.picture = page.locator("[data-picture] img")
        self.pad = page.locator("[data-pad]")
        self.waiting = page.locator("[data-waiting]")
        self.guess = page.locator("[data-guess]")
        self.dialog = page.get_by_role("dialog")
        self.skip = page.get_by_role("button", name="Can’t tell")
        self.said = page.locator("[data-said]")

    def open(self) -> None:
        """Until the first image can be answered."""
        self.page.goto(self.url)
        self.wait_for_image()

    def wait_for_image(self) -> None:
        """Until there is an image to answer."""
        expect(self.button(0)).to_be_enabled()

    def button(self, value: int) -> Locator:
        """The large button of a class."""
        return self.pad.get_by_role("button", name=str(value), exact=True)

    def notice(self, subject: str) -> Locator:
        """The line that says something about a subject."""
        return self.page.locator(f"[data-notices] [data-subject={subject}]")

    def shown(self, name: str) -> Locator:
        """A number of the panel about the model."""
        return self.page.locator(f"[data-show='{name}']")

    def press(self, *keys: str) -> None:
        """One key after another, each once there is an image for it."""
        for key in keys:
            self.wait_for_image()
            self.page.keyboard.press(key)

    def answer_batch(self, values: Sequence[int] = range(10)) -> None:
        """Press these digits, then see them all stored."""
        self.press(*map(str, values))
        self.expect_stored()

    def expect_stored(self) -> None:
        """Nothing waits; the words for it follow a moment later, so that they do not flicker at each answer."""
        expect(self.waiting).to_have_attribute("data-count", "0")

    def expect_answers(self, *answers: str) -> None:
        """What stands below the tiles; "·" is open."""
        expect(self.tiles).to_have_text(list(answers))

    def expect_images(self, image_ids: Sequence[int]) -> None:
        """These are in the batch, in this order, and the first that is open can be answered."""
        for tile, image_id in zip(self.tiles.all(), image_ids, strict=True):
            expect(tile).to_have_attribute("data-image-id", str(image_id))
        self.wait_for_image()

    def image_ids(self) -> list[int]:
        """The images of the batch in their order."""
        ids = self.tiles.evaluate_all("tiles => tiles.map(tile => tile.dataset.imageId)")
        return [int(image_id) for image_id in ids]

    def flag(self, remark: str) -> None:
        """Flag the image that is shown."""
        self.page.keyboard.press("f")
        self.page.get_by_label("What’s wrong with it?").fill(remark)
        self.page.keyboard.press("Enter")
        expect(self.dialog).to_be_hidden()

    def history(self, image_id: int) -> list[tuple[str, int | None]]:
        """Kinds and values of what happened to an image, oldest first."""
        url = self.api_url[: self.api_url.index("/pools/")]
        response = self.page.request.get(f"{url}/images/{image_id}/events")
        assert response.ok, response.text()
        return [(item["kind"], item["value"]) for item in response.json()["items"]]

    def stored(self) -> dict[int, int]:
        """The values that stand on the server, by image."""
        items = self._get("/labels?limit=1000")["items"]
        return {item["image_id"]: item["value"] for item in items}

    def counts(self) -> dict[str, int]:
        """The server's counts."""
        counts: dict[str, int] = self._get("")["counts"]
        return counts

    def stop_clock(self) -> None:
        """The page's timers run no more but as far as the test says; after `page.clock.install`.

        `performance.now()` jumps: not for what the page measures by it.
        """
        self.page.clock.pause_at(self.page.evaluate("Date.now()") + 5_000)

    def cut(self, pattern: str = "/api/") -> None:
        """Let requests to these addresses fail as if the server were gone."""
        self.page.route(f"**{pattern}**", _abort)

    def mend(self) -> None:
        """The server can be reached again."""
        self.page.unroute_all(behavior="wait")

    def _get(self, path: str) -> Any:
        response = self.page.request.get(self.api_url + path)
        assert response.ok, response.text()
        return response.json()


def _abort(route: Route) -> None:
    route.abort("connectionrefused")
