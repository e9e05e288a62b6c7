"""Ask, answer, skip, flag, change, undo; the oracle's answers. One transaction each, committed before the response."""

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app import labeling, leases, revising, rounds
from app.labeling import GivenLabel
from app.labels import Recorded
from app.models import ORACLE, Annotator, Pool
from app.pools import get_pool
from app.web.auth import InAdmin, InCaller, get_annotator
from app.web.deps import InServices, Now, Services, Slug
from app.web.gate import Caller
from app.web.problems import responses
from app.web.schemas import (
    Acting,
    ChangeIn,
    EventOut,
    FlagIn,
    LabelsIn,
    LabelsOut,
    LeasedImageOut,
    LeaseIn,
    LeaseOut,
    OracleLabelsIn,
    ReleaseIn,
    ReleaseOut,
    RenewIn,
    RenewOut,
    SkipIn,
    UndoIn,
    UndoOut,
)

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/pools/{slug}", tags=["labeling"])


@router.post("/leases", responses=responses(403, 404, 409))
def lease_images(slug: Slug, body: LeaseIn, services: InServices, caller: InCaller, now: Now) -> LeaseOut:
    """The next images for an annotator; waits up to a second for a round that is due."""
    _wait_for_due_round(services, slug)
    with _acting(services, slug, caller, body, now) as (session, pool, annotator):
        seconds = services.settings.lease_seconds
        asked = labeling.ask(session, pool, annotator, body.count, now=now, lease_seconds=seconds)
    return LeaseOut.of(asked)


@router.post("/leases/renew", responses=responses(403, 404, 409))
def renew_leases(slug: Slug, body: RenewIn, services: InServices, caller: InCaller, now: Now) -> RenewOut:
    """Hold for longer what the annotator holds; the page does so while it is open."""
    with _acting(services, slug, caller, body, now) as (session, pool, annotator):
        seconds = services.settings.lease_seconds
        return RenewOut(renewed=leases.renew(session, pool, annotator, now=now, seconds=seconds))


@router.post("/leases/release", responses=responses(403, 404, 409))
def release_leases(slug: Slug, body: ReleaseIn, services: InServices, caller: InCaller, now: Now) -> ReleaseOut:
    """Give back what the annotator holds, or some of it, for others to get at once."""
    with _acting(services, slug, caller, body, now) as (session, pool, annotator):
        return ReleaseOut(released=leases.release(session, pool, annotator, body.image_ids))


@router.post("/labels", status_code=201, responses=responses(403, 404, 409))
def label_images(slug: Slug, body: LabelsIn, services: InServices, caller: InCaller, now: Now) -> LabelsOut:
    """Label 1 to 1,000 images, all or none. The same key again gives the same answer, nothing twice."""
    given = [GivenLabel(label.image_id, label.value, label.key) for label in body.labels]
    with _acting(services, slug, caller, body, now) as (session, pool, annotator):
        answered = labeling.answer(session, pool, annotator, given, now=now)
    services.metrics.replayed.inc(answered.n_replayed)
    _log(slug, answered.events)
    return LabelsOut.of(answered)


@router.post("/skips", status_code=201, responses=responses(403, 404, 409))
def skip_image(slug: Slug, body: SkipIn, services: InServices, caller: InCaller, now: Now) -> EventOut:
    """ "Can't tell": the image goes on to others and does not come to this annotator again."""
    with _acting(services, slug, caller, body, now) as (session, pool, annotator):
        event = revising.skip(session, pool, annotator, body.image_id, key=body.key, now=now)
    return _logged(slug, event)


@router.post("/flags", status_code=201, responses=responses(403, 404, 409))
def flag_image(slug: Slug, body: FlagIn, services: InServices, caller: InCaller, now: Now) -> EventOut:
    """A short remark about an image, for the admins; its label and lease stay as they are."""
    with _acting(services, slug, caller, body, now) as (session, pool, annotator):
        event = revising.flag(session, pool, annotator, body.image_id, body.remark, key=body.key, now=now)
    return _logged(slug, event)


@router.post("/changes", status_code=201, responses=responses(403, 404, 409))
def change_label(slug: Slug, body: ChangeIn, services: InServices, caller: InCaller, now: Now) -> EventOut:
    """Another value for an answer that stands: one's own, or anybody's for an admin."""
    with _acting(services, slug, caller, body, now) as (session, pool, annotator):
        event = revising.change(session, pool, annotator, body.event_id, body.value, key=body.key, now=now)
    return _logged(slug, event)


@router.post("/undo", responses=responses(403, 404, 409))
def undo_label(slug: Slug, body: UndoIn, services: InServices, caller: InCaller, now: Now) -> UndoOut:
    """Take back an answer, a change or a skip. An image without a label is the annotator's to answer again."""
    with _acting(services, slug, caller, body, now) as (session, pool, annotator):
        seconds = services.settings.lease_seconds
        undone = revising.undo(session, pool, annotator, body.event_id, key=body.key, now=now, lease_seconds=seconds)
    image = LeasedImageOut.of(undone.image) if undone.image else None
    return UndoOut(event=_logged(slug, undone.event), image=image)


@router.post("/oracle-labels", status_code=201, responses=responses(403, 404, 409))
def label_by_oracle(
    slug: Slug,
    body: OracleLabelsIn,
    services: InServices,
    admin: InAdmin,  # noqa: ARG001 (being admin is all)
    now: Now,
) -> LabelsOut:
    """The oracle answers the next images from the known truth, through the same code as a person."""
    _wait_for_due_round(services, slug)
    with services.database.write() as session:
        pool = get_pool(session, slug)
        oracle = labeling.get_annotator(session, ORACLE, role="oracle", now=now)
        seconds = services.settings.lease_seconds
        answered = labeling.answer_by_truth(session, pool, oracle, body.count, now=now, lease_seconds=seconds)
    _log(slug, answered.events)
    return LabelsOut.of(answered)


@contextmanager
def _acting(
    services: Services, slug: str, caller: Caller, body: Acting, now: dt.datetime
) -> Iterator[tuple[Session, Pool, Annotator]]:
    """One transaction of somebody in a pool."""
    with services.database.write() as session:
        pool = get_pool(session, slug)
        yield session, pool, get_annotator(session, caller, body.annotator, now=now)


def _log(slug: str, events: list[Recorded]) -> None:
    """One line for each event, after its commit."""
    for event in events:
        name, value = event.annotator, "" if event.value is None else f" as {event.value}"
        extra = {"pool": slug, "event_id": event.id, "image_id": event.image_id, "annotator": name, "kind": event.kind}
        logger.info("%s: %s: %s of image %d%s", slug, name, event.kind, event.image_id, value, extra=extra)


def _logged(slug: str, event: Recorded) -> EventOut:
    _log(slug, [event])
    return EventOut.of(event)


def _wait_for_due_round(services: Services, slug: str) -> None:
    """Give the trainer its moment, outside any transaction; without it the older ranking serves."""
    with services.database.read() as session:
        pool = get_pool(session, slug)
        newest = rounds.get_newest(session, pool)
        is_due = rounds.is_due(session, pool, newest)
    if is_due and services.trainer.training(pool.id).status != "failed":
        seconds = services.settings.round_wait_seconds
        services.live.wait_for_round(pool.id, after=newest.number, seconds=seconds)
