"""What is known of an image that is acted on; and each refusal says the same, whichever act was refused."""

from collections.abc import Callable
from typing import Any

import pytest

from app import asking, rounds
from app.asking import AskedImage
from app.db import Database
from app.errors import AppError, ImageNotFound
from app.labeling import GivenLabel
from app.models import Annotator, Pool

from .factories.acts import answer, ask, change, flag, give, label_by_model, skip, undo
from .factories.making import LEASE_SECONDS, add_round, after
from .factories.stored import image_ids


def read_one(database: Database, pool: Pool, who: Annotator, image_id: int, *, seconds: float = 0) -> AskedImage:
    with database.read() as session:
        newest = rounds.get_newest(session, pool)
        return asking.read_asked(session, pool, who, newest, [image_id], now=after(seconds))[image_id]


def test_an_image_that_is_held_is_known_as_it_was_asked(database: Database, pool: Pool, ada: Annotator) -> None:
    (leased,) = ask(database, pool, ada, 1).images
    add_round(database, pool, [leased.image_id], confidence=0.25)

    asked = read_one(database, pool, ada, leased.image_id)

    assert (asked.is_held, asked.round, asked.rank, asked.confidence, asked.asked_by) == (True, 0, 0, None, "strategy")
    assert (asked.position, asked.sha256, asked.taken_until) == (leased.position, leased.sha256, None)


def test_an_image_that_is_not_held_counts_as_asked_in_the_newest_round_by_nobody(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ranked, unranked = image_ids(database, pool, [3, 4])
    add_round(database, pool, [ranked], confidence=0.25)

    first, second = (read_one(database, pool, ada, image_id) for image_id in (ranked, unranked))

    assert (first.is_held, first.round, first.rank, first.confidence, first.asked_by) == (False, 1, 0, 0.25, None)
    assert (second.round, second.rank, second.confidence, second.asked_by) == (1, None, None, None)


def test_an_image_is_taken_while_the_lease_of_another_lasts(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (leased,) = ask(database, pool, ada, 1).images

    assert read_one(database, pool, ben, leased.image_id).taken_until == leased.expires_at
    assert read_one(database, pool, ben, leased.image_id, seconds=LEASE_SECONDS).taken_until is None


def test_an_event_tells_how_its_image_was_asked(database: Database, pool: Pool, ada: Annotator) -> None:
    (leased,) = ask(database, pool, ada, 1).images
    (other,) = image_ids(database, pool, [9])

    (asked,) = answer(database, pool, ada, [leased.image_id])
    (unasked,) = answer(database, pool, ada, [other])

    assert [event.asked_by for event in (asked, unasked)] == ["strategy", None]
    assert change(database, pool, ada, asked.id).asked_by == "strategy"


def test_an_image_of_another_pool_or_split_is_none_to_act_on(database: Database, pool: Pool, ada: Annotator) -> None:
    with pytest.raises(ImageNotFound, match="The pool patterns has no image 61 to label"):
        read_one(database, pool, ada, 61)  # the first validation image


# Each case refuses the last act; the first image is ada's, labeled; ben holds the second, and the third is free.
def label(image: int, value: int, key: str | None = None) -> Callable[..., object]:
    return lambda db, pool, ada, ids: give(db, pool, ada, GivenLabel(ids[image], value, key))


def skip_(image: int, key: str | None = None) -> Callable[..., object]:
    return lambda db, pool, ada, ids: skip(db, pool, ada, ids[image], key=key)


def flag_(image: int, key: str | None = None) -> Callable[..., object]:
    return lambda db, pool, ada, ids: flag(db, pool, ada, ids[image], key=key)


def change_(event_id: int, value: int = 1, key: str | None = None) -> Callable[..., object]:
    return lambda db, pool, ada, _: change(db, pool, ada, event_id, value, key=key)


def undo_(event_id: int | None, key: str | None = None) -> Callable[..., object]:
    return lambda db, pool, ada, _: undo(db, pool, ada, event_id, key=key)


REFUSED: dict[str, tuple[set[str], list[list[Callable[..., object]]]]] = {
    "AlreadyLabeled": ({"labels"}, [[label(0, 5)], [skip_(0)]]),
    "LeasedByAnother": ({"image_ids"}, [[label(1, 5)], [skip_(1)]]),
    "ImageNotFound": ({"image_ids"}, [[label(3, 5)], [skip_(3)], [flag_(3)]]),
    "ValueNotAClass": ({"image_id", "value", "classes"}, [[label(2, 10)], [change_(1, 10)]]),
    "KeyReused": (
        {"key", "event_id", "image_id", "value"},
        [
            [flag_(0, "key"), label(2, 5, "key")],
            [flag_(0, "key"), skip_(2, "key")],
            [skip_(2, "key"), flag_(0, "key")],
            [flag_(0, "key"), change_(1, 5, "key")],
            [flag_(0, "key"), undo_(1, "key")],
        ],
    ),
    "NothingToUndo": ({"event_id"}, [[undo_(1), undo_(1)], [undo_(1), change_(1)], [undo_(1), undo_(None)]]),
    "NotFound": ({"event_id"}, [[undo_(99)], [change_(99)]]),
}


@pytest.mark.parametrize(
    ("code", "acts"),
    [(code, acts) for code, (_, cases) in REFUSED.items() for acts in cases],
    ids=lambda each: str(each)[:20],
)
def test_a_refusal_has_the_same_context_whichever_act_it_refuses(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, code: str, acts: list[Callable[..., Any]]
) -> None:
    ids = [*image_ids(database, pool, [10, 0, 11]), 10**6]
    answer(database, pool, ada, ids[:1])
    ask(database, pool, ben, 1)
    *done, refused = acts
    for act in done:
        act(database, pool, ada, ids)

    with pytest.raises(AppError) as caught:
        refused(database, pool, ada, ids)

    assert type(caught.value).__name__ == code
    assert caught.value.context.keys() == REFUSED[code][0]


def test_a_label_of_a_model_keeps_nobody_from_an_image(database: Database, pool: Pool, ada: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [0])
    (event,) = label_by_model(database, pool, [image_id])

    asked = read_one(database, pool, ada, image_id)

    assert (asked.event_id, asked.is_answered, asked.taken_until) == (event.id, False, None)
