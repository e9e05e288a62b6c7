"""The page of a pool's settings: each form stores and leads back, or comes again with the reason."""

import html
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import merging
from app.web.edge.deps import Services
from tests.factories import add_account
from tests.web.clients import as_person
from tests.web.test_api_own_pools import BEES, SPEC, draw, send

PAGE = "/pools/bees/settings"
ABOUT = {"name": "Bees", "description": "", "guideline": "", "goal_labels": "", "goal_accuracy": "", "chance_every": ""}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def bees(client: TestClient) -> TestClient:
    """With a pool of three images."""
    assert client.post("/api/v1/pools", json=SPEC).status_code == 201
    send(client, {f"{number}.png": draw(number) for number in range(3)})
    return client


def post(client: TestClient, form: str = "", **fields: str) -> tuple[int, str]:
    """The status, and where it leads to or the page with the reason, as text."""
    answer = client.post(f"{PAGE}{form}", data=fields, follow_redirects=False)
    return answer.status_code, answer.headers.get("location") or html.unescape(answer.text)


def settings_of(client: TestClient) -> dict[str, object]:
    found: dict[str, object] = client.get(f"{BEES}/settings").json()
    return found


def test_texts_and_goals_are_stored_and_shown_again(bees: TestClient) -> None:
    given = ABOUT | {
        "name": "Bees and wasps",
        "description": "Of one meadow",
        "guideline": "Look at the wings.\r\n- two\r\n- four",
        "goal_labels": "400",
        "goal_accuracy": "97,5",
        "chance_every": "20",
    }
    assert post(bees, **given) == (303, f"{PAGE}?done=about")
    stored = settings_of(bees)
    assert (stored["name"], stored["description"], stored["goal_labels"]) == ("Bees and wasps", "Of one meadow", 400)
    assert (stored["goal_accuracy"], stored["chance_every"]) == (0.975, 20)
    assert stored["guideline"] == "Look at the wings.\n- two\n- four"
    page = bees.get(f"{PAGE}?done=about").text
    assert 'value="97.5"' in page
    assert "Saved." in page
    assert post(bees, **ABOUT)[0] == 303
    stored = settings_of(bees)
    assert [stored[each] for each in ("description", "guideline", "goal_labels", "chance_every")] == [None] * 4


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("name", " ", "cannot name a pool"),
        ("description", "x" * 1001, "1,001 characters; 1,000 fit. Shorten it."),
        ("guideline", "x" * 20_001, "20,001 characters; 20,000 fit"),
        ("guideline", "[image 999]", "shows image 999"),
        ("guideline", "[picture 1: a wing]", "shows picture 1"),
        ("goal_labels", "many", "Give a whole number from 1"),
        ("goal_labels", "0", "Give a whole number from 1"),
        ("goal_accuracy", "101", "Give a number above 0, up to 100"),
        ("goal_accuracy", "nan", "Give a number above 0, up to 100"),
        ("chance_every", "²", "Give a whole number from 1"),
        ("chance_every", "5000", "The number of questions of which one is asked by chance is"),
    ],
)
def test_a_form_that_is_refused_comes_again_with_what_was_typed(
    bees: TestClient, field: str, typed: str, words: str
) -> None:
    before = settings_of(bees)
    status, page = post(bees, **ABOUT | {"description": "typed already", field: typed})
    assert status == 422
    assert words in page
    assert "typed already" in page or field == "description"
    assert typed in page
    assert settings_of(bees) == before


def test_a_state_that_there_is_not_is_refused(bees: TestClient) -> None:
    status, page = post(bees, "/state", state="stop")
    assert (status, "'stop' is no state of a pool" in page) == (422, True)


def test_the_pool_is_paused_archived_and_brought_back(bees: TestClient) -> None:
    for state, column, is_set in (
        ("pause", "paused_at", True),
        ("go on", "paused_at", False),
        ("archive", "archived_at", True),
        ("bring back", "archived_at", False),
    ):
        assert post(bees, "/state", state=state) == (303, f"{PAGE}?done=state")
        assert (settings_of(bees)[column] is not None) is is_set


def test_classes_are_added_renamed_and_moved(bees: TestClient) -> None:
    assert post(bees, "/classes", names="ant\r\n\r\nbug")[0] == 303
    assert post(bees, "/class-name", index="1", name="hornet")[0] == 303
    assert post(bees, "/class-order", move="4 up") == (303, f"{PAGE}?moved=4+up")
    assert post(bees, "/class-order", move="0 up")[0] == 303  # the first stays the first
    assert post(bees, "/class-order", move="0 down")[0] == 303
    pool = bees.get(BEES).json()
    assert pool["classes"] == ["bee", "hornet", "fly", "ant", "bug"]
    assert pool["class_order"] == [1, 0, 2, 4, 3]
    moved = re.search(r'value="0 down"[^>]*>', bees.get(f"{PAGE}?moved=0+down").text)
    assert moved is not None
    assert "autofocus" in moved[0]
    for form, fields, words in (
        ("/classes", {"names": "bee"}, "bee is named twice"),
        ("/class-name", {"index": "0", "name": "fly"}, "fly is named twice"),
        ("/class-order", {"move": "9 up"}, "moves no class"),
    ):
        status, page = post(bees, form, **fields)
        assert (status, words in page) == (422, True)


