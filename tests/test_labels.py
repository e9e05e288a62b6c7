"""Events are appended, and what stands is their fold."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import events
from app.db import Database
from app.events import LabelEventView
from app.labels import append_answers
from app.models import Annotator, Label, LabelEvent, Pool, Round

from .factories import NOW, answer, image_ids


def answers_of(
    database: Database, pool: Pool, annotator: Annotator, positions: list[int], *, key: str | None = None
) -> list[LabelEventView]:
    with database.read() as session:
        round_id = session.scalars(select(Round.id).where(Round.pool_id == pool.id)).one()
    return [
        LabelEventView(
            pool_id=pool.id,
            kind="label",
            image_id=image_id,
            position=position,
            sha256="0" * 64,
            value=position % 10,
            source="human",
            annotator_id=annotator.id,
            annotator=annotator.name,
            asked_by="strategy",
            round_id=round_id,
            round=0,
            rank=position,
            confidence=0.25,
            key=None if key is None else f"{key} {position}",
            created_at=NOW,
        )
        for image_id, position in zip(image_ids(database, pool, positions), positions, strict=True)
    ]


def standing(database: Database) -> dict[int, tuple[int, int, str]]:
    with database.read() as session:
        return {row.image_id: (row.event_id, row.value, row.source) for row in session.scalars(select(Label))}


def test_events_and_standing_labels_are_written_in_the_order_given(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    answers = answers_of(database, pool, ada, [5, 2, 9])
    with database.write() as session:
        ids = [event.id for event in append_answers(session, answers, [])]
    with database.read() as session:
        found = events.read_by_id(session, ids)

    assert [event.image_id for event in found] == image_ids(database, pool, [5, 2, 9])
    assert [(event.kind, event.value, event.rank, event.confidence) for event in found] == [
        ("label", 5, 5, 0.25),
        ("label", 2, 2, 0.25),
        ("label", 9, 9, 0.25),
    ]
    assert {event.created_at for event in found} == {NOW}
    assert standing(database) == {e.image_id: (e.id, e.value, "human") for e in found}


def test_the_ids_belong_to_the_answers_however_many(database: Database, pool: Pool, ada: Annotator) -> None:
    positions = list(range(60))[::-1]
    answers = answers_of(database, pool, ada, positions)
    with database.write() as session:
        ids = [event.id for event in append_answers(session, answers, [])]
    with database.read() as session:
        assert [event.image_id for event in events.read_by_id(session, ids)] == image_ids(database, pool, positions)


def test_the_oracles_labels_are_known_as_such(database: Database, pool: Pool, oracle: Annotator) -> None:
    (event,) = answer(database, pool, oracle, image_ids(database, pool, [0]))

    assert event.source == "oracle"
    assert {source for _, _, source in standing(database).values()} == {"oracle"}


def test_a_second_label_for_an_image_writes_nothing(database: Database, pool: Pool, ada: Annotator) -> None:
    answer(database, pool, ada, image_ids(database, pool, [3]))
    before = standing(database)

    with pytest.raises(IntegrityError), database.write() as session:
        append_answers(session, answers_of(database, pool, ada, [1, 2, 3]), [])

    assert standing(database) == before
    with database.read() as session:
        assert len(session.scalars(select(LabelEvent)).all()) == 1


def test_keys_find_the_events_they_made_and_only_the_annotators_own(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    with database.write() as session:
        append_answers(session, answers_of(database, pool, ada, [1, 2], key="key"), [])
    with database.read() as session:
        found = events.read_by_key(session, ada, ["key 2", "key 1", "another"])
        others = events.read_by_key(session, ben, ["key 1"])
        none = events.read_by_key(session, ada, [])

    assert {key: event.value for key, event in found.items()} == {"key 1": 1, "key 2": 2}
    assert others == none == {}
