"""Classes of any names on the labeling page: their keys, their colours, and how one is found among a thousand."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.db import Database
from app.web.edge.assets import static_url

from .conftest import MakePool, OpenPage
from .label_page import LabelPage
from .own_pools import add_own_pool, wait_for_image
from .server import Server
from .test_accessibility import check

OPEN = "·"
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
MANY = [f"class {number}" for number in range(1000)]
LONG = "Common kingfisher (Alcedo atthis), a juvenile in its first plumage, seen from behind"
SIZES = {"desktop": (1280, 800), "phone": (390, 844), "narrow phone": (320, 640), "phone on its side": (844, 390)}

OpenOwn = Callable[..., LabelPage]


@pytest.fixture
def open_own(open_page: OpenPage, server: Server, pool_numbers: Iterator[int]) -> Iterator[OpenOwn]:
    """The labeling page of a new pool of one's own, before its first image is there."""
    database = Database(server.database_url)

    def open_one(*, size: str = "desktop", context: dict[str, Any] | None = None, **values: Any) -> LabelPage:
        width, height = SIZES[size]
        slug = f"own-{next(pool_numbers)}"
        add_own_pool(database, slug=slug, **values)
        page = open_page(viewport={"width": width, "height": height}, reduced_motion="reduce", **(context or {}))
        opened = LabelPage(page, server.url, slug)
        page.goto(opened.url)
        wait_for_image(opened)
        return opened

    yield open_one
    database.close()


def press(opened: LabelPage, *keys: str) -> None:
    for key in keys:
        wait_for_image(opened)
        opened.page.keyboard.press(key)


def keys_of(opened: LabelPage) -> list[tuple[str, str]]:
    """The names on the buttons with the keys that they show, in the order of the buttons."""
    buttons: list[list[str]] = opened.pad.locator("button").evaluate_all(
        "all => all.map(b => [b.querySelector('.name').textContent, b.querySelector('kbd')?.textContent ?? ''])"
    )
    return [(name, key) for name, key in buttons]


def test_buttons_get_keys_in_their_order_and_each_key_answers_with_its_class(open_own: OpenOwn) -> None:
    opened = open_own(classes=["bee", "wasp", "fly", "ant"], order=[2, 0, 3])
    assert keys_of(opened) == [("fly", "1"), ("bee", "2"), ("ant", "3")]
    first, second, third, *_ = opened.image_ids()
    press(opened, "1", "3", "4", "2")
    opened.expect_answers("fly", "ant", "bee", *[OPEN] * 7)
    opened.expect_stored()
    assert opened.stored() == {first: 2, second: 3, third: 0}


def test_a_digit_that_is_a_class_keeps_its_key_and_the_others_take_what_is_left(open_own: OpenOwn) -> None:
    opened = open_own(classes=["none", "2", "1", "several"])
    assert keys_of(opened) == [("none", "3"), ("2", "2"), ("1", "1"), ("several", "4")]
    press(opened, "2", "4")
    opened.expect_answers("2", "sev", *[OPEN] * 8)


def test_letters_have_their_own_keys_but_for_those_that_the_page_keeps(open_own: OpenOwn) -> None:
    opened = open_own(classes=LETTERS)
    shown = [key for _, key in keys_of(opened)]
    assert "".join(shown) == "ABCDE12HIJKLMNOPQR3T4VWXY5"
    press(opened, "a", "R", "s", "u", "e")
    opened.expect_answers("A", "R", "E", *[OPEN] * 7)
    press(opened, "?")
    expect(opened.dialog).to_contain_text("F, G, S, U and Z are the page’s own keys")


def test_the_keys_of_digits_are_as_they_were_and_have_no_colours(label_page: LabelPage) -> None:
    expect(label_page.page.get_by_text("Press 0–9")).to_be_visible()
    expect(label_page.pad.locator("kbd, .swatch")).to_have_count(0)
    expect(label_page.page.get_by_role("button", name="Find")).to_have_count(0)


def find(opened: LabelPage, text: str) -> None:
    press(opened, "/")
    expect(opened.dialog).to_be_visible()
    opened.page.keyboard.type(text)


def test_two_letters_and_enter_find_a_class_whatever_its_accents_and_capitals(open_own: OpenOwn) -> None:
    opened = open_own(classes=["heron", "Évora warbler", "blue tit", "Øresund gull", "stork"])
    find(opened, "EV")
    option = opened.page.get_by_role("option", name="Évora warbler")
    expect(option).to_have_attribute("aria-selected", "true")
    opened.page.keyboard.press("Enter")
    expect(opened.dialog).to_be_hidden()
    opened.expect_answers("ÉW", *[OPEN] * 9)
    find(opened, "or")
    expect(opened.page.get_by_role("option")).to_have_text(["Øresund gull", "Évora warbler", "stork"])
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("Enter")
    opened.expect_answers("ÉW", "ÉW", *[OPEN] * 8)
    opened.expect_stored()
    assert list(opened.stored().values()) == [1, 1]


