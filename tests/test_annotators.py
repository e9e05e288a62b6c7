"""Who works in a pool, how fast, and how often they agree: against a count by hand."""

import pytest
from sqlalchemy import select

from app import annotators
from app.annotators import AnnotatorWork
from app.db import Database
from app.models import Annotator, Image, LabelEvent, Lease, Pool, RankedImage

from .factories.acts import answer, ask, ask_and_answer, change, flag, ids_of, skip, undo
from .factories.making import LEASE_SECONDS, NOW, add_annotator, add_pool, add_round, after, make_trainer
from .factories.stored import image_ids, standing
from .factories.watching import count_queries


def work_in(database: Database, pool: Pool, *, seconds: float = 0) -> dict[str, AnnotatorWork]:
    with database.read() as session:
        return {one.name: one for one in annotators.list_work(session, pool, with_truth=True, now=after(seconds))}


def count_by_hand(database: Database, pool: Pool, name: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Agreement with the model and with the truth, counted label by label."""
    model, truth = [], []
    labels = standing(database)
    with database.read() as session:
        whose = session.scalar(select(Annotator.id).where(Annotator.name == name))
        for event in session.scalars(select(LabelEvent).where(LabelEvent.pool_id == pool.id)):
            is_standing = session.scalar(
                select(LabelEvent.id)
                .where(LabelEvent.image_id == event.image_id, LabelEvent.kind.in_(("label", "change")))
                .order_by(LabelEvent.id.desc())
                .limit(1)
            )
            if event.image_id not in labels or is_standing != event.id or event.annotator_id != whose:
                continue
            ranked = session.get(RankedImage, (event.round_id, event.rank)) if event.rank is not None else None
            if ranked is not None and ranked.prediction is not None:
                model.append(ranked.prediction == event.value)
            known = session.get_one(Image, event.image_id).truth
            if known is not None:
                truth.append(known == event.value)
    return (sum(model), len(model)), (sum(truth), len(truth))


def free_image(database: Database, pool: Pool) -> int:
    """The last image that nobody labeled or holds."""
    with database.read() as session:
        taken = {*standing(database), *session.scalars(select(Lease.image_id))}
    return [image_id for image_id in image_ids(database, pool) if image_id not in taken][-1]


@pytest.mark.tensorflow
def test_agreement_is_what_counting_by_hand_gives(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    trainer = make_trainer(database)
    ask_and_answer(database, pool, ada)
    for turn in range(3):
        assert trainer.run_one()
        who, other = (ada, ben) if turn % 2 else (ben, ada)
        ids = ids_of(ask(database, pool, who, 8).images)
        answer(database, pool, who, ids[:6])
        events = answer(database, pool, who, ids[6:], value=turn)
        change(database, pool, who, events[0].id, 5)
        answer(database, pool, other, [free_image(database, pool)], value=4)  # never asked
        answer(database, pool, other, [free_image(database, pool)], value=4)
        undo(database, pool, other)
        ask_and_answer(database, pool, other, 3)

    found = work_in(database, pool)

    for name in ("ada", "ben"):
        by_hand = count_by_hand(database, pool, name)
        assert (found[name].model_agreement, found[name].truth_agreement) == by_hand
        (like_model, with_model), (like_truth, with_truth) = by_hand
        assert 0 < like_model < with_model <= with_truth == found[name].labels
        assert like_truth < with_truth
    assert any(one.model_agreement[1] < one.truth_agreement[1] for one in found.values())


def test_images_without_a_known_truth_or_a_prediction_are_not_compared(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ids = image_ids(database, pool, [0, 1])
    with database.write() as session:
        session.get_one(Image, ids[0]).truth = None
    answer(database, pool, ada, ids, value=3)

    found = work_in(database, pool)["ada"]

    assert found.model_agreement == (0, 0)  # round 0 knows no prediction
    assert found.truth_agreement[1] == 1


def test_the_prediction_is_the_one_of_the_round_that_asked(database: Database, pool: Pool, ada: Annotator) -> None:
    ids = image_ids(database, pool, [5])
    add_round(database, pool, ids, prediction=4)
    ask(database, pool, ada, 1)
    add_round(database, pool, ids, prediction=7)
    answer(database, pool, ada, ids, value=4)

    assert work_in(database, pool)["ada"].model_agreement == (1, 1)


def test_an_answer_that_an_admin_changed_counts_as_the_admins(database: Database, pool: Pool, ada: Annotator) -> None:
    boss = add_annotator(database, "boss", role="admin")
    (event, _) = ask_and_answer(database, pool, ada, 2)
    change(database, pool, boss, event.id)

    found = work_in(database, pool)

    assert {name: one.labels for name, one in found.items()} == {"ada": 1, "boss": 1}


def test_skips_flags_and_what_is_held_are_counted(database: Database, pool: Pool, ada: Annotator) -> None:
    ids = image_ids(database, pool)
    skip(database, pool, ada, ids[20])
    for image_id in ids[:2]:
        flag(database, pool, ada, image_id, now=after(5))
    ask(database, pool, ada, 4)

    found = work_in(database, pool, seconds=5)["ada"]

    assert (found.labels, found.skips, found.flags, found.held, found.last_event_at) == (0, 1, 2, 4, after(5))
    assert work_in(database, pool, seconds=LEASE_SECONDS)["ada"].held == 0


def test_a_skip_that_was_taken_back_is_none(database: Database, pool: Pool, ada: Annotator) -> None:
    skip(database, pool, ada, image_ids(database, pool)[20])
    undo(database, pool, ada)

    assert work_in(database, pool)["ada"].skips == 0


def test_the_pace_is_the_median_without_pauses_of_the_last_hour(database: Database, pool: Pool, ada: Annotator) -> None:
    ids = image_ids(database, pool)
    for index, seconds in enumerate([0, 5000, 5002, 5005, 5009, 5300, 5301]):
        answer(database, pool, ada, ids[index : index + 1], now=after(seconds))

    found = work_in(database, pool, seconds=5400)["ada"]

    assert found.labels_last_hour == 6
    assert found.seconds_per_label == 2.5  # 2, 3, 4, 1; the pause of 291 s is none of them
    assert (found.last_event_at, found.labels) == (after(5301), 7)


def test_a_single_answer_has_no_pace(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 3)  # at the same moment

    found = work_in(database, pool)["ada"]

    assert (found.seconds_per_label, found.labels_last_hour) == (None, 3)


def test_the_busiest_come_first_and_pools_are_kept_apart(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    other = add_pool(database, slug="other")
    ask_and_answer(database, pool, ben, 3)
    ask_and_answer(database, pool, ada, 2)
    ask_and_answer(database, other, ada, 5)
    add_annotator(database, "idle")

    assert [(one.name, one.labels) for one in work_in(database, pool).values()] == [("ben", 3), ("ada", 2)]
    assert [(one.name, one.labels) for one in work_in(database, other).values()] == [("ada", 5)]


def test_one_annotator_alone_may_be_asked_for(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ask_and_answer(database, pool, ben, 3)
    ask_and_answer(database, pool, ada, 2)
    with database.read() as session:
        (found,) = annotators.list_work(session, pool, annotator_id=ada.id, now=NOW)

    assert (found.name, found.labels) == ("ada", 2)
    assert found.truth_agreement == (0, 0)  # not told unless it is asked for


def test_the_number_of_queries_does_not_grow_with_people_or_labels(database: Database, pool: Pool) -> None:
    def count() -> int:
        with database.read() as session, count_queries(database) as statements:
            annotators.list_work(session, pool, now=NOW)
        return len(statements)

    ask_and_answer(database, pool, add_annotator(database), 1)
    before = count()
    for index in range(8):
        ask_and_answer(database, pool, add_annotator(database, f"annotator {index}"), 4)

    assert count() == before
