"""Who is at work, and how times are written where no script runs."""

import datetime as dt

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.pools import get_pool
from app.web.edge.assets import static_url
from app.web.edge.deps import Services, get_now
from app.web.pages.people import WORKING
from tests.factories.acts import ask, ask_and_answer
from tests.factories.making import NOW, add_annotator

PEOPLE = "/pools/digits/people"


def badges(page: str) -> list[str]:
    return [word for word in ("working", "online") if f">{word}</span>" in page]


@pytest.mark.parametrize(
    ("passed", "expected"),
    [(dt.timedelta(0), ["working"]), (WORKING - dt.timedelta(seconds=1), ["working"]), (WORKING, [])],
)
def test_who_answered_within_the_last_ten_minutes_is_working(
    app: FastAPI, client: TestClient, services: Services, passed: dt.timedelta, expected: list[str]
) -> None:
    with services.database.read() as session:
        pool = get_pool(session, "digits")
    ask_and_answer(services.database, pool, add_annotator(services.database), 1)
    app.dependency_overrides[get_now] = lambda: NOW + passed

    assert badges(client.get(PEOPLE).text) == expected


def test_who_holds_images_and_answers_none_is_online_and_not_working(
    app: FastAPI, client: TestClient, services: Services
) -> None:
    with services.database.read() as session:
        pool = get_pool(session, "digits")
    ask(services.database, pool, add_annotator(services.database), 1)
    app.dependency_overrides[get_now] = lambda: NOW

    assert badges(client.get(PEOPLE).text) == ["online"]


def test_a_time_is_written_in_utc_also_in_its_title(client: TestClient, services: Services) -> None:
    with services.database.read() as session:
        pool = get_pool(session, "digits")
    ask_and_answer(services.database, pool, add_annotator(services.database), 1)
    utc = "2026-03-04 05:06:07 UTC"

    page = client.get(PEOPLE).text

    assert f'<time datetime="2026-03-04T05:06:07+00:00" title="{utc}">{utc}</time>' in page
    assert f'src="{static_url()}/times.js"' in page
