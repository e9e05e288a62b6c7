"""What is known of an image when an annotator acts on it, and which acts are refused. For `labeling` and `revising`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from app import events, rounds
from app.errors import AlreadyLabeled, ImageNotFound, KeyReused, LeasedByAnother, ValueNotAClass
from app.events import LabelEventView
from app.models import Annotator, Answer, AskedBy, EventKind, Image, Label, Lease, Pool, Round, Source
from app.rounds import NewestRound


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedImage:
    """An image and its relation to one annotator.

    `round_id` to `asked_by` are as they were when the image was asked. If the annotator does not hold it, they are
    those of the newest round, and `asked_by` is None. `event_id` is that of the image's label.
    """

    pool_id: int
    image_id: int
    position: int
    sha256: str
    is_held: bool
    is_answered: bool  # by the annotator, or by as many others as the pool wants
    taken_until: dt.datetime | None  # if leases of others and answers are as many as the pool wants
    n_answers: int
    event_id: int | None
    own_event_id: int | None
    round_id: int
    round: int
    rank: int | None
    confidence: float | None
    asked_by: AskedBy | None

    @property
    def is_unlabeled(self) -> bool:
        """Whether no annotator has answered it, so that an answer is a new label for the next round."""
        return self.n_answers == 0


_mine, _other = aliased(Lease), aliased(Lease)
_OTHERS = (
    _other.image_id == Image.id,
    _other.annotator_id != bindparam("by"),
    _other.expires_at > bindparam("now", type_=Lease.expires_at.type),
)
_ANSWERS = Answer.image_id == Image.id
_OWN = select(Answer.event_id).where(_ANSWERS, Answer.annotator_id == bindparam("by"))
_ASKED = (
    select(
        Image.id.label("image_id"),
        Image.position,
        Image.sha256,
        Label.event_id,
        select(func.count()).where(_ANSWERS).scalar_subquery().label("n_answers"),
        select(Answer.event_id)
        .where(_ANSWERS, Answer.annotator_id == bindparam("by"))
        .scalar_subquery()
        .label("own_id"),
        select(func.count()).where(*_OTHERS).scalar_subquery().label("n_others"),
        select(func.min(_other.expires_at)).where(*_OTHERS).scalar_subquery().label("others_until"),
        _mine.round_id,
        Round.number.label("round"),
        _mine.rank,
        _mine.confidence,
        _mine.asked_by,
    )
    .outerjoin(Label, Label.image_id == Image.id)
    .outerjoin(_mine, and_(_mine.image_id == Image.id, _mine.annotator_id == bindparam("by")))
    .outerjoin(Round, Round.id == _mine.round_id)
    .where(
        Image.id.in_(bindparam("image_ids", expanding=True)),
        Image.pool_id == bindparam("pool_id"),
        Image.split == "pool",
    )
)


def read_asked(
    session: Session,
    pool: Pool,
    annotator: Annotator,
    newest: NewestRound,
    image_ids: Sequence[int],
    *,
    now: dt.datetime,
) -> dict[int, AskedImage]:
    """The images by id, each with what is known of it.

    Raises:
        ImageNotFound: the pool has no such image to label.
    """
    if not image_ids:
        return {}
    given = {"image_ids": image_ids, "pool_id": pool.id, "by": annotator.id, "now": now}
    rows = {row.image_id: row for row in session.connection().execute(_ASKED, given)}
    missing = [image_id for image_id in image_ids if image_id not in rows]
    if missing:
        raise ImageNotFound(f"The pool {pool.slug} has no image {missing[0]} to label.", image_ids=missing)
    ranks = rounds.read_ranks(session, newest, [image_id for image_id, row in rows.items() if row.round_id is None])
    found = {}
    for image_id, row in rows.items():
        is_held = row.round_id is not None
        rank, confidence = (row.rank, row.confidence) if is_held else ranks.get(image_id, (None, None))
        is_taken = not is_held and row.n_others > 0 and row.n_answers + row.n_others >= pool.answers_wanted
        found[image_id] = AskedImage(
            pool_id=pool.id,
            image_id=image_id,
            position=row.position,
            sha256=row.sha256,
            is_held=is_held,
            is_answered=row.own_id is not None or row.n_answers >= pool.answers_wanted,
            taken_until=row.others_until if is_taken else None,
            n_answers=row.n_answers,
            event_id=row.event_id,
            own_event_id=row.own_id,
            round_id=row.round_id if is_held else newest.id,
            round=row.round if is_held else newest.number,
            rank=rank,
            confidence=confidence,
            asked_by=row.asked_by,
        )
    return found


def make_event(
    asked: AskedImage | LabelEventView,
    annotator: Annotator,
    kind: EventKind,
    *,
    value: int | None = None,
    undoes_id: int | None = None,
    remark: str | None = None,
    key: str | None,
    now: dt.datetime,
) -> LabelEventView:
    """The event to append for an act of the annotator on an image, or on the answer of an event."""
    return LabelEventView(
        pool_id=asked.pool_id,
        kind=kind,
        image_id=asked.image_id,
        position=asked.position,
        sha256=asked.sha256,
        value=value,
        source=source_of(annotator),
        annotator_id=annotator.id,
        annotator=annotator.name,
        asked_by=asked.asked_by,
        round_id=asked.round_id,
        round=asked.round,
        rank=asked.rank,
        confidence=asked.confidence,
        undoes_id=undoes_id,
        remark=remark,
        key=key,
        created_at=now,
    )


def source_of(annotator: Annotator) -> Source:
    """The source of the annotator's labels: the oracle's are never mistaken for a person's."""
    return "oracle" if annotator.role == "oracle" else "human"


