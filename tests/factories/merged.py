"""Classes that are merged, each act in a transaction of its own."""

from app import merging
from app.db import Database
from app.events import LabelEventView
from app.merges import read_merges
from app.models import Annotator, ClassMerge, Pool

from .making import NOW
from .stored import fold_of, history


def claim_merge(database: Database, pool: Pool, annotator: Annotator, from_class: int, into_class: int) -> ClassMerge:
    """Merge, without letting the labels follow."""
    with database.write() as session:
        return merging.merge_classes(session, pool, from_class, into_class, annotator, now=NOW)


def merge(database: Database, pool: Pool, annotator: Annotator, from_class: int, into_class: int) -> ClassMerge:
    """Merge, and let all labels follow."""
    row = claim_merge(database, pool, annotator, from_class, into_class)
    assert merging.follow(database, pool, pause=0, now=NOW)
    return row


def claim_taking_back(database: Database, pool: Pool, annotator: Annotator, merge_id: int) -> ClassMerge:
    """Take a merge back, without letting the labels follow."""
    with database.write() as session:
        return merging.take_merge_back(session, pool, merge_id, annotator, now=NOW)


def take_merge_back(database: Database, pool: Pool, annotator: Annotator, merge_id: int) -> ClassMerge:
    """Take a merge back, and let all labels follow."""
    row = claim_taking_back(database, pool, annotator, merge_id)
    assert merging.follow(database, pool, pause=0, now=NOW)
    return row


def given_by_people(database: Database) -> dict[tuple[int, int], LabelEventView]:
    """By image and annotator: what a person gave last, under all that merges have changed."""
    events = history(database)
    by_id = {event.id: event for event in events}
    given = {}
    for image_id, answers in fold_of(events).answers.items():
        for whose, event in answers.items():
            below = event
            while below.merge_id is not None:
                assert below.undoes_id is not None
                below = by_id[below.undoes_id]
            given[image_id, whose] = below
    return given


def check_settled(database: Database, pool: Pool) -> None:
    """Each answer has the class that a person gave it, read through the merges that stand."""
    with database.read() as session:
        merges = read_merges(session, pool)
        assert merges.is_settled
    answers = fold_of(history(database)).answers
    for (image_id, whose), given in given_by_people(database).items():
        assert given.value is not None
        assert answers[image_id][whose].value == merges.resolve(given.value)
