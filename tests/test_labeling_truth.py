"""The oracle answers the head of the ranking by the truth, and does not guess."""

import pytest
from sqlalchemy import text

from app import labeling
from app.db import Database
from app.errors import TruthUnknown
from app.events import LabelEventView
from app.models import Annotator, Pool

from .factories.acts import ask
from .factories.making import LEASE_SECONDS, NOW, add_pool, add_round
from .factories.stored import held_by, image_ids, standing, truth_of


def answer_by_truth(database: Database, pool: Pool, oracle: Annotator, count: int = 10) -> list[LabelEventView]:
    with database.write() as session:
        answered = labeling.answer_by_truth(session, pool, oracle, count, now=NOW, lease_seconds=LEASE_SECONDS)
        return answered.events


def test_the_oracle_answers_the_head_of_the_ranking_truly(database: Database, pool: Pool, oracle: Annotator) -> None:
    ids = image_ids(database, pool, [30, 4, 17])
    newest = add_round(database, pool, ids)

    events = answer_by_truth(database, pool, oracle, 3)

    assert [event.image_id for event in events] == ids
    assert [event.value for event in events] == truth_of(database, ids)
    assert {(event.source, event.annotator, event.round) for event in events} == {("oracle", "oracle", newest.number)}
    assert held_by(database, oracle) == set()


def test_the_oracle_leaves_alone_what_people_hold(
    database: Database, pool: Pool, ada: Annotator, oracle: Annotator
) -> None:
    ask(database, pool, ada, 5)

    assert [event.position for event in answer_by_truth(database, pool, oracle, 2)] == [5, 6]


def test_the_oracle_does_not_guess(database: Database, pool: Pool, oracle: Annotator) -> None:
    (unknown,) = image_ids(database, pool, [4])
    with database.write() as session:
        session.execute(text("UPDATE image SET truth = NULL WHERE id = :id"), {"id": unknown})

    with pytest.raises(TruthUnknown, match="The true class of 1 of 10 images is unknown") as caught:
        answer_by_truth(database, pool, oracle)

    assert caught.value.context == {"image_ids": [unknown]}
    assert standing(database) == {}
    assert held_by(database, oracle) == set()


def test_the_oracle_of_a_finished_pool_answers_nothing(database: Database, oracle: Annotator) -> None:
    pool = add_pool(database, n_images=5)
    answer_by_truth(database, pool, oracle)

    assert answer_by_truth(database, pool, oracle) == []
