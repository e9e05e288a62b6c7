"""Classes are merged by events, and taken apart by events; what people gave stays in the history."""

from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import select

from app import deleting, merging, revoking
from app.db import Database
from app.errors import AppError, ClassMerged, MergeInvalid, NotFound, NothingToUndo
from app.labeling import GivenLabel
from app.models import Annotator, ClassMerge, Pool

from .factories import (
    NOW,
    add_account,
    add_annotator,
    answer,
    change,
    check_settled,
    check_whole,
    claim_merge,
    claim_taking_back,
    fresh_pool,
    give,
    history,
    image_ids,
    merge,
    standing,
    take_merge_back,
    undo,
)
from .factories.watching import count_queries


def read_pool(database: Database) -> Pool:
    with database.read() as session:
        return session.scalars(select(Pool)).one()


def values(database: Database, ids: list[int]) -> list[int | None]:
    """The labels of these images, in their order."""
    found = standing(database)
    return [found.get(image_id) for image_id in ids]


def test_a_merged_class_loses_its_button_and_its_labels_follow_each_by_an_event_of_who_merged(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, boss: Annotator
) -> None:
    ids = image_ids(database, pool)[:3]
    answer(database, pool, ada, ids[:1], value=4)
    answer(database, pool, ben, ids[1:], value=9)
    row = merge(database, pool, boss, 4, 9)
    assert values(database, ids) == [9, 9, 9]
    merged = read_pool(database)
    assert merged.buttons == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert merged.classes[4] == "4"
    changes = [event for event in history(database) if event.kind == "change"]
    assert [(e.image_id, e.annotator, e.value, e.merge_id) for e in changes] == [(ids[0], "boss", 9, row.id)]
    with database.read() as session:
        done = session.get_one(ClassMerge, row.id)
        assert (done.n_wanted, done.n_changed, done.done_at is not None) == (1, 1, True)
    check_settled(database, pool)
    check_whole(database)