def check_free(session: Session, images: Sequence[AskedImage], annotator: Annotator) -> None:
    """Refuse images that are answered, or leased to another annotator.

    Raises:
        AlreadyLabeled, LeasedByAnother
    """
    answered = [image.event_id for image in images if image.is_answered and image.event_id is not None]
    if answered:
        raise _already_labeled(events.read_by_id(session, answered), annotator)
    taken = {image.image_id: image.taken_until for image in images if image.taken_until is not None}
    for image_id, until in taken.items():
        raise LeasedByAnother(
            f"Image {image_id} is leased to another annotator until {until:%H:%M:%S} UTC. Ask for others.",
            image_ids=list(taken),
        )


def check_value(pool: Pool, image_id: int, value: int) -> None:
    """
    Raises:
        ValueNotAClass: the pool has no class of this index.
    """
    if not 0 <= value < len(pool.classes):
        raise ValueNotAClass(
            f"The value {value} for image {image_id} is not a class of {pool.slug}. Give 0 to {len(pool.classes) - 1}.",
            image_id=image_id,
            value=value,
            classes=pool.classes,
        )


def check_replay(event: LabelEventView, pool: Pool, kind: EventKind, expected: Mapping[str, object]) -> None:
    """Check that a request whose key is known is the one that stored the event: same pool, kind and fields.

    Raises:
        KeyReused: it is another request.
    """
    if (event.pool_id, event.kind) == (pool.id, kind) and all(getattr(event, k) == v for k, v in expected.items()):
        return
    value = "" if event.value is None else f" {event.value}"
    raise KeyReused(
        f"The key {event.key} belongs to another request: the {event.kind}{value} of image {event.image_id}. "
        "Send a new one.",
        key=event.key,
        event_id=event.id,
        image_id=event.image_id,
        value=event.value,
    )


def _already_labeled(standing: Sequence[LabelEventView], annotator: Annotator) -> AlreadyLabeled:
    """The error with the current labels. With accounts, an annotator does not learn the answers of others."""
    may_see_all = annotator.role == "admin" or annotator.password_hash is None
    seen = [may_see_all or event.annotator_id == annotator.id for event in standing]
    first = standing[0]
    told = f"the label {first.value} by {first.annotator}" if seen[0] else "a label by another annotator"
    return AlreadyLabeled(
        f"Image {first.image_id} has {told} already. {'Undo that first, or leave it' if seen[0] else 'Leave it'}.",
        labels=[
            {
                "event_id": event.id,
                "image_id": event.image_id,
                "value": event.value,
                "source": event.source,
                "annotator": event.annotator,
                "created_at": event.created_at.isoformat(),
            }
            if is_seen
            else {"image_id": event.image_id}
            for event, is_seen in zip(standing, seen, strict=True)
        ],
    )
