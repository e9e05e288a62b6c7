"""Models to take away: the queue, who may begin with one, and who hears of a stop."""

import pytest

from app import trained_models
from app.db import Database
from app.errors import ModelFinished, NotFound, NothingToLearn, TooManyModels
from app.limits import QUEUED_MODELS
from app.models import Annotator, Pool, TrainedModel
from app.trained_models import ClaimedModel

from .factories.acts import ask_and_answer, label_by_model
from .factories.making import NOW, add_pool, after
from .factories.stored import image_ids
from .factories.trained import add_model, get_model_row
from .factories.watching import race


def request(database: Database, pool: Pool, *, seed: int = 0) -> int:
    with database.write() as session:
        return trained_models.request_model(session, pool, seed=seed, now=NOW).id


def claim_next(database: Database, pool: Pool, *, seconds: float = 0) -> ClaimedModel | None:
    with database.write() as session:
        return trained_models.claim_next(session, pool, now=after(seconds))


def stop(database: Database, pool: Pool, model_id: int) -> TrainedModel:
    with database.write() as session:
        return trained_models.stop_model(session, pool, model_id, now=after(5))


def store(database: Database, claimed: ClaimedModel, **values: object) -> bool:
    with database.write() as session:
        return trained_models.update_claimed(session, claimed, **values)


def find_waiting(database: Database, *, seconds: float = 0) -> str | None:
    with database.read() as session:
        pool = trained_models.find_waiting(session, now=after(seconds))
    return pool.slug if pool else None


@pytest.fixture
def labeled(database: Database, pool: Pool, ada: Annotator) -> Pool:
    """The pool with ten answers."""
    ask_and_answer(database, pool, ada, 10)
    return pool


def test_a_model_waits_with_what_was_asked_for(database: Database, labeled: Pool) -> None:
    row = get_model_row(database, request(database, labeled, seed=7))

    assert (row.status, row.seed, row.created_at, row.started_at, row.share) == ("queued", 7, NOW, None, 0.0)
    assert find_waiting(database) == labeled.slug


def test_without_a_label_by_a_person_there_is_nothing_to_learn(database: Database, pool: Pool) -> None:
    label_by_model(database, pool, image_ids(database, pool, [0, 1]))

    with pytest.raises(NothingToLearn, match="Nobody has labeled"):
        request(database, pool)
    assert find_waiting(database) is None


def test_the_queue_has_an_end_and_moves_on(database: Database, labeled: Pool) -> None:
    ids = [request(database, labeled) for _ in range(QUEUED_MODELS)]

    with pytest.raises(TooManyModels, match=f"{QUEUED_MODELS} models wait already"):
        request(database, labeled)
    stop(database, labeled, ids[0])

    assert request(database, labeled) == ids[-1] + 1


def test_the_first_of_the_queue_is_begun_first(database: Database, labeled: Pool) -> None:
    first, second = request(database, labeled), request(database, labeled)
    begun = [claim_next(database, labeled) for _ in range(3)]

    assert [each.id if each else None for each in begun] == [first, second, None]
    assert get_model_row(database, first).status == "running"


def test_a_model_is_begun_by_one_of_many(database: Database, labeled: Pool) -> None:
    request(database, labeled)

    begun = race(8, lambda _: claim_next(database, labeled))

    assert len([each for each in begun if each is not None]) == 1


def test_one_whose_training_went_silent_begins_again_once_and_then_has_failed(
    database: Database, labeled: Pool
) -> None:
    model_id = request(database, labeled)
    first = claim_next(database, labeled)
    assert first is not None
    assert find_waiting(database, seconds=50) is None
    assert find_waiting(database, seconds=61) == labeled.slug

    second = claim_next(database, labeled, seconds=61)
    assert second is not None
    assert second.id == model_id
    assert not store(database, first, share=0.5)
    assert store(database, second, share=0.25, heartbeat_at=after(70))
    assert claim_next(database, labeled, seconds=100) is None

    assert claim_next(database, labeled, seconds=200) is None
    row = get_model_row(database, model_id)
    assert (row.status, row.finished_at) == ("failed", after(200))
    assert "interrupted twice" in (row.error or "")


def test_one_that_began_again_and_was_stopped_says_nothing_of_the_interruption(
    database: Database, labeled: Pool
) -> None:
    model_id = request(database, labeled)
    claim_next(database, labeled)
    claim_next(database, labeled, seconds=61)
    assert get_model_row(database, model_id).error == trained_models.INTERRUPTED

    assert stop(database, labeled, model_id).error is None


def test_a_stop_is_heard_by_the_training(database: Database, labeled: Pool) -> None:
    waiting, running = request(database, labeled), request(database, labeled)
    with database.write() as session:
        claimed = trained_models.claim(session, labeled, running, now=NOW)
    assert claimed is not None
    assert store(database, claimed, share=0.5)

    assert stop(database, labeled, running).status == "stopped"
    assert stop(database, labeled, waiting).status == "stopped"

    assert not store(database, claimed, share=0.6)
    assert get_model_row(database, running).share == 0.5
    assert claim_next(database, labeled) is None
    with pytest.raises(ModelFinished, match="stopped already"):
        stop(database, labeled, running)


def test_only_what_is_done_can_be_taken_away(database: Database, pool: Pool) -> None:
    failed, done, other = (
        add_model(database, pool, status="failed", error="no memory"),
        add_model(database, pool),
        add_model(database, pool, status="queued"),
    )
    with database.read() as session:
        assert trained_models.get_newest_done(session, pool).id == done
        assert trained_models.read_content(session, trained_models.get_model(session, pool, done)) == b"a network"
        for model_id in (failed, other):
            with pytest.raises(NotFound, match="there is no file"):
                trained_models.read_content(session, trained_models.get_model(session, pool, model_id))


def test_a_model_belongs_to_its_pool(database: Database, pool: Pool) -> None:
    other = add_pool(database, slug="other")
    model_id = add_model(database, pool)
    with database.read() as session:
        with pytest.raises(NotFound, match="Patterns has no model"):
            trained_models.get_model(session, other, model_id)
        with pytest.raises(NotFound):
            trained_models.get_newest_done(session, other)
        assert trained_models.list_models(session, other) == ([], None)


def test_models_are_listed_in_pages_newest_first(database: Database, pool: Pool) -> None:
    ids = [add_model(database, pool) for _ in range(5)]
    with database.read() as session:
        first, cursor = trained_models.list_models(session, pool, limit=3)
        second, end = trained_models.list_models(session, pool, before=cursor, limit=3)

    assert [model.id for model in (*first, *second)] == ids[::-1]
    assert end is None
