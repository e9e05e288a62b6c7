"""Pages on a narrow phone: nothing sticks out or is cut off, and a finger hits every link and button."""

import pytest
from playwright.sync_api import Page, expect

from app.models import AuditEntry, FailedRound
from app.pools import get_pool

from ..factories import NOW
from .accounts import GuardedServer, fill_in
from .conftest import Complaints, MakePool, OpenPage
from .server import Server

WIDTHS = (320, 375)
LONG = "a-name-of-sixty-four-letters-" + "m" * 35
TOUCH_PX = 44

# What lies beside the window or within a box that is too small for it; texts for screen readers alone apart.
CUT_OFF = """() => [...document.querySelectorAll("main *")]
  .filter((element) => element.checkVisibility() && !element.closest(".visually-hidden, thead, input, select"))
  .filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    const isCut = getComputedStyle(element).overflowX !== "visible" && element.scrollWidth > element.clientWidth;
    return left < 0 || right > innerWidth || isCut;
  })
  .map((element) => element.outerHTML.slice(0, 120))"""

TOO_SMALL = """(least) => [...document.querySelectorAll("a[href], button, select, textarea, input:not([type=hidden])")]
  .filter((element) => element.checkVisibility() && !element.matches(".skip-link"))
  .filter((element) => {
    const { width, height } = (element.closest("label") ?? element).getBoundingClientRect();
    return width < least || height < least;
  })
  .map((element) => element.outerHTML.slice(0, 120))"""


@pytest.fixture(params=WIDTHS)
def phone(open_page: OpenPage, request: pytest.FixtureRequest) -> Page:
    return open_page(viewport={"width": request.param, "height": 667}, has_touch=True, reduced_motion="reduce")


def check(page: Page) -> None:
    page.wait_for_load_state()
    assert page.evaluate(CUT_OFF) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, page.url
    assert page.evaluate(TOO_SMALL, TOUCH_PX) == [], page.url


def add_long_words(guarded: GuardedServer, slug: str) -> None:
    """A failed training and an audit entry with words that no line can hold."""
    with guarded.database.write() as session:
        error = "The loss was not a number: " + "9" * 200
        session.add(FailedRound(pool_id=get_pool(session, slug).id, number=1, n_attempts=3, error=error, failed_at=NOW))
        address, request_id = "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "f" * 40
        session.add(AuditEntry(at=NOW, action="login failed", name=LONG, address=address, request_id=request_id))


def test_the_login_and_an_error_fit(phone: Page, guarded: GuardedServer, complaints: Complaints) -> None:
    complaints.may_requests_fail = True
    phone.goto(f"{guarded.url}/login")
    fill_in(phone, LONG, "not the password")
    expect(phone.get_by_role("alert")).to_be_visible()
    check(phone)
    phone.goto(f"{guarded.url}/{'nothing' * 30}")
    check(phone)


def test_the_pages_about_people_fit_with_long_names_and_remarks(
    phone: Page, guarded: GuardedServer, make_guarded_pool: MakePool
) -> None:
    slug = make_guarded_pool(classes=["a class of many letters " * 3, *"123456789"])
    name = f"{slug}-{LONG}"[:64]
    guarded.add(name, "admin")
    phone.goto(f"{guarded.url}/login?next=/docs")
    fill_in(phone, name)
    expect(phone).to_have_url(f"{guarded.url}/docs")
    api = f"{guarded.url}/api/v1/pools/{slug}"
    (image,) = phone.request.post(f"{api}/leases", data={"count": 1}).json()["images"]
    first = image["image_id"]
    for what, body in (
        ("labels", {"labels": [{"image_id": first, "value": 0}]}),
        ("flags", {"image_id": first, "remark": "m" * 200}),
    ):
        assert phone.request.post(f"{api}/{what}", data=body).ok
    add_long_words(guarded, slug)

    for path in (f"/pools/{slug}/people", f"/pools/{slug}/me", f"/pools/{slug}/answers", f"/images/{first}", "/audit"):
        phone.goto(guarded.url + path)
        expect(phone.get_by_title(f"Logged in as {name}")).to_be_visible()
        check(phone)


def test_the_pages_about_accounts_fit_with_long_names(
    phone: Page, guarded: GuardedServer, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    name = f"{phone.viewport_size and phone.viewport_size['width']}-of-{LONG}"[:64]
    guarded.add(name, "admin")
    phone.goto(f"{guarded.url}/login?next=/accounts")
    fill_in(phone, name)
    phone.get_by_label("Name", exact=True).fill(f"x{name}"[:64])
    phone.get_by_role("button", name="Make a link").click()
    link = phone.get_by_label("Link").input_value()
    check(phone)
    for where in ("accounts", "account"):
        phone.goto(f"{guarded.url}/{where}")
        phone.get_by_label("For", exact=True).fill("m" * 64)
        phone.get_by_role("button", name="Make a token").click()
        check(phone)
        phone.goto(f"{guarded.url}/{where}")
        check(phone)
    phone.goto(link)
    expect(phone.get_by_text(f"{name} is logged in here")).to_be_visible()
    check(phone)
    phone.goto(link[:-1] + "!")
    check(phone)


def test_a_finger_hits_everything_in_the_documentation_of_the_api(phone: Page, server: Server) -> None:
    phone.goto(f"{server.url}/docs")
    expect(phone.get_by_role("heading", name="Inkling")).to_be_visible()
    phone.get_by_role("button", name="List Pools").click()
    phone.get_by_role("button", name="Execute").click()
    expect(phone.get_by_role("heading", name="Server response")).to_be_visible()
    assert phone.evaluate(TOO_SMALL, TOUCH_PX) == []
    assert phone.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
