"""The schema carries the guarantees: what a CHECK or a key forbids cannot be stored, whoever writes."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.models import (
    AccessToken,
    Annotator,
    Answer,
    Autolabel,
    Base,
    Image,
    Label,
    LabelEvent,
    Lease,
    OracleRun,
    Pool,
    Round,
    ServerSecret,
)

from .factories import NOW, add_pool, after, answer, ask_and_answer, flag, image_ids

TOKEN = {"annotator_id": 1, "name": "script", "sha256": "0" * 64, "created_at": NOW}


def event_of(database: Database, pool: Pool, annotator: Annotator, **values: Any) -> dict[str, Any]:
    with database.read() as session:
        round_id = session.scalar(select(Round.id).where(Round.pool_id == pool.id))
    event: dict[str, Any] = {
        "pool_id": pool.id,
        "image_id": image_ids(database, pool)[0],
        "annotator_id": annotator.id,
        "autolabel_id": None,
        "asked_by": "strategy",
        "kind": "label",
        "value": 3,
        "source": "human",
        "undoes_id": None,
        "round_id": round_id,
        "rank": 0,
        "confidence": None,
        "key": None,
        "created_at": NOW,
    }
    return event | values


def pool_of(**values: Any) -> dict[str, Any]:
    pool: dict[str, Any] = {
        "slug": "other",
        "name": "Other",
        "dataset": "patterns",
        "dataset_description": "",
        "dataset_sha256": "0" * 64,
        "classes": ["0", "1"],
        "n_images": 1,
        "height": 4,
        "width": 4,
        "channels": 1,
        "learner": "softmax",
        "strategy": "random",
        "answers_wanted": 1,
        "batch_size": 10,
        "queue_size": 10,
        "created_at": NOW,
    }
    return pool | values


def image_of(pool: Pool, **values: Any) -> dict[str, Any]:
    image = {"pool_id": pool.id, "split": "pool", "position": 99, "truth": 1, "sha256": "0" * 64, "name": None}
    return image | {"pixels": b"\0" * 16} | values


def autolabel_of(pool: Pool, **values: Any) -> dict[str, Any]:
    autolabel: dict[str, Any] = {
        "pool_id": pool.id,
        "round_id": 1,
        "status": "auditing",
        "n_images": 20,
        "image_ids": b"",
        "target": 0.02,
        "confidence_level": 0.95,
        "n_audited": 10,
        "n_wrong": 1,
        "bound": 0.1,
        "created_at": NOW,
        "ended_at": None,
    }
    return autolabel | values


def round_of(pool: Pool, **values: Any) -> dict[str, Any]:
    round_: dict[str, Any] = {
        "pool_id": pool.id,
        "number": 1,
        "last_event_id": 0,
        "n_labels": 0,
        "steps": 0,
        "validation_correct": 0,
        "validation_total": 20,
        "test_correct": 0,
        "test_total": 0,
        "fit_ms": 0.0,
        "rank_ms": 0.0,
        "state": b"",
        "created_at": NOW,
    }
    return round_ | values


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"value": None}, "a_label_has_a_value"),
        ({"kind": "skip"}, "a_label_has_a_value"),
        ({"kind": "undo", "value": None}, "an_undo_names_its_event"),
        ({"kind": "change"}, "an_undo_names_its_event"),
        ({"kind": "change", "value": None, "undoes_id": 1}, "a_label_has_a_value"),
        ({"kind": "label", "undoes_id": 1}, "an_undo_names_its_event"),
        ({"kind": "flag", "value": None}, "a_flag_has_a_remark"),
        ({"kind": "skip", "value": None, "remark": "smudged"}, "a_flag_has_a_remark"),
        ({"kind": "guess", "value": None}, "kind_is_known"),
        ({"source": "parrot"}, "source_is_known"),
        ({"asked_by": "parrot"}, "asked_by_is_known"),
        ({"source": "model", "autolabel_id": 1}, "a_model_is_no_annotator"),
        ({"annotator_id": None}, "a_model_is_no_annotator"),
        ({"source": "model", "annotator_id": None}, "a_model_names_its_autolabel"),
        ({"autolabel_id": 1}, "a_model_names_its_autolabel"),
    ],
)
def test_a_label_event_keeps_to_the_rules(
    database: Database, pool: Pool, ada: Annotator, values: dict[str, Any], rule: str
) -> None:
    event = event_of(database, pool, ada, **values)

    with pytest.raises(IntegrityError, match=f"ck_label_event_{rule}"), database.write() as session:
        session.execute(insert(LabelEvent), event)


def test_an_annotators_key_is_used_once(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    with database.write() as session:
        session.execute(insert(LabelEvent), event_of(database, pool, ada, key="one"))
        session.execute(insert(LabelEvent), event_of(database, pool, ben, key="one"))

    with pytest.raises(IntegrityError, match=r"label_event\.annotator_id"), database.write() as session:
        session.execute(insert(LabelEvent), event_of(database, pool, ada, key="one"))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("change", {"value": 4}),
        ("skip", {"undoes_id": None}),
        ("flag", {"undoes_id": None, "remark": "two digits"}),
        ("undo", {}),
    ],
)
def test_every_kind_of_event_can_be_stored(
    database: Database, pool: Pool, ada: Annotator, kind: str, values: dict[str, Any]
) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]))
    given = {"kind": kind, "value": None, "undoes_id": event.id} | values
    with database.write() as session:
        session.execute(insert(LabelEvent), event_of(database, pool, ada, **given))
    with database.read() as session:
        assert [row.kind for row in session.scalars(select(LabelEvent).order_by(LabelEvent.id))] == ["label", kind]


def test_an_image_has_one_label(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = ask_and_answer(database, pool, ada, 2)
    again = {"image_id": first.image_id, "pool_id": pool.id, "event_id": second.id, "value": 1, "source": "human"}

    with pytest.raises(IntegrityError, match=r"label\.image_id"), database.write() as session:
        session.execute(insert(Label), again)


def test_an_annotator_holds_and_answers_an_image_once(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (first,) = ask_and_answer(database, pool, ada, 1)
    flagged = flag(database, pool, ada, first.image_id)
    lease = {"image_id": first.image_id, "pool_id": pool.id, "round_id": first.round_id, "expires_at": NOW}
    answered = {"image_id": first.image_id, "pool_id": pool.id, "event_id": flagged.id, "value": 1}
    with database.write() as session:
        session.execute(insert(Lease), [lease | {"annotator_id": who.id, "asked_by": "chance"} for who in (ada, ben)])

    with pytest.raises(IntegrityError, match=r"lease\.image_id, lease\.annotator_id"), database.write() as session:
        session.execute(insert(Lease), lease | {"annotator_id": ben.id, "asked_by": "strategy"})
    with pytest.raises(IntegrityError, match=r"answer\.image_id, answer\.annotator_id"), database.write() as session:
        session.execute(insert(Answer), answered | {"annotator_id": ada.id})


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"n_images": -1}, "has_images"),
        ({"height": 0}, "has_images"),
        ({"width": -1}, "has_images"),
        ({"batch_size": 0}, "batch_size_is_positive"),
        ({"answers_wanted": 0}, "answers_are_wanted"),
        ({"channels": 2}, "channels_are_grey_or_colour"),
        ({"learner": "parrot"}, "learner_is_known"),
        ({"strategy": "guess"}, "strategy_is_known"),
    ],
)
def test_a_pool_keeps_to_the_rules(database: Database, values: dict[str, Any], rule: str) -> None:
    with pytest.raises(IntegrityError, match=f"ck_pool_{rule}"), database.write() as session:
        session.execute(insert(Pool), pool_of(**values))


def test_a_position_of_a_split_is_taken_once(database: Database, pool: Pool) -> None:
    with pytest.raises(IntegrityError, match=r"image\.pool_id"), database.write() as session:
        session.execute(insert(Image), image_of(pool, position=0))


def test_a_file_is_in_a_pool_once_and_a_data_set_may_hold_an_image_twice(database: Database, pool: Pool) -> None:
    other = add_pool(database, slug="other")
    with database.write() as session:
        session.execute(insert(Image), [image_of(pool, position=100 + n) for n in range(2)])
        session.execute(insert(Image), [image_of(each, position=102, name="one.png") for each in (pool, other)])

    with pytest.raises(IntegrityError, match=r"image\.pool_id, image\.sha256"), database.write() as session:
        session.execute(insert(Image), image_of(pool, position=103, name="two.png"))


def test_the_hash_of_an_image_is_a_whole_one(database: Database, pool: Pool) -> None:
    with pytest.raises(IntegrityError, match="ck_image_sha256_is_hexadecimal"), database.write() as session:
        session.execute(insert(Image), image_of(pool, sha256="0" * 8))


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"validation_correct": 21}, "validation_is_a_share"),
        ({"validation_correct": -1}, "validation_is_a_share"),
        ({"test_correct": 1}, "test_is_a_share"),
        ({"validation_correct": None}, "validation_is_counted"),
        ({"validation_total": 0}, "validation_is_counted"),
    ],
)
def test_a_round_counts_no_more_right_answers_than_images(
    database: Database, pool: Pool, values: dict[str, Any], rule: str
) -> None:
    with pytest.raises(IntegrityError, match=f"ck_round_{rule}"), database.write() as session:
        session.execute(insert(Round), round_of(pool, **values))


def test_a_round_number_is_given_once_a_pool(database: Database, pool: Pool) -> None:
    other = add_pool(database, slug="other")
    with database.write() as session:
        session.execute(insert(Round), [round_of(pool), round_of(other)])

    with pytest.raises(IntegrityError, match=r"round\.pool_id"), database.write() as session:
        session.execute(insert(Round), round_of(pool))


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"status": "lost"}, "status_is_known"),
        ({"n_images": 0, "n_audited": 0, "n_wrong": 0}, "has_images"),
        ({"n_audited": 21}, "the_audit_is_of_its_images"),
        ({"n_wrong": 11}, "wrong_is_a_share"),
        ({"target": 0}, "target_is_a_share"),
        ({"confidence_level": 1}, "confidence_level_is_a_share"),
        ({"bound": 1.1}, "bound_is_a_share"),
        ({"ended_at": NOW}, "an_audit_ends"),
        ({"status": "accepted"}, "an_audit_ends"),
    ],
)
def test_a_set_that_a_model_labels_keeps_to_the_rules(
    database: Database, pool: Pool, values: dict[str, Any], rule: str
) -> None:
    with pytest.raises(IntegrityError, match=f"ck_autolabel_{rule}"), database.write() as session:
        session.execute(insert(Autolabel), autolabel_of(pool, **values))


def test_a_pool_has_one_audit_at_a_time(database: Database, pool: Pool) -> None:
    with database.write() as session:
        session.execute(insert(Autolabel), autolabel_of(pool, status="rejected", ended_at=NOW))
        session.execute(insert(Autolabel), autolabel_of(pool))

    with pytest.raises(IntegrityError, match=r"autolabel\.pool_id"), database.write() as session:
        session.execute(insert(Autolabel), autolabel_of(pool))


@pytest.mark.parametrize(
    ("table", "values", "rule"),
    [
        (Annotator, {"name": "eve", "role": "boss", "created_at": NOW}, "ck_annotator_role_is_known"),
        (AccessToken, TOKEN | {"kind": "magic"}, "ck_access_token_kind_is_known"),
        (ServerSecret, {"id": 2, "value": "0" * 64}, "ck_server_secret_there_is_one"),
        (
            OracleRun,
            {"status": "lost", "parameters": {}, "progress": {}, "created_at": NOW},
            "ck_oracle_run_status_is_known",
        ),
    ],
)
def test_roles_kinds_and_statuses_are_the_known_ones(
    database: Database, table: type[Base], values: dict[str, Any], rule: str
) -> None:
    with pytest.raises(IntegrityError, match=rule), database.write() as session:
        session.execute(insert(table), values)


def test_times_are_kept_as_utc_wherever_they_come_from(database: Database) -> None:
    vienna = dt.timezone(dt.timedelta(hours=2))
    with database.write() as session:
        session.add(Annotator(name="ada", role="annotator", created_at=after(0).astimezone(vienna)))
    with database.read() as session:
        stored = session.scalars(select(Annotator)).one().created_at

    assert stored == NOW
    assert stored.tzinfo == dt.UTC