def test_a_merge_that_is_taken_back_restores_all_but_what_people_changed_since(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    ids = image_ids(database, pool)[:3]
    answer(database, pool, ada, ids, value=4)
    row = merge(database, pool, boss, 4, 9)
    folded = history(database)[-1]
    change(database, pool, boss, folded.id, 7)
    take_merge_back(database, pool, boss, row.id)
    assert values(database, ids) == [4, 4, 7]
    assert read_pool(database).buttons == [0, 1, 2, 3, 5, 6, 7, 8, 9, 4]
    undo(database, pool, boss, history(database)[-3].id)  # the change to 7: below it lies what the merge had made
    assert values(database, ids) == [4, 4, 4]
    check_whole(database)


def test_the_oracles_labels_stay_the_oracles(
    database: Database, pool: Pool, oracle: Annotator, boss: Annotator
) -> None:
    (image_id,) = image_ids(database, pool)[:1]
    answer(database, pool, oracle, [image_id], value=4)
    merge(database, pool, boss, 4, 9)
    assert [event.source for event in history(database)] == ["oracle", "oracle"]


def test_an_answer_with_a_merged_class_is_kept_as_given_and_counts_for_the_other(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    ids = image_ids(database, pool)[:2]
    row = merge(database, pool, boss, 4, 9)
    sent = [GivenLabel(image_id, 4, f"key {image_id}") for image_id in ids]
    stale = pool  # the page was open before: it still knows the button
    first = give(database, stale, ada, *sent)
    assert [event.value for event in first.events] == [4, 4]
    assert values(database, ids) == [9, 9]
    again = give(database, stale, ada, *sent)  # its connection broke before the answer came
    assert (again.events, again.n_replayed) == (first.events, 2)
    take_merge_back(database, pool, boss, row.id)
    assert values(database, ids) == [4, 4]
    assert give(database, stale, ada, *sent).n_replayed == 2
    check_whole(database)


def test_people_change_and_undo_their_own_answers_that_a_merge_has_changed(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, boss: Annotator
) -> None:
    ids = image_ids(database, pool)[:3]
    first, second, third = answer(database, pool, ada, ids, value=4)
    merge(database, pool, boss, 4, 9)
    folded = history(database)[-1]
    assert change(database, pool, ada, first.id, 7).value == 7
    undo(database, pool, ada, second.id)
    with pytest.raises(NotFound):
        change(database, pool, ben, third.id, 7)
    with pytest.raises(NothingToUndo, match="merge"):
        undo(database, pool, boss, folded.id)
    with pytest.raises(NothingToUndo):  # who merged has answered nothing
        undo(database, pool, boss)
    assert change(database, pool, ada, folded.id, 4).value == 4
    assert values(database, ids) == [7, None, 9]
    check_settled(database, pool)
    check_whole(database)


def test_labels_are_revoked_under_a_merge_and_not_from_who_merged(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    boss = add_account(database, "boss", role="admin")
    ids = image_ids(database, pool)[:4]
    answer(database, pool, ada, ids[:2], value=4)
    answer(database, pool, ben, ids[2:], value=4)
    merge(database, pool, boss, 4, 9)
    with database.read() as session:
        now = session.scalars(select(ClassMerge)).one().created_at
    assert revoking.revoke_labels(database, pool, boss, "boss", now=now) == 0
    assert revoking.revoke_labels(database, pool, boss, "ada", now=now) == 2
    assert values(database, ids) == [None, None, 9, 9]
    check_whole(database)


def test_of_several_answers_the_oldest_decides_before_and_after_a_merge(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, boss: Annotator
) -> None:
    with database.write() as session:
        pool = session.get_one(Pool, pool.id)
        pool.answers_wanted = 2
    (image_id,) = image_ids(database, pool)[:1]
    answer(database, pool, ada, [image_id], value=4)
    answer(database, pool, ben, [image_id], value=7)
    row = merge(database, pool, boss, 4, 9)
    assert values(database, [image_id]) == [9]
    check_whole(database)
    take_merge_back(database, pool, boss, row.id)
    assert values(database, [image_id]) == [4]
    check_whole(database)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_chain_of_merges_is_taken_back_in_any_order(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator, order: tuple[int, int]
) -> None:
    ids = image_ids(database, pool)[:3]
    for image_id, value in zip(ids, (1, 2, 3), strict=True):
        answer(database, pool, ada, [image_id], value=value)
    rows = [merge(database, pool, boss, 1, 2), merge(database, pool, boss, 2, 3)]
    assert values(database, ids) == [3, 3, 3]
    take_merge_back(database, pool, boss, rows[order[0]].id)
    assert values(database, ids) == ([1, 3, 3] if order[0] == 0 else [2, 2, 3])
    check_settled(database, pool)
    take_merge_back(database, pool, boss, rows[order[1]].id)
    assert values(database, ids) == [1, 2, 3]
    check_whole(database)


def test_what_cannot_be_merged_is_refused(database: Database, pool: Pool, boss: Annotator) -> None:
    row = merge(database, pool, boss, 4, 9)
    for from_class, into_class, error in (
        (4, 1, ClassMerged),
        (1, 4, ClassMerged),
        (1, 1, MergeInvalid),
        (1, 10, NotFound),
    ):
        with pytest.raises(error):
            merge(database, pool, boss, from_class, into_class)
    take_merge_back(database, pool, boss, row.id)
    with pytest.raises(ClassMerged, match="already"):
        take_merge_back(database, pool, boss, row.id)
    with pytest.raises(NotFound):
        take_merge_back(database, pool, boss, row.id + 1)  # the row that took it back
    for index in range(8):
        merge(database, pool, boss, index, 9)
    with pytest.raises(MergeInvalid, match="two"):
        merge(database, pool, boss, 8, 9)


def test_of_two_who_merge_two_classes_into_each_other_one_wins(database: Database, pool: Pool, boss: Annotator) -> None:
    barrier, outcomes = Barrier(2), list[str]()

    def contend(from_class: int, into_class: int) -> None:
        barrier.wait()
        try:
            merge(database, pool, boss, from_class, into_class)
            outcomes.append("merged")
        except ClassMerged as error:
            outcomes.append(f"{error.status}")

    threads = [Thread(target=contend, args=pair) for pair in ((4, 9), (9, 4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["409", "merged"]


def test_a_merge_that_is_cut_off_is_finished_by_whoever_looks_next(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "BITE", 2)
    ids = image_ids(database, pool)[:9]
    answer(database, pool, ada, ids, value=4)
    row = claim_merge(database, pool, boss, 4, 9)
    assert not merging.follow(database, pool, seconds=0, pause=0, now=NOW)
    assert values(database, ids).count(9) == 2
    undoing = claim_taking_back(database, pool, boss, row.id)  # before it was finished
    answer(database, pool, ada, image_ids(database, pool)[9:10], value=4)
    assert merging.follow_open(database, now=NOW)
    assert not merging.follow_open(database, now=NOW)
    assert values(database, ids) == [4] * 9
    with database.read() as session:
        counts = [session.get_one(ClassMerge, each).n_changed for each in (row.id, undoing.id)]
    assert counts == [2, 2]
    check_settled(database, pool)
    check_whole(database)


def test_an_answer_pays_for_one_query_once_classes_were_merged(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    def count(image_id: int) -> int:
        with count_queries(database) as statements:
            answer(database, pool, ada, [image_id], value=7)
        return len(statements)

    ids = image_ids(database, pool)
    answer(database, pool, ada, ids[:1], value=4)
    without = count(ids[1])
    row = merge(database, pool, boss, 4, 9)
    assert count(ids[2]) == without + 1
    take_merge_back(database, pool, boss, row.id)
    assert count(ids[3]) == without + 1


def test_what_is_to_be_changed_is_counted_under_later_merges_and_without_them(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    ids = image_ids(database, pool)
    for value, some in ((1, ids[:5]), (2, ids[5:8]), (4, ids[8:20])):
        answer(database, pool, ada, some, value=value)
    rows = [merge(database, pool, boss, *classes) for classes in ((1, 2), (4, 9), (2, 3))]
    undoing = take_merge_back(database, pool, boss, rows[0].id)
    with database.read() as session:
        found = [session.get_one(ClassMerge, row.id) for row in (*rows, undoing)]
    assert [(row.n_wanted, row.n_changed) for row in found] == [(5, 5), (12, 12), (8, 8), (5, 5)]
    check_settled(database, pool)
    check_whole(database)


def test_labels_that_still_follow_one_merge_are_counted_for_the_next(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    answer(database, pool, ada, image_ids(database, pool)[:3], value=1)
    rows = [claim_merge(database, pool, boss, 1, 2), merge(database, pool, boss, 2, 3)]
    with database.read() as session:
        found = [session.get_one(ClassMerge, row.id) for row in rows]
    assert [(row.n_wanted, row.n_changed) for row in found] == [(3, 3), (3, 3)]


def test_a_pool_is_deleted_with_its_merges(database: Database, pool: Pool, ada: Annotator, boss: Annotator) -> None:
    answer(database, pool, ada, image_ids(database, pool)[:3], value=4)
    row = merge(database, pool, boss, 4, 9)
    take_merge_back(database, pool, boss, row.id)
    deleting.delete_pool(database, pool.slug, now=NOW)
    with database.read() as session:
        assert session.scalars(select(ClassMerge)).all() == []
    check_whole(database)


N_IMAGES = 6
a_class, an_event = st.integers(0, 4), st.integers(1, 30)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.integers(0, N_IMAGES - 1), a_class),
        st.tuples(st.just("change"), an_event, a_class),
        st.tuples(st.just("undo"), an_event, st.just(0)),
        st.tuples(st.just("merge"), a_class, a_class),
        st.tuples(st.just("take back"), st.integers(1, 8), st.just(0)),
        st.tuples(st.just("bite"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def test_answers_are_what_people_gave_read_through_the_merges_whatever_is_done_in_which_order(
    migrated_file: Path, steps: list[tuple[str, int, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch, fresh_pool(migrated_file, n_images=N_IMAGES) as (database, pool):
        patch.setattr(merging, "BITE", 2)
        ada, boss = add_annotator(database, "ada"), add_annotator(database, "boss", role="admin")
        ids = image_ids(database, pool)
        for step, first, second in steps:
            with suppress(AppError):
                match step:
                    case "answer":
                        answer(database, pool, ada, [ids[first]], value=second)
                    case "change":
                        change(database, pool, boss if second % 2 else ada, first, second)
                    case "undo":
                        undo(database, pool, boss, first)
                    case "merge":
                        claim_merge(database, pool, boss, first, second)
                    case "take back":
                        claim_taking_back(database, pool, boss, first)
                    case _:
                        merging.follow(database, pool, seconds=0, pause=0, now=NOW)
        merging.follow(database, pool, pause=0, now=NOW)
        check_settled(database, pool)
        check_whole(database)
