"""Events are appended, and what stands is their fold."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.labels import Answer, append_labels, events_by_key, read_events
from app.models import Annotator, Label, LabelEvent, Pool, Round

from .factories import NOW, answer, image_ids


def answers_of(database: Database, pool: Pool, positions: list[int], **values: int | str | None) -> list[Answer]:
    with database.read() as session:
        round_id = session.scalars(select(Round.id).where(Round.pool_id == pool.id)).one()
    return [
        Answer(
            image_id,
            value=position % 10,
            key=None if "key" not in values else f"{values['key']} {position}",
            round_id=round_id,
            rank=position,
            confidence=0.25,
        )
        for image_id, position in zip(image_ids(database, pool, positions), positions, strict=True)
    ]


def standing(database: Database) -> dict[int, tuple[int, int, str]]:
    with database.read() as session:
        return {row.image_id: (row.event_id, row.value, row.source) for row in session.scalars(select(Label))}


def test_events_and_standing_labels_are_written_in_the_order_given(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    answers = answers_of(database, pool, [5, 2, 9])
    with database.write() as session:
        ids = append_labels(session, pool, ada, answers, now=NOW)
    with database.read() as session:
        events = read_events(session, ids)

    assert [event.image_id for event in events] == image_ids(database, pool, [5, 2, 9])
    assert [(event.kind, event.value, event.rank, event.confidence) for event in events] == [
        ("label", 5, 5, 0.25),
        ("label", 2, 2, 0.25),
        ("label", 9, 9, 0.25),
    ]
    assert {event.created_at for event in events} == {NOW}
    assert standing(database) == {e.image_id: (e.id, e.value, "human") for e in events}


def test_the_ids_belong_to_the_answers_however_many(database: Database, pool: Pool, ada: Annotator) -> None:
    positions = list(range(60))[::-1]
    answers = answers_of(database, pool, positions)
    with database.write() as session:
        ids = append_labels(session, pool, ada, answers, now=NOW)
    with database.read() as session:
        assert [event.image_id for event in read_events(session, ids)] == image_ids(database, pool, positions)


def test_the_oracles_labels_are_known_as_such(database: Database, pool: Pool, oracle: Annotator) -> None:
    (event,) = answer(database, pool, oracle, image_ids(database, pool, [0]))

    assert event.source == "oracle"
    assert {source for _, _, source in standing(database).values()} == {"oracle"}


def test_a_second_label_for_an_image_writes_nothing(database: Database, pool: Pool, ada: Annotator) -> None:
    answer(database, pool, ada, image_ids(database, pool, [3]))
    before = standing(database)

    with pytest.raises(IntegrityError), database.write() as session:
        append_labels(session, pool, ada, answers_of(database, pool, [1, 2, 3]), now=NOW)

    assert standing(database) == before
    with database.read() as session:
        assert len(session.scalars(select(LabelEvent)).all()) == 1


def test_keys_find_the_events_they_made_and_only_the_annotators_own(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    with database.write() as session:
        append_labels(session, pool, ada, answers_of(database, pool, [1, 2], key="key"), now=NOW)
    with database.read() as session:
        found = events_by_key(session, ada, ["key 2", "key 1", "another"])
        others = events_by_key(session, ben, ["key 1"])
        none = events_by_key(session, ada, [])

    assert {key: event.value for key, event in found.items()} == {"key 1": 1, "key 2": 2}
    assert others == none == {}