def test_classes_are_merged_and_taken_apart(bees: TestClient) -> None:
    images = bees.post(f"{BEES}/leases", json={"annotator": "ada"}).json()["images"]
    labels = [{"image_id": image["image_id"], "value": 1} for image in images]
    assert bees.post(f"{BEES}/labels", json={"annotator": "ada", "labels": labels}).status_code == 201
    assert post(bees, "/merges", from_class="1", into_class="0") == (303, f"{PAGE}?done=merges")
    page = bees.get(PAGE).text
    assert "3 labels changed" in page
    assert [each["value"] for each in bees.get(f"{BEES}/labels").json()["items"]] == [0, 0, 0]
    assert "Two classes are left" in page
    assert post(bees, "/merges", from_class="2", into_class="0")[0] == 422
    assert post(bees, "/merges", from_class="1", into_class="2")[0] == 409
    assert post(bees, "/merges", from_class="", into_class="2")[0] == 422
    merge_id = bees.get(f"{BEES}/merges").json()[0]["merge_id"]
    assert post(bees, f"/merges/{merge_id}")[0] == 303
    assert "3 labels given back" in bees.get(PAGE).text
    assert [each["value"] for each in bees.get(f"{BEES}/labels").json()["items"]] == [1, 1, 1]
    assert post(bees, f"/merges/{merge_id}")[0] == 409


