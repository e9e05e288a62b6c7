"""Ask, answer, skip, flag, change, undo; the oracle's answers. One transaction each, committed before the response."""

import datetime as dt
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from app import labeling, leases, revising, rounds
from app.events import LabelEventView
from app.labeling import GivenLabel
from app.models import ORACLE, Annotator, Pool
from app.web.api.schemas import (
    ActIn,
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
from app.web.edge.auth import InAdmin, InCredentials, identify_annotator
from app.web.edge.deps import InServices, Now, Services, Slug, get_training
from app.web.edge.gate import Credentials
from app.web.edge.pace import ACTS, LABELS, Allowance
from app.web.edge.problems import responses

logger = logging.getLogger(__name__)

T = TypeVar("T")

router = APIRouter(prefix="/pools/{slug}", tags=["labeling"])


@router.post("/leases", responses=responses(403, 404, 409))
def lease_images(slug: Slug, body: LeaseIn, services: InServices, credentials: InCredentials, now: Now) -> LeaseOut:
    """The next images for an annotator; waits up to a second for a round that is due.

    An annotator holds at most three batches (30 images at least). Answering makes room.
    """
    _wait_for_due_round(services, slug, now)
    seconds = services.settings.lease_seconds
    act = partial(labeling.ask, count=body.count, now=now, lease_seconds=seconds)
    return LeaseOut.of(_act(services, slug, credentials, body, now, act))


@router.post("/leases/renew", responses=responses(403, 404, 409))
def renew_leases(slug: Slug, body: RenewIn, services: InServices, credentials: InCredentials, now: Now) -> RenewOut:
    """Renew the annotator's leases; the page does so while it is open.

    A lease given more than six lease times ago is not renewed: once it has expired, the image is for the first
    annotator who asks.
    """
    act = partial(leases.renew, now=now, seconds=services.settings.lease_seconds)
    return RenewOut(renewed=_act(services, slug, credentials, body, now, act))


@router.post("/leases/release", responses=responses(403, 404, 409))
def release_leases(
    slug: Slug, body: ReleaseIn, services: InServices, credentials: InCredentials, now: Now
) -> ReleaseOut:
    """Release the images that the annotator holds, or some of them. Others can get them at once."""
    act = partial(leases.release, image_ids=body.image_ids)
    return ReleaseOut(released=_act(services, slug, credentials, body, now, act))


@router.post("/labels", status_code=201, response_model=LabelsOut, responses=responses(403, 404, 409, 429))
def label_images(slug: Slug, body: LabelsIn, services: InServices, credentials: InCredentials, now: Now) -> Response:
    """Label 1 to 1,000 images, all or none. A key that is sent again returns its event and stores nothing."""
    given = [GivenLabel(label.image_id, label.value, label.key) for label in body.labels]
    act = partial(labeling.answer, given=given, now=now)
    answered = _act(services, slug, credentials, body, now, act, LABELS, len(given))
    services.metrics.replayed.inc(answered.n_replayed)
    _log(slug, answered.events)
    # As JSON already: FastAPI would validate our own response again, in another thread.
    return Response(LabelsOut.of(answered).model_dump_json(), 201, media_type="application/json")


@router.post("/skips", status_code=201, responses=responses(403, 404, 409, 429))
def skip_image(slug: Slug, body: SkipIn, services: InServices, credentials: InCredentials, now: Now) -> EventOut:
    """ "Can't tell": the image goes on to others and does not come to this annotator again."""
    act = partial(revising.skip, image_id=body.image_id, key=body.key, now=now)
    return _logged(slug, _act(services, slug, credentials, body, now, act, ACTS))


@router.post("/flags", status_code=201, responses=responses(403, 404, 409, 429))
def flag_image(slug: Slug, body: FlagIn, services: InServices, credentials: InCredentials, now: Now) -> EventOut:
    """A short remark about an image, for the admins; its label and lease stay as they are."""
    act = partial(revising.flag, image_id=body.image_id, remark=body.remark, key=body.key, now=now)
    return _logged(slug, _act(services, slug, credentials, body, now, act, ACTS))


@router.post("/changes", status_code=201, responses=responses(403, 404, 409, 429))
def change_label(slug: Slug, body: ChangeIn, services: InServices, credentials: InCredentials, now: Now) -> EventOut:
    """Give a current answer another value. An admin may change the answers of all annotators."""
    act = partial(revising.change, event_id=body.event_id, value=body.value, key=body.key, now=now)
    return _logged(slug, _act(services, slug, credentials, body, now, act, ACTS))


@router.post("/undo", responses=responses(403, 404, 409, 429))
def undo_label(slug: Slug, body: UndoIn, services: InServices, credentials: InCredentials, now: Now) -> UndoOut:
    """Undo an answer, a change or a skip. If the image is unlabeled then, the annotator holds it again.

    With an `event_id` an admin undoes the act of any annotator; the image is then for the first who asks.
    """
    seconds = services.settings.lease_seconds
    act = partial(revising.undo, event_id=body.event_id, key=body.key, now=now, lease_seconds=seconds)
    undone = _act(services, slug, credentials, body, now, act, ACTS)
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
    _wait_for_due_round(services, slug, now)
    with services.database.write() as session:
        pool = services.pools.get(session, slug)
        oracle = labeling.ensure_annotator(session, ORACLE, role="oracle", now=now)
        seconds = services.settings.lease_seconds
        answered = labeling.answer_by_truth(session, pool, oracle, body.count, now=now, lease_seconds=seconds)
    _log(slug, answered.events)
    return LabelsOut.of(answered)


def _act(
    services: Services,
    slug: str,
    credentials: Credentials,
    body: ActIn,
    now: dt.datetime,
    act: Callable[[Session, Pool, Annotator], T],
    allowance: Allowance | None = None,
    n: int = 1,
) -> T:
    """Do `act` in the transaction that identifies the annotator; it spends `n` acts of their allowance."""

    def work(session: Session) -> T:
        annotator = identify_annotator(session, services, credentials, body.annotator, now=now)
        if allowance is not None:
            services.pace.spend(annotator, allowance, n, now=now)
        return act(session, services.pools.get(session, slug), annotator)

    return services.database.write_together(work)


def _log(slug: str, events: list[LabelEventView]) -> None:
    """One line for each event, after its commit."""
    for event in events:
        name, value = event.annotator, "" if event.value is None else f" as {event.value}"
        extra = {"pool": slug, "event_id": event.id, "image_id": event.image_id, "annotator": name, "kind": event.kind}
        logger.info("%s: %s: %s of image %d%s", slug, name, event.kind, event.image_id, value, extra=extra)


def _logged(slug: str, event: LabelEventView) -> EventOut:
    _log(slug, [event])
    return EventOut.model_validate(event)


def _wait_for_due_round(services: Services, slug: str, now: dt.datetime) -> None:
    """Wait a moment for the trainer, outside any transaction. If it is not ready, the older ranking serves."""
    with services.database.read() as session:
        pool = services.pools.get(session, slug)
        newest = rounds.get_newest(session, pool)
        is_due = rounds.is_due(session, pool, newest)
        is_awaited = is_due and get_training(services, session, pool, now, newest).status == "running"
    if is_awaited:
        seconds = services.settings.round_wait_seconds
        services.live.wait_for_round(pool.id, after=newest.number, seconds=seconds)