def test_escape_leaves_and_what_is_not_there_answers_nothing(open_own: OpenOwn) -> None:
    opened = open_own()
    find(opened, "zz")
    expect(opened.dialog).to_contain_text("No class has this in its name.")
    opened.page.keyboard.press("Enter")
    expect(opened.dialog).to_be_visible()
    opened.page.keyboard.press("Escape")
    expect(opened.dialog).to_be_hidden()
    opened.expect_answers(*[OPEN] * 10)


def test_the_class_that_was_chosen_last_comes_first_and_a_finger_can_choose_it(open_own: OpenOwn) -> None:
    opened = open_own(classes=MANY, size="phone", context={"has_touch": True, "is_mobile": True})
    find(opened, "class 777")
    opened.page.keyboard.press("Enter")
    opened.expect_answers("C7", *[OPEN] * 9)
    opened.page.get_by_role("button", name="Find").tap()
    expect(opened.dialog).to_contain_text("1,000 classes; these are the first 50.")
    options = opened.page.get_by_role("option")
    expect(options).to_have_count(50)
    expect(options.first).to_have_text("class 777")
    options.first.tap()
    opened.expect_stored()
    assert list(opened.stored().values()) == [777, 777]


def test_the_finder_is_a_combobox_that_names_its_active_option(open_own: OpenOwn) -> None:
    opened = open_own()
    find(opened, "w")
    field = opened.page.get_by_role("combobox", name="A part of its name")
    expect(field).to_be_focused()
    option = opened.page.get_by_role("option", selected=True)
    expect(option).to_have_text("wasp")
    expect(field).to_have_attribute("aria-activedescendant", option.get_attribute("id") or "missing")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [LETTERS, MANY], ids=["26", "1000"])
def test_a_pad_of_many_classes_scrolls_inside_and_nothing_moves(
    open_own: OpenOwn, size: str, classes: Sequence[str]
) -> None:
    opened = open_own(classes=classes, size=size)
    page = opened.page
    for part in (opened.picture, opened.pad, page.get_by_role("button", name="Find")):
        expect(part).to_be_in_viewport(ratio=1)
    width = SIZES[size][0]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    before = places(opened)
    last = opened.pad.locator("button").last
    last.evaluate("button => button.parentElement.scrollTop = button.offsetTop")
    last.click()
    expect(opened.answered).to_have_count(1)
    assert places(opened) == before
    press(opened, "ArrowLeft")
    expect(last).to_have_attribute("aria-pressed", "true")
    expect(last).to_be_in_viewport(ratio=0.9)
    assert places(opened) == before


def places(opened: LabelPage) -> dict[str, object]:
    parts = ("[data-picture]", "[data-pad]", "[data-tiles]", ".tools")
    return {part: opened.page.locator(part).bounding_box() for part in parts}


def test_an_answer_out_of_sight_comes_into_sight_when_its_image_does(open_own: OpenOwn) -> None:
    opened = open_own(classes=MANY)
    find(opened, "class 900")
    opened.page.keyboard.press("Enter")
    expect(opened.answered).to_have_count(1)
    press(opened, "ArrowLeft")
    expect(opened.pad.get_by_role("button", name="class 900", exact=True)).to_be_in_viewport(ratio=0.9)
    assert opened.page.evaluate("scrollY") == 0


def test_the_tab_key_passes_the_classes_that_have_no_key(open_own: OpenOwn) -> None:
    opened = open_own(classes=MANY)
    expect(opened.pad.locator("button:not([tabindex])")).to_have_count(31)
    expect(opened.pad.locator("button[data-key]")).to_have_count(31)


@pytest.mark.parametrize("size", SIZES)
def test_a_long_name_stays_in_its_button_and_its_mark_in_its_tile(open_own: OpenOwn, size: str) -> None:
    opened = open_own(classes=[LONG, "Donaudampfschifffahrtsgesellschaftskapitän", "wren"], size=size)
    button = opened.pad.locator("button").first
    expect(button).to_have_attribute("title", LONG)
    inside = "b => [...b.children].every(c => c.getBoundingClientRect().bottom <= b.getBoundingClientRect().bottom)"
    assert opened.pad.locator("button").evaluate_all(f"all => all.every({inside})")
    assert opened.pad.evaluate("pad => pad.scrollWidth <= pad.clientWidth")
    press(opened, "1", "2")
    opened.expect_answers("CKA", "Don", *[OPEN] * 8)
    mark = opened.tiles.first.locator("span")
    expect(mark).to_have_attribute("title", LONG)
    assert mark.evaluate("mark => mark.scrollWidth <= mark.clientWidth")