def test_how_far_labels_have_followed_is_told(
    bees: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = bees.post(f"{BEES}/leases", json={"annotator": "ada"}).json()["images"]
    labels = [{"image_id": image["image_id"], "value": 1} for image in images]
    bees.post(f"{BEES}/labels", json={"annotator": "ada", "labels": labels})
    monkeypatch.setattr(merging, "BITE", 2)
    monkeypatch.setattr("app.web.api.classes.FOLLOW_SECONDS", 0)
    begun = bees.post(f"{BEES}/merges", json={"from_class": 1, "into_class": 2})
    assert begun.status_code == 201
    told = begun.json()
    assert (told["n_changed"], told["n_wanted"], told["done_at"]) == (2, 3, None)
    assert "of 3 labels" in bees.get(PAGE).text
    assert services.merger._run_one()  # what the loop of a server does, after a crash too
    (told,) = bees.get(f"{BEES}/merges").json()
    assert (told["by"], told["n_changed"], told["done_at"] is not None) == ("local", 3, True)


def test_a_pool_is_deleted_once_its_name_is_typed(bees: TestClient) -> None:
    page = bees.get(PAGE).text
    assert "inkling backup" in page
    status, page = post(bees, "/deletion", confirm="wasps")
    assert (status, "type bees" in page) == (422, True)
    assert post(bees, "/deletion", confirm="bees") == (303, "/")
    assert bees.get(BEES).status_code == 404


def test_the_guideline_is_text_however_it_is_written(bees: TestClient) -> None:
    image_id = bees.get(f"{BEES}/labels").json() and 1
    images = bees.post(f"{BEES}/leases", json={"annotator": "ada"}).json()["images"]
    image_id = images[0]["image_id"]
    text = f'{SCRIPT}\n[image {image_id}: " onerror="alert(2) {SCRIPT}]\n- {SCRIPT}\n[image 1](javascript:alert(3))'
    typed = ABOUT | {"guideline": text, "description": SCRIPT, "name": f"Bees {SCRIPT}"}
    preview = bees.post(PAGE, data=typed | {"preview": "1"})
    assert preview.status_code == 200
    assert settings_of(bees)["guideline"] is None  # not saved yet
    assert post(bees, **typed)[0] == 303
    for page in (preview.text, bees.get(PAGE).text, bees.get("/pools/bees/label").text):
        assert SCRIPT not in page
        assert ' onerror="' not in page
        assert 'href="javascript' not in page
    shown = bees.get("/pools/bees/label").text
    assert f'<figure data-image="{image_id}">' in shown
    assert f'<img src="/images/{image_id}.webp?v=' in shown


def test_a_picture_is_uploaded_for_the_guideline_and_removed(bees: TestClient) -> None:
    large = draw(7, (1600, 400), "JPEG")
    answer = bees.post(f"{PAGE}/pictures", files={"file": ("<b>.jpg", large)}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=pictures")
    (picture,) = bees.get(f"{BEES}/guideline-pictures").json()
    assert (picture["name"], picture["width"], picture["height"]) == ("<b>.jpg", 800, 200)
    shown = bees.get(picture["url"])
    assert (shown.headers["content-type"], shown.content != large) == ("image/webp", True)
    assert "immutable" in shown.headers["cache-control"]
    assert post(bees, **ABOUT | {"guideline": f"[picture {picture['picture_id']}: a wing]"})[0] == 303
    assert f'src="{html.escape(picture["url"])}" alt="a wing"' in bees.get("/pools/bees/label").text
    again = bees.post(f"{BEES}/guideline-pictures", files={"file": ("again.jpg", large)}).json()
    assert again["picture_id"] == picture["picture_id"]
    assert post(bees, f"/pictures/{picture['picture_id']}")[0] == 303
    assert bees.get(picture["url"]).status_code == 404
    assert "a wing" not in bees.get("/pools/bees/label").text
    refused = bees.post(f"{PAGE}/pictures", files={"file": ("1.svg", b"<svg/>")}, follow_redirects=False)
    assert refused.status_code in (415, 422)
    assert "notice" in refused.text


def test_a_guideline_has_so_many_pictures_and_no_more(bees: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.guidelines.MAX_PICTURES", 2)
    statuses = [
        bees.post(f"{BEES}/guideline-pictures", files={"file": ("1.png", draw(number))}).status_code
        for number in range(3)
    ]
    assert statuses == [201, 201, 422]


def test_no_guideline_shows_a_test_image(bees: TestClient) -> None:
    body = send(bees, {"test.png": draw(99)}, is_test=True, **{"class": "wasp"}).json()
    status, page = post(bees, **ABOUT | {"guideline": f"[image {body['items'][0]['image_id']}]"})
    assert (status, "which Bees does not have" in page) == (422, True)


def test_a_pool_of_a_data_set_has_the_settings_that_make_sense(client: TestClient) -> None:
    page = client.get("/pools/digits/settings").text
    assert "Add images" not in page
    assert 'name="chance_every"' not in page
    fields = ABOUT | {"name": "Digits", "goal_labels": "50"}
    del fields["chance_every"]
    assert client.post("/pools/digits/settings", data=fields, follow_redirects=False).status_code == 303
    assert client.get("/api/v1/pools/digits/settings").json()["goal_labels"] == 50


@pytest.mark.parametrize("path", ["/", "/pools/bees/label", "/pools/bees/export", "/pools/bees/models"])
def test_the_page_is_found_from_the_others(bees: TestClient, path: str) -> None:
    assert f'href="{PAGE}"' in bees.get(path).text


def test_the_page_is_for_admins(app: FastAPI, services: Services) -> None:
    client = TestClient(app, base_url="http://localhost")
    client.post("/api/v1/pools", json=SPEC)
    for name, role in (("boss", "admin"), ("ada", "annotator")):
        add_account(services.database, name, role=role)  # type: ignore[arg-type]
    boss, ada = as_person(app, services, "boss"), as_person(app, services, "ada")
    assert boss.get(PAGE).status_code == 200
    assert ada.get(PAGE).status_code == 403
    assert ada.post(f"{PAGE}/merges", data={"from_class": "1", "into_class": "0"}).status_code == 403
    assert ada.post(f"{BEES}/merges", json={"from_class": 1, "into_class": 0}).status_code == 403
    assert ada.get("/pools/bees/label").text.count(f'href="{PAGE}"') == 0
    assert boss.post(f"{BEES}/merges", json={"from_class": 1, "into_class": 0}).json()["by"] == "boss"


def test_merges_and_the_end_of_a_pool_are_in_the_audit_with_who_did_it(app: FastAPI, services: Services) -> None:
    TestClient(app, base_url="http://localhost").post("/api/v1/pools", json=SPEC)
    add_account(services.database, "boss", role="admin")
    boss = as_person(app, services, "boss")
    merge = boss.post(f"{BEES}/merges", json={"from_class": 2, "into_class": 0}).json()
    assert boss.delete(f"{BEES}/merges/{merge['merge_id']}").status_code == 200
    assert post(boss, "/merges", from_class="2", into_class="1")[0] == 303
    assert post(boss, f"/merges/{merge['merge_id'] + 2}")[0] == 303
    assert boss.delete(BEES, params={"confirm": "wasps"}).status_code == 422
    assert boss.delete(BEES, params={"confirm": "bees"}).status_code == 204
    assert boss.post("/api/v1/pools", json=SPEC).status_code == 201
    assert post(boss, "/deletion", confirm="bees") == (303, "/")
    entries = reversed(boss.get("/api/v1/audit").json()["items"])
    acts = [(each["action"], each["name"], each["actor"]) for each in entries if each["name"] == "bees"]
    assert acts == [
        ("class 2 merged into 0", "bees", "boss"),
        (f"merge {merge['merge_id']} taken back", "bees", "boss"),
        ("class 2 merged into 1", "bees", "boss"),
        (f"merge {merge['merge_id'] + 2} taken back", "bees", "boss"),
        ("pool deleted", "bees", "boss"),
        ("pool deleted", "bees", "boss"),
    ]
