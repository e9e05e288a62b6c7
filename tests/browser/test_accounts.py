"""From an invitation to the first label, by keyboard alone and without scripts; passwords and tokens of one's own."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Request, expect

from .accounts import PASSWORD, GuardedServer, fill_in, log_in
from .conftest import Complaints, MakePool, OpenPage
from .label_page import LabelPage

OpenContext = Callable[..., BrowserContext]
CHOSEN = "a password of my own"
STOPS = 80  # presses of the Tab key, of which a page with many accounts has some


@pytest.fixture
def admin_page(open_context: OpenContext, guarded: GuardedServer, complaints: Complaints) -> Page:
    """The page Accounts, with ada logged in."""
    context = open_context()
    log_in(context, guarded.url, "ada")
    page = context.new_page()
    complaints.watch(page)
    page.goto(f"{guarded.url}/accounts")
    return page


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it has the focus."""
    for _ in range(STOPS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not come to {wanted}")


def invite(page: Page, name: str) -> str:
    """Make a link by keyboard alone; the link."""
    tab_to(page, page.get_by_label("Name", exact=True))
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Role")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("An invitation")
    secret = page.get_by_label("Link")
    expect(secret).to_be_focused()
    link = secret.input_value()
    assert page.evaluate("getSelection().toString()") == link
    return link


def test_an_admin_invites_somebody_who_labels_all_by_keyboard_alone(
    admin_page: Page, open_page: OpenPage, make_guarded_pool: MakePool, guarded: GuardedServer
) -> None:
    slug = make_guarded_pool()
    name = f"eve of {slug}"
    link = invite(admin_page, name)
    tab_to(admin_page, admin_page.get_by_role("link", name="Done"))
    admin_page.keyboard.press("Enter")
    row = admin_page.get_by_role("row", name=name)
    expect(row).to_contain_text("in 7 days")

    page = open_page()
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    page.goto(link)
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    page.keyboard.type(CHOSEN)
    page.keyboard.press("Tab")
    page.keyboard.type(CHOSEN)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Join")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{guarded.url}/")
    expect(page.get_by_title(f"Logged in as {name}")).to_be_visible()
    token = link.rpartition("/")[2]
    assert len(sent) > 3
    assert not any(token in request.all_headers().get("referer", "") for request in sent)

    tab_to(page, page.locator(f"#label-{slug}"))
    page.keyboard.press("Enter")
    opened = LabelPage(page, guarded.url, slug)
    opened.press("3")
    opened.expect_stored()
    admin_page.reload()
    expect(admin_page.get_by_role("row", name=name)).to_contain_text("Make admin")
    admin_page.goto(f"{guarded.url}/pools/{slug}/people")
    expect(admin_page.get_by_role("row", name=name)).to_contain_text("working")


def test_it_all_works_without_scripts_and_a_used_link_says_what_to_do(
    open_page: OpenPage, guarded: GuardedServer, complaints: Complaints, make_guarded_pool: MakePool
) -> None:
    complaints.may_requests_fail = True
    name = f"zoe of {make_guarded_pool()}"
    admin, page = open_page(java_script_enabled=False), open_page(java_script_enabled=False)
    admin.goto(f"{guarded.url}/login?next=/accounts")
    fill_in(admin, "ada")
    admin.get_by_role("button", name="Make a link", exact=True).click()
    link = admin.get_by_label("Link").input_value()
    expect(admin.get_by_role("button", name="Copy")).to_be_hidden()

    page.goto(link)
    for typed in ("ben", name):
        page.get_by_label("Name").fill(typed)
        page.get_by_label("Password", exact=True).fill(CHOSEN)
        page.get_by_label("Password again").fill(CHOSEN)
        page.get_by_role("button", name="Join").click()
        if typed == "ben":
            expect(page.get_by_role("alert")).to_have_text("Somebody here has the name ben already. Choose another.")
            expect(page.get_by_label("Name")).to_have_value("ben")
    expect(page.get_by_title(f"Logged in as {name}")).to_be_visible()

    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link opens nothing")
    expect(page.get_by_text("Ask whoever sent it to you for a new one.")).to_be_visible()
    admin.goto(f"{guarded.url}/accounts")
    row = admin.get_by_role("row", name=name)
    row.get_by_role("button", name="Make admin").click()
    expect(admin.get_by_role("status")).to_have_text("The role was changed.")
    expect(row).to_contain_text("Make annotator")
    row.get_by_role("button", name="Disable").click()
    expect(admin.get_by_role("status")).to_contain_text("The account is disabled")
    expect(row).to_contain_text("disabled")


def test_a_link_is_copied_and_a_new_password_set_by_it(
    open_context: OpenContext, open_page: OpenPage, guarded: GuardedServer, make_guarded_pool: MakePool
) -> None:
    name = f"max of {make_guarded_pool()}"
    guarded.add(name)
    context = open_context(permissions=["clipboard-read", "clipboard-write"])
    log_in(context, guarded.url, "ada")
    admin, page = context.new_page(), open_page()
    admin.goto(f"{guarded.url}/accounts")
    admin.get_by_role("button", name=f"Link for a new password of {name}").click()
    admin.get_by_role("button", name="Copy").click()
    expect(admin.get_by_role("status")).to_have_text("Copied.")
    link = admin.evaluate("navigator.clipboard.readText()")
    assert link == admin.get_by_label("Link").input_value()

    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("A new password")
    page.get_by_label("Password", exact=True).fill(CHOSEN)
    page.get_by_label("Password again").fill(CHOSEN)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_title(f"Logged in as {name}")).to_be_visible()


def test_somebody_looks_after_their_own_account(
    open_page: OpenPage, guarded: GuardedServer, make_guarded_pool: MakePool, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    name = f"ida of {make_guarded_pool()}"
    guarded.add(name)
    page = open_page()
    page.goto(f"{guarded.url}/login")
    fill_in(page, name)
    page.get_by_title(f"Logged in as {name}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account")
    for current in ("not my password", PASSWORD):
        page.get_by_label("Current password").fill(current)
        page.get_by_label("New password", exact=True).fill(CHOSEN)
        page.get_by_label("New password again").fill(CHOSEN)
        page.get_by_role("button", name="Change the password").click()
        if current != PASSWORD:
            expect(page.get_by_role("alert")).to_have_text("Nothing was changed. The current password is wrong.")
            expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("Your password was changed.")

    page.get_by_label("For", exact=True).fill("my script")
    page.get_by_role("button", name="Make a token").click()
    plain = page.get_by_label("Token").input_value()
    headers = {"authorization": f"Bearer {plain}"}
    assert page.request.get(f"{guarded.url}/api/v1/me", headers=headers).json()["name"] == name
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Revoke the token for my script").click()
    expect(page.get_by_role("status")).to_have_text("The token was revoked.")
    assert page.request.get(f"{guarded.url}/api/v1/me", headers=headers).status == 401
