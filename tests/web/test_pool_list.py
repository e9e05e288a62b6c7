"""The list of pools: what a card says, to whom, and where it leads."""

import datetime as dt
import html
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from app import features, rounds
from app.learning.names import LearnerName, Strategy
from app.models import Pool
from app.pools import get_pool
from app.settings import Settings
from app.web.edge.deps import Services
from tests.factories.acts import ask, ask_and_answer
from tests.factories.making import add_annotator, add_pool, add_round, add_trainer
from tests.web.clients import as_person


def words_of(page: str) -> str:
    """The text of a page's main part, one space between words."""
    main = re.sub(r"<[^>]+>", " ", page.partition("<main")[2].partition("</main")[0])
    return " ".join(html.unescape(main.partition(">")[2]).split())


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_a_new_pool_says_how_it_is_asked_and_that_there_is_no_answer_yet(client: TestClient) -> None:
    said = words_of(client.get("/").text)

    assert "Handwritten digits The paper’s way: least confident first." in said
    assert "Labeled 0 of 60 no answer yet Test accuracy – no answer yet Holding images nobody" in said


def test_a_card_says_what_was_labeled_and_how_good_the_model_is(client: TestClient, services: Services) -> None:
    database = services.database
    with database.read() as session:
        pool = get_pool(session, "digits")
    oracle = add_annotator(database, "oracle", role="oracle")
    ask_and_answer(database, pool, add_annotator(database), 3)
    assert "people: 3 Test accuracy – known after 7 more answers" in words_of(client.get("/").text)
    ask_and_answer(database, pool, oracle, 7)
    add_trainer(database, now=now())
    assert "Handwritten digits learning" in words_of(client.get("/").text)
    add_round(database, pool)
    assert "Test accuracy – not measured yet" in words_of(client.get("/").text)
    with database.write() as session:
        rounds.record_test(session, rounds.get_newest(session, pool).id, 21)

    said = words_of(client.get("/").text)

    assert "Labeled 10 of 60 people: 3, oracle: 7 Test accuracy 70.0 % 52.1 to 83.3 %" in said
    assert "21 of 30 unseen images" in said


@pytest.mark.parametrize(
    ("learner", "strategy", "way"),
    [
        ("graph", "least_confidence", "Inkling’s way: looks at all images first."),
        ("graph", "random", "Inkling’s learner: asks by chance."),
        ("softmax", "margin", "The paper’s learner: smallest margin first."),
        ("softmax", "random", "The paper’s learner: asks by chance."),
    ],
)
def test_a_card_says_what_learns_and_how_it_asks(
    client: TestClient, services: Services, learner: LearnerName, strategy: Strategy, way: str
) -> None:
    add_pool(services.database, name="Other", learner=learner, strategy=strategy)

    assert f"Other {way}" in words_of(client.get("/").text)


def test_a_learner_that_looks_at_the_images_is_seen_at_it(client: TestClient, services: Services) -> None:
    pool = add_pool(services.database, name="Other", learner="graph")
    assert "Will look at 60 images." in words_of(client.get("/").text)
    with services.database.write() as session:
        set_id = features.begin(session, pool, 60, now=now())
        features.record_step(session, pool, set_id, "learning what strokes look like", 0.4, now=now())

    page = client.get("/").text

    assert "Looking at 60 images: learning what strokes look like." in words_of(page)
    assert '<progress value="0.4" max="1"' in page


def test_why_no_pool_is_trained_is_said_once(client: TestClient, services: Services) -> None:
    add_pool(services.database)

    assert words_of(client.get("/").text).count("No trainer is running just now") == 1


def test_a_name_is_shown_as_it_was_given_and_never_as_html(client: TestClient, services: Services) -> None:
    add_pool(services.database, name="<b>bold</b> & “quoted”")

    page = client.get("/").text

    assert "<b>" not in page
    assert "<b>bold</b> & “quoted”" in html.unescape(page)


def test_a_long_list_has_pages(client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.pages.pools.POOLS_A_PAGE", 2)
    for n in range(3):
        add_pool(services.database, slug=f"other-{n}", name=f"Other {n}", n_images=1, batch_size=1)

    first = client.get("/").text
    second = client.get(re.findall(r'href="(/\?cursor=\d+)"', first)[0]).text

    assert re.findall(r'<h2 id="[^"]*">([^<]*)', first) == ["Handwritten digits", "Other 0"]
    assert re.findall(r'<h2 id="[^"]*">([^<]*)', second) == ["Other 1", "Other 2"]
    assert "First pools" not in first
    assert "Further pools" not in second


def test_an_archived_pool_is_neither_listed_nor_first(client: TestClient, services: Services) -> None:
    add_pool(services.database, slug="other", name="Other")
    with services.database.write() as session:
        session.execute(update(Pool).where(Pool.slug == "digits").values(archived_at=now()))

    assert "Handwritten digits" not in words_of(client.get("/").text)
    assert client.get("/label", follow_redirects=False).headers["location"] == "/pools/other/label"


def test_the_labeling_page_leads_to_the_other_pools(client: TestClient, services: Services) -> None:
    assert "pool-switcher" not in client.get("/pools/digits/label").text
    add_pool(services.database, slug="other", name="Other")

    page = client.get("/pools/digits/label").text

    switcher = page.partition('id="pool-switcher"')[2].partition("</div>")[0]
    assert re.findall(r'href="([^"]+)"( aria-current="page")?', switcher) == [
        ("/pools/digits/label", ' aria-current="page"'),
        ("/pools/other/label", ""),
        ("/", ""),
    ]


class TestWithAccounts:
    @pytest.fixture
    def settings(self, closed_settings: Settings) -> Settings:
        return closed_settings

    def test_an_annotator_learns_how_many_work_and_an_admin_who(self, app: FastAPI, services: Services) -> None:
        ada, boss = (as_person(app, services, name) for name in ("ada", "boss"))
        with services.database.read() as session:
            pool = get_pool(session, "digits")
        assert "Holding images nobody" in words_of(ada.get("/").text)
        for n, name in enumerate(("ben", "ada")):
            ask(services.database, pool, add_annotator(services.database, name), 1, now=now())
            expected = "1 person" if n == 0 else "2 people"
            assert f"Holding images {expected} Label" in words_of(ada.get("/").text)

        assert "ben" not in words_of(ada.get("/").text)
        assert "Holding images ada, ben Label" in words_of(boss.get("/").text)

    def test_of_many_who_work_some_are_named(self, app: FastAPI, services: Services) -> None:
        with services.database.read() as session:
            pool = get_pool(session, "digits")
        for n in range(7):
            ask(services.database, pool, add_annotator(services.database, f"script {n}"), 1, now=now())

        said = words_of(as_person(app, services, "boss").get("/").text)

        assert "script 0, script 1, script 2, script 3, script 4 and 2 more" in said

    def test_only_admins_are_led_to_people(self, app: FastAPI, services: Services) -> None:
        ada, boss = (as_person(app, services, name).get("/").text for name in ("ada", "boss"))

        assert ("/pools/digits/people" in ada, "/pools/digits/people" in boss) == (False, True)