def test_marks_tell_classes_apart_that_begin_alike(page: Page, server: Server) -> None:
    page.goto(server.url)
    names = ["owl", "blackbird", "blackcap", "white stork", "white swan", "white skua", "日本の城と庭"]
    marks = page.evaluate(
        "async ([folder, names]) => (await import(`${folder}/marks.js`)).makeMarks(names)", [static_url(), names]
    )
    assert marks[:2] == ["owl", "bla"]
    assert marks[3] == "WS"
    assert marks[-1] == "日本の"
    assert len(set(marks)) == len(names)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_class_has_its_colour_that_is_seen_on_its_button(open_own: OpenOwn, theme: str) -> None:
    opened = open_own(classes=LETTERS, order=list(reversed(range(26))), context={"color_scheme": theme})
    swatches = opened.pad.locator(".swatch")
    expect(swatches).to_have_count(26)
    colours = swatches.evaluate_all("all => all.map(s => getComputedStyle(s).backgroundColor)")
    assert len(set(colours)) == 26
    contrasts = opened.page.evaluate(CONTRASTS, opened.pad.locator("button").first.element_handle())
    assert min(contrasts) >= 3
    assert opened.pad.locator("button").last.locator(".swatch").get_attribute("data-swatch") == "0"


# Painted, because colours of other spaces are no red, green and blue in a style; by the formula of WCAG 2.
CONTRASTS = """button => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const lightness = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = lightness(getComputedStyle(button).backgroundColor);
  return [...document.querySelectorAll(".swatch")].map((swatch) => {
    const own = lightness(getComputedStyle(swatch).backgroundColor);
    return (Math.max(own, ground) + 0.05) / (Math.min(own, ground) + 0.05);
  });
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_named_classes_the_finder_and_the_guideline_are_accessible(open_own: OpenOwn, size: str, theme: str) -> None:
    opened = open_own(
        classes=[*LETTERS, LONG], guideline="Look.\n\n- One\n- Two", size=size, context={"color_scheme": theme}
    )
    page = opened.page
    press(opened, "1", "2", "ArrowLeft", "z")
    check(page)
    for key in ("/", "g", "?"):
        press(opened, key)
        expect(opened.dialog).to_be_visible()
        check(page)
        page.keyboard.press("Escape")
        expect(opened.dialog).to_be_hidden()


def test_the_guideline_opens_by_its_key_and_by_its_button(open_own: OpenOwn) -> None:
    text = "Label what is <largest>.\nNot the background.\n\n- Two bees: flag it.\n- No bee: skip it."
    opened = open_own(guideline=text)
    press(opened, "g")
    expect(opened.dialog.get_by_role("heading", name="Guideline")).to_be_visible()
    expect(opened.dialog.get_by_role("listitem")).to_have_text(["Two bees: flag it.", "No bee: skip it."])
    expect(opened.dialog.get_by_text("Label what is <largest>.")).to_be_visible()
    opened.page.keyboard.press("Escape")
    expect(opened.dialog).to_be_hidden()
    opened.page.get_by_role("button", name="Guide").click()
    expect(opened.dialog).to_be_visible()


def test_digits_without_a_guideline_have_neither_button_nor_key(open_own: OpenOwn) -> None:
    opened = open_own(classes=["0", "1", "2"])
    press(opened, "g")
    expect(opened.page.get_by_role("button", name="Guide")).to_have_count(0)
    expect(opened.dialog).to_be_hidden()
    expect(opened.page.get_by_text("Data:")).to_have_count(0)


def test_names_without_a_guideline_have_examples_once_there_are_labels(open_own: OpenOwn) -> None:
    opened = open_own()
    press(opened, "g")
    expect(opened.page.get_by_text("There are no examples yet: they come with the first labels.")).to_be_visible()


def test_single_keys_that_are_off_open_and_answer_nothing(open_own: OpenOwn) -> None:
    opened = open_own(classes=LETTERS, guideline="Look.")
    press(opened, "?")
    opened.dialog.get_by_role("switch", name="Single-key shortcuts").uncheck()
    opened.page.keyboard.press("Escape")
    expect(opened.dialog).to_be_hidden()
    press(opened, "/", "g", "z", "a", "1")
    expect(opened.dialog).to_be_hidden()
    opened.page.get_by_role("button", name="Guide").click()
    expect(opened.dialog).to_be_visible()
    opened.expect_answers(*[OPEN] * 10)


def test_a_data_set_with_names_has_keys_too(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool(classes=["cat", "dog", "owl"]))
    page.goto(opened.url)
    press(opened, "3")
    opened.expect_answers("owl", *[OPEN] * 9)
