"""What skip, flag, change and undo have in common: each is a new event, each once; and flags, which change nothing."""

import numpy as np
import pytest
from sqlalchemy import select

from app.changes import Change
from app.db import Database
from app.errors import ImageNotFound, KeyReused, NotFound, NothingToUndo
from app.labeling import GivenLabel
from app.live import Live
from app.models import Annotator, Image, Pool
from app.pools import read_arrays

from .factories.acts import answer, ask, ask_and_answer, change, flag, give, skip, undo
from .factories.making import add_pool
from .factories.stored import count_events, fold_of, held_by, image_ids, read_history, standing, training_set

# Flags


def test_a_flag_is_an_event_that_changes_neither_label_nor_lease(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (leased,) = ask(database, pool, ada, 1).images
    labeled, free = image_ids(database, pool, [8, 9])
    answer(database, pool, ben, [labeled], value=4)

    flags = [flag(database, pool, ben, image_id, "smudged") for image_id in (leased.image_id, labeled, free)]

    assert [(event.kind, event.remark, event.value) for event in flags] == [("flag", "smudged", None)] * 3
    assert standing(database) == {labeled: 4}
    assert held_by(database, ada) == {leased.image_id}
    assert training_set(database, pool).positions.tolist() == [8]


def test_an_image_may_be_flagged_again_and_a_retry_is_the_same_event(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    first = flag(database, pool, ada, image_id, key="key")

    assert flag(database, pool, ada, image_id, key="key").id == first.id
    assert flag(database, pool, ada, image_id).id != first.id
    with pytest.raises(KeyReused):
        flag(database, pool, ada, image_id, "another remark", key="key")


def test_a_flag_cannot_be_undone(database: Database, pool: Pool, ada: Annotator) -> None:
    event = flag(database, pool, ada, image_ids(database, pool)[0])

    with pytest.raises(NotFound):
        undo(database, pool, ada, event.id)
    with pytest.raises(NothingToUndo):
        undo(database, pool, ada)


# Images and keys


@pytest.mark.parametrize("which", ["unknown", "validation", "other pool"])
@pytest.mark.parametrize("act", [skip, flag])
def test_an_image_that_is_not_to_label_is_not_found(
    database: Database, pool: Pool, ada: Annotator, which: str, act: type
) -> None:
    other = add_pool(database, slug="other")
    with database.read() as session:
        validation = session.scalars(select(Image.id).where(Image.split == "validation").limit(1)).one()
    image_id = {"unknown": 10**6, "validation": validation, "other pool": image_ids(database, other)[0]}[which]

    with pytest.raises(ImageNotFound, match=f"The pool patterns has no image {image_id} to label"):
        act(database, pool, ada, image_id)
    assert count_events(database) == 0


def test_a_key_belongs_to_one_kind_of_act(database: Database, pool: Pool, ada: Annotator) -> None:
    ids = image_ids(database, pool)
    (event,) = answer(database, pool, ada, ids[:1], value=1)
    skip(database, pool, ada, ids[1], key="skip")
    flag(database, pool, ada, ids[2], key="flag")
    change(database, pool, ada, event.id, 2, key="change")
    before = count_events(database)

    for key in ("skip", "flag", "change"):
        with pytest.raises(KeyReused):
            undo(database, pool, ada, key=key)
        if key != "skip":
            with pytest.raises(KeyReused):
                skip(database, pool, ada, ids[3], key=key)
        if key != "flag":
            with pytest.raises(KeyReused):
                flag(database, pool, ada, ids[2], key=key)
    assert count_events(database) == before


@pytest.mark.parametrize("act", ["skip", "change"])
def test_the_key_of_another_act_is_none_of_an_answer(database: Database, pool: Pool, ada: Annotator, act: str) -> None:
    (image_id,) = image_ids(database, pool, [0])
    if act == "skip":
        skip(database, pool, ada, image_id, key="key")
        undo(database, pool, ada)
    else:
        (event,) = answer(database, pool, ada, [image_id], value=1)
        change(database, pool, ada, event.id, 2, key="key")
        undo(database, pool, ada)
        undo(database, pool, ada)

    with pytest.raises(KeyReused):
        give(database, pool, ada, GivenLabel(image_id, 2, "key"))


# What the others see


def test_every_act_that_changes_what_stands_is_announced(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = image_ids(database, pool, [0, 1])
    (event,) = answer(database, pool, ada, [first])
    heard: list[Change] = []
    Live(database).listen(heard.append)

    change(database, pool, ada, event.id)
    skip(database, pool, ada, second)
    undo(database, pool, ada)

    assert heard == [Change("labels", pool.id)] * 3


def test_the_training_set_is_what_the_fold_of_the_events_leaves(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    first, second, third, _ = ask_and_answer(database, pool, ada, 4)
    ask_and_answer(database, pool, ben, 2)
    undo(database, pool, ada, second.id)
    change(database, pool, ada, third.id, 1)
    change(database, pool, ada, first.id, 2)
    undo(database, pool, ada)
    with database.read() as session:
        folded = fold_of(read_history(session)).labels
        ids = read_arrays(session, pool).image_ids

    used = training_set(database, pool)

    assert dict(zip(ids[used.positions].tolist(), used.values.tolist(), strict=True)) == {
        image_id: event.value for image_id, event in folded.items()
    }
    assert np.all(np.diff(used.positions) > 0)
