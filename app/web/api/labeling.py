"""Ask, answer, undo, and let the oracle answer. Each is one transaction, committed before the response."""

from fastapi import APIRouter

from app import labeling, rounds
from app.labeling import GivenLabel
from app.pools import get_pool
from app.web.deps import InServices, Now, Services, Slug
from app.web.problems import responses
from app.web.schemas import (
    EventOut,
    LabelsIn,
    LabelsOut,
    LeasedImageOut,
    LeaseIn,
    LeaseOut,
    OracleLabelsIn,
    UndoIn,
    UndoOut,
)

router = APIRouter(prefix="/pools/{slug}", tags=["labeling"])


@router.post("/leases", responses=responses(404, 409))
def lease_images(slug: Slug, body: LeaseIn, services: InServices, now: Now) -> LeaseOut:
    """The next images for an annotator; waits up to a second for a round that is due."""
    _wait_for_due_round(services, slug)
    with services.database.write() as session:
        pool = get_pool(session, slug)
        annotator = labeling.get_annotator(session, body.annotator, now=now)
        seconds = services.settings.lease_seconds
        asked = labeling.ask(session, pool, annotator, body.count, now=now, lease_seconds=seconds)
    return LeaseOut.of(asked)


@router.post("/labels", status_code=201, responses=responses(404, 409))
def label_images(slug: Slug, body: LabelsIn, services: InServices, now: Now) -> LabelsOut:
    """Label 1 to 1,000 images, all or none. The same key again gives the same answer, nothing twice."""
    given = [GivenLabel(label.image_id, label.value, label.key) for label in body.labels]
    with services.database.write() as session:
        pool = get_pool(session, slug)
        annotator = labeling.get_annotator(session, body.annotator, now=now)
        answered = labeling.answer(session, pool, annotator, given, now=now)
    return LabelsOut.of(answered)


@router.post("/undo", responses=responses(404, 409))
def undo_label(slug: Slug, body: UndoIn, services: InServices, now: Now) -> UndoOut:
    """Take back an answer: the image is unlabeled again, and the annotator's to answer again."""
    with services.database.write() as session:
        pool = get_pool(session, slug)
        annotator = labeling.get_annotator(session, body.annotator, now=now)
        seconds = services.settings.lease_seconds
        event, image = labeling.undo(
            session, pool, annotator, body.event_id, key=body.key, now=now, lease_seconds=seconds
        )
    return UndoOut(event=EventOut.of(event), image=LeasedImageOut.of(image))


@router.post("/oracle-labels", status_code=201, responses=responses(404, 409))
def label_by_oracle(slug: Slug, body: OracleLabelsIn, services: InServices, now: Now) -> LabelsOut:
    """The oracle answers the next images from the known truth, through the same code as a person."""
    _wait_for_due_round(services, slug)
    with services.database.write() as session:
        pool = get_pool(session, slug)
        oracle = labeling.get_annotator(session, labeling.ORACLE, role="oracle", now=now)
        seconds = services.settings.lease_seconds
        answered = labeling.answer_by_truth(session, pool, oracle, body.count, now=now, lease_seconds=seconds)
    return LabelsOut.of(answered)


def _wait_for_due_round(services: Services, slug: str) -> None:
    """Give the trainer its moment, outside any transaction; without it the older ranking serves."""
    with services.database.read() as session:
        pool = get_pool(session, slug)
        newest = rounds.get_newest(session, pool)
        is_due = rounds.is_due(session, pool, newest)
    if is_due and services.trainer.training(pool.id).status != "failed":
        seconds = services.settings.round_wait_seconds
        services.live.wait_for_round(pool.id, after=newest.number, seconds=seconds)
