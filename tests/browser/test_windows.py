"""The labeling page in small windows, low ones, and those with the system's colours."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from app.web.edge.assets import static_url

from .accounts import GuardedServer, log_in
from .conftest import MakePool, OpenPage
from .label_page import LabelPage
from .server import Server

SIZES = {
    "narrow phone": (320, 640),
    "short phone": (390, 664),
    "phone": (390, 844),
    "phone on its side": (844, 390),
    "1280 by 800 at 200 %": (640, 400),
    "desktop": (1280, 800),
}
SMALL = [name for name in SIZES if name != "desktop"]
PARTS = ["[data-picture]", "[data-pad]", "[data-tiles]", ".tools"]
SEVERAL_LINES = (
    "Another account is logged in here, and this line says so in as many words as any line of this page has. " * 2
)
SAY = """async ([folder, subject, text]) => {
  const { Notices } = await import(`${folder}/notices.js`);
  new Notices(document.querySelector("[data-notices]")).set(subject, "warn", text);
}"""

OpenSized = Callable[..., LabelPage]


@pytest.fixture
def open_sized(open_page: OpenPage, server: Server, make_pool: MakePool) -> OpenSized:
    """The labeling page of a new pool in a window of one of the sizes."""

    def open_one(size: str, **values: object) -> LabelPage:
        width, height = SIZES[size]
        page = open_page(viewport={"width": width, "height": height}, **values)
        opened = LabelPage(page, server.url, make_pool())
        opened.open()
        return opened

    return open_one


def say(opened: LabelPage, subject: str, text: str) -> None:
    """Let the page say it below all that it says."""
    opened.page.evaluate(SAY, [static_url(), subject, text])


def boxes(opened: LabelPage) -> dict[str, object]:
    return {part: opened.page.locator(part).bounding_box() for part in PARTS}


def overlap(one: Locator, other: Locator) -> bool:
    a, b = one.bounding_box(), other.bounding_box()
    assert a and b
    return (
        a["y"] < b["y"] + b["height"]
        and b["y"] < a["y"] + a["height"]
        and a["x"] < b["x"] + b["width"]
        and b["x"] < a["x"] + a["width"]
    )


@pytest.mark.parametrize("size", SIZES)
def test_all_that_answers_and_what_the_page_says_is_in_sight(open_sized: OpenSized, size: str) -> None:
    opened = open_sized(size)
    opened.answer_batch()
    expect(opened.notice("round")).to_be_in_viewport(ratio=1)
    opened.wait_for_image()
    say(opened, "connection", SEVERAL_LINES)
    notices = opened.page.locator("[data-notices]")
    expect(notices).to_be_in_viewport(ratio=1)
    for part in (opened.picture, opened.pad):
        expect(part).to_be_in_viewport(ratio=1)
        assert not overlap(part, notices)
    assert opened.page.evaluate("scrollY") == 0


@pytest.mark.parametrize("size", ["narrow phone", "short phone", "phone on its side"])
def test_of_several_messages_the_newest_is_in_sight_and_keys_reach_the_others(open_sized: OpenSized, size: str) -> None:
    opened = open_sized(size)
    opened.flag("two digits in one image, and neither of them is one that I have ever seen before")
    say(opened, "round", "Round 1, 10 labels: 15.00 % right (95 % interval 5.2–36.0 %), no change.")
    expect(opened.notice("round")).to_be_in_viewport(ratio=0.9)
    notices = opened.page.locator("[data-notices]")
    notices.focus()
    expect(notices).to_be_focused()
    opened.notice("flag").get_by_role("button").click()
    expect(notices).not_to_have_attribute("tabindex", "0")


@pytest.mark.parametrize("size", SMALL)
def test_two_lines_fit_and_of_more_the_newest_is_whole(open_sized: OpenSized, size: str) -> None:
    opened = open_sized(size)
    notices = opened.page.locator("[data-notices]")
    for n_lines, subject in enumerate(("others", "ask", "stale", "round"), 1):
        say(opened, subject, "One short line")
        expect(opened.notice(subject)).to_be_in_viewport(ratio=1)
        has_scrolled = notices.evaluate("bar => bar.scrollTop > 0")
        assert has_scrolled == (n_lines > 2)


@pytest.mark.parametrize("size", ["phone on its side", "1280 by 800 at 200 %"])
def test_in_a_low_window_the_image_is_left_of_all_that_answers_it(open_sized: OpenSized, size: str) -> None:
    opened = open_sized(size)
    picture = opened.picture.bounding_box()
    assert picture
    tools = opened.page.locator(".tools").get_by_role("button").all()
    for button in (*opened.pad.get_by_role("button").all(), *tools):
        expect(button).to_be_in_viewport(ratio=1)
        box = button.bounding_box()
        assert box and box["x"] >= picture["x"] + picture["width"]


@pytest.mark.parametrize("size", SMALL)
def test_nothing_is_cut_off_at_the_side_for_an_admin_with_all_links(
    open_context: Callable[..., BrowserContext], guarded: GuardedServer, make_guarded_pool: MakePool, size: str
) -> None:
    width, height = SIZES[size]
    context = open_context(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
    log_in(context, guarded.url, "ada")
    opened = LabelPage(context.new_page(), guarded.url, make_guarded_pool())
    opened.open()
    assert opened.page.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
    opened.page.get_by_role("button", name="More", exact=True).click()
    for name in ("Take away", "Models", "Webhooks", "People", "Accounts", "Audit"):
        expect(opened.page.get_by_role("link", name=name, exact=True)).to_be_in_viewport(ratio=1)
    opened.page.keyboard.press("Escape")
    expect(opened.pad).to_be_in_viewport(ratio=1)


def test_whatever_a_finger_may_press_on_a_phone_is_large_enough(open_sized: OpenSized) -> None:
    opened = open_sized("phone", has_touch=True, is_mobile=True)
    targets = opened.page.locator("a:visible:not(.skip-link), button:visible, input:visible")
    read_size = "({ width, height }) => Math.min(width, height)"
    sizes = targets.evaluate_all(f"all => all.map(t => [t.textContent, ({read_size})(t.getBoundingClientRect())])")
    assert [(text, size) for text, size in sizes if size < 44] == []


@pytest.mark.parametrize("size", SIZES)
def test_undo_into_the_batch_before_moves_nothing(open_sized: OpenSized, size: str) -> None:
    opened = open_sized(size)
    opened.answer_batch()
    opened.wait_for_image()
    expect(opened.notice("round")).to_be_visible()
    before = boxes(opened)
    opened.press("Backspace", "Backspace")
    expect(opened.tiles).to_have_count(12)
    assert boxes(opened) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_forced_colours_leave_the_states_apart(open_sized: OpenSized, theme: str) -> None:
    opened = open_sized("desktop", forced_colors="active", color_scheme=theme)
    page = opened.page
    opened.press("7")
    opened.tiles.nth(0).click()
    assert outline_of(opened.current) == "solid"
    assert outline_of(opened.tiles.nth(1)) == "none"
    link, other = (page.get_by_role("link", name=name, exact=True) for name in ("Label", "API"))
    assert look_of(link, "borderBottomColor") != look_of(other, "borderBottomColor")
    assert look_of(opened.button(7), "backgroundColor") != look_of(opened.button(8), "backgroundColor")
    off = [look_of(page.get_by_role("switch"), "backgroundColor", part) for part in ("::before", "::after")]
    page.get_by_role("switch").check()
    on = [look_of(page.get_by_role("switch"), "backgroundColor", part) for part in ("::before", "::after")]
    assert off[0] != on[0] != on[1] != off[1]
    opened.flag("smudged")
    assert "⚑" in look_of(opened.current.locator("span"), "content", "::after")


def outline_of(locator: Locator) -> str:
    return look_of(locator, "outlineStyle")


def look_of(locator: Locator, name: str, part: str | None = None) -> str:
    look: str = locator.evaluate("(element, [name, part]) => getComputedStyle(element, part)[name]", [name, part])
    return look


def test_the_curves_are_told_apart_without_colours(label_page: LabelPage) -> None:
    label_page.answer_batch()
    expect(label_page.page.locator(".curve.test")).to_have_count(1)
    assert look_of(label_page.page.locator(".curve.test"), "strokeDasharray") != "none"
    assert look_of(label_page.page.locator(".key.test"), "borderTopStyle", "::before") == "dashed"
