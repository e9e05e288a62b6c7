"""Ask and answer, each in one transaction of the caller; and the oracle's way of both. See also `revising`."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from app import labels, leases, rounds
from app.changes import Change, note
from app.errors import (
    AlreadyLabeled,
    DuplicateImage,
    DuplicateKey,
    ImageNotFound,
    KeyReused,
    LeasedByAnother,
    NameTaken,
    TruthUnknown,
    ValueNotAClass,
)
from app.labels import Answer, Recorded
from app.leases import LeasedImage, Shortage
from app.models import ORACLE, Annotator, Image, Label, Lease, Pool, Role, Round
from app.names import check_name
from app.rounds import Newest

AskedRow = Row[*tuple[Any, ...]]  # of _STANDING: an image with its label's event and its lease


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """A value that an annotator gives an image; a retry carries the `key` of the first try."""

    image_id: int
    value: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The images of one ask. `is_stale`: a newer round is due and was not ready in time.

    `shortage` says why, where no image could be given.
    """

    round_number: int
    is_stale: bool
    images: list[LeasedImage]
    shortage: Shortage | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The events of one answer, and how many labels the next round still waits for. Replayed ones were known."""

    events: list[Recorded]
    until_round: int
    n_replayed: int


_ANNOTATOR_BY_NAME = select(Annotator).where(Annotator.name == bindparam("name"))


def get_annotator(session: Session, name: str, *, role: Role = "annotator", now: dt.datetime) -> Annotator:
    """The annotator of this name, entered at the first sight of it.

    Raises:
        NameInvalid: there is nobody of this name, and it could be taken for another.
        NameTaken: the name belongs to another role, so the oracle's labels cannot be mistaken for a person's.
    """
    if name == ORACLE and role != "oracle":
        raise NameTaken(f"The name {ORACLE} belongs to the oracle. Choose another.", name=name)
    annotator = session.scalar(_ANNOTATOR_BY_NAME, {"name": name})
    if annotator is None and (stored := check_name(name)) != name:
        return get_annotator(session, stored, role=role, now=now)
    if annotator is None:
        annotator = Annotator(name=name, role=role, created_at=now)
        session.add(annotator)
        session.flush()
    elif (annotator.role == "oracle") != (role == "oracle"):
        raise NameTaken(f"The name {name} belongs to the {annotator.role}. Choose another.", name=name)
    return annotator


def ask(
    session: Session,
    pool: Pool,
    annotator: Annotator,
    count: int | None,
    *,
    now: dt.datetime,
    lease_seconds: int,
) -> Asked:
    """Lease the images that the newest ranking puts first: see `leases.claim`."""
    newest = rounds.find_newest(session, pool)
    images = leases.claim(session, pool, newest, annotator, count, now=now, seconds=lease_seconds)
    shortage = None if images else leases.find_shortage(session, pool, annotator, now=now)
    return Asked(newest.number, newest.until_due(pool) == 0, images, shortage)


def answer(
    session: Session, pool: Pool, annotator: Annotator, given: Sequence[GivenLabel], *, now: dt.datetime
) -> Answered:
    """Label images, all of them or none. What a known key answered before is answered the same again.

    If the annotator has given an image this value before under another key (from a second device), that event is
    returned and nothing is stored.

    Raises:
        ImageNotFound, DuplicateImage, ValueNotAClass, AlreadyLabeled, LeasedByAnother, KeyReused
    """
    known = labels.events_by_key(session, annotator, [label.key for label in given if label.key is not None])
    new = [label for label in given if label.key not in known]
    _check_replayed([label for label in given if label.key in known], known, pool)
    _check_values(pool, new)
    found = _find_images(session, pool, new)
    known |= _find_given_before(session, annotator, new, found)
    new = [label for label in new if label.key not in known]
    newest = rounds.find_newest(session, pool)
    stored = iter(_store(session, pool, annotator, newest, new, found, now) if new else ())
    events = [known[label.key] if label.key in known else next(stored) for label in given]
    until_round = replace(newest, n_new=newest.n_new + len(new)).until_due(pool)
    if new:
        note(session, Change("labels", pool.id))
    if new and until_round == 0:
        note(session, Change("due", pool.id))
    return Answered(events, until_round, n_replayed=len(given) - len(new))


def answer_by_truth(
    session: Session, pool: Pool, oracle: Annotator, count: int, *, now: dt.datetime, lease_seconds: int
) -> Answered:
    """The oracle asks like anybody and answers what is known to be true.

    Raises:
        TruthUnknown: an image that was asked has no known class.
    """
    asked = ask(session, pool, oracle, count, now=now, lease_seconds=lease_seconds)
    image_ids = [image.image_id for image in asked.images]
    truth = {row.id: row.truth for row in session.execute(select(Image.id, Image.truth).where(Image.id.in_(image_ids)))}
    unknown = [image_id for image_id in image_ids if truth[image_id] is None]
    if unknown:
        raise TruthUnknown(
            f"The true class of {len(unknown)} of {len(image_ids)} images is unknown. Let a person label them.",
            image_ids=unknown,
        )
    return answer(session, pool, oracle, [GivenLabel(i, truth[i]) for i in image_ids], now=now)


def _check_replayed(replayed: Sequence[GivenLabel], known: dict[str, Recorded], pool: Pool) -> None:
    for label in replayed:
        event = known[label.key or ""]
        if (event.kind, event.pool_id, event.image_id, event.value) != ("label", pool.id, label.image_id, label.value):
            raise KeyReused(
                f"The key {label.key} belongs to the answer {event.value} for image {event.image_id}. "
                "A new answer needs a new key.",
                key=label.key,
                image_id=event.image_id,
                value=event.value,
            )


def _store(
    session: Session,
    pool: Pool,
    annotator: Annotator,
    newest: Newest,
    given: Sequence[GivenLabel],
    found: Mapping[int, AskedRow],
    now: dt.datetime,
) -> list[Recorded]:
    """Events for answers that nothing stands against, with what was known when their images were asked."""
    rows = [found[label.image_id] for label in given]
    _check_free(session, rows, annotator, now)
    ranked = rounds.read_ranks(session, newest, [row.id for row in rows if row.holder_id != annotator.id])
    answers, asked_in = [], []
    for label in given:
        row = found[label.image_id]
        if row.holder_id == annotator.id:
            when_asked = (row.round_id, row.rank, row.confidence)
            asked_in.append(row.round_number)
        else:  # never asked of this annotator: it counts as asked in the newest round
            when_asked = (newest.id, *ranked.get(label.image_id, (None, None)))
            asked_in.append(newest.number)
        answers.append(Answer(label.image_id, label.value, label.key, *when_asked))
    event_ids = labels.append_labels(session, pool, annotator, answers, now=now)
    leases.end(session, [label.image_id for label in given])
    return [
        Recorded(
            id=event_id,
            pool_id=pool.id,
            kind="label",
            image_id=answer.image_id,
            position=found[answer.image_id].position,
            value=answer.value,
            source=labels.source_of(annotator),
            annotator=annotator.name,
            round=round_number,
            rank=answer.rank,
            confidence=answer.confidence,
            undoes_id=None,
            remark=None,
            key=answer.key,
            created_at=now,
        )
        for event_id, answer, round_number in zip(event_ids, answers, asked_in, strict=True)
    ]


def _check_values(pool: Pool, given: Sequence[GivenLabel]) -> None:
    for label in given:
        if not 0 <= label.value < len(pool.classes):
            raise ValueNotAClass(
                f"The value {label.value} for image {label.image_id} is not a class of {pool.slug}. "
                f"Give 0 to {len(pool.classes) - 1}.",
                image_id=label.image_id,
                value=label.value,
                classes=pool.classes,
            )
    twice = [image_id for image_id, n in Counter(label.image_id for label in given).items() if n > 1]
    twice_keys = [k for k, n in Counter(label.key for label in given if label.key).items() if n > 1]
    if twice:
        raise DuplicateImage(f"The request has image {twice[0]} twice. Send each image once.", image_ids=twice)
    if twice_keys:
        raise DuplicateKey(f"The request has the key {twice_keys[0]} twice. Give each answer its own.", keys=twice_keys)


_STANDING = (
    select(
        Image.id,
        Image.position,
        Label.event_id,
        Lease.annotator_id.label("holder_id"),
        Lease.expires_at,
        Lease.round_id,
        Round.number.label("round_number"),
        Lease.rank,
        Lease.confidence,
    )
    .outerjoin(Label, Label.image_id == Image.id)
    .outerjoin(Lease, Lease.image_id == Image.id)
    .outerjoin(Round, Round.id == Lease.round_id)
    .where(
        Image.id.in_(bindparam("image_ids", expanding=True)),
        Image.pool_id == bindparam("pool_id"),
        Image.split == "pool",
    )
)


def _find_images(session: Session, pool: Pool, given: Sequence[GivenLabel]) -> dict[int, AskedRow]:
    """By image: the event of its label if it has one, and its lease if it is with somebody."""
    if not given:
        return {}
    image_ids = [label.image_id for label in given]
    rows = session.connection().execute(_STANDING, {"image_ids": image_ids, "pool_id": pool.id})
    found = {row.id: row for row in rows}
    missing = [image_id for image_id in image_ids if image_id not in found]
    if missing:
        raise ImageNotFound(f"The pool {pool.slug} has no image {missing[0]} to label.", image_ids=missing)
    return found


def _find_given_before(
    session: Session, annotator: Annotator, given: Sequence[GivenLabel], found: Mapping[int, AskedRow]
) -> dict[str, Recorded]:
    """By key: the standing events of the same annotator with the same value."""
    keyed = [label for label in given if label.key is not None and found[label.image_id].event_id is not None]
    if not keyed:
        return {}
    standing = labels.read_events(session, [found[label.image_id].event_id for label in keyed])
    return {
        label.key: event
        for label, event in zip(keyed, standing, strict=True)
        if label.key is not None and (event.annotator, event.value) == (annotator.name, label.value)
    }


def _check_free(session: Session, rows: Sequence[AskedRow], annotator: Annotator, now: dt.datetime) -> None:
    labeled = [row.event_id for row in rows if row.event_id is not None]
    if labeled:
        raise _already_labeled(labels.read_events(session, labeled), annotator)
    held = [row for row in rows if row.holder_id not in (None, annotator.id) and row.expires_at > now]
    if held:
        raise LeasedByAnother(
            f"Image {held[0].id} is with somebody else until {held[0].expires_at:%H:%M:%S} UTC. Ask for others.",
            image_ids=[row.id for row in held],
        )


def _already_labeled(standing: Sequence[Recorded], annotator: Annotator) -> AlreadyLabeled:
    """The labels that stand, as far as the annotator may see them: with accounts, another's answer is not told."""
    may_see_all = annotator.role == "admin" or annotator.password_hash is None
    seen = [may_see_all or event.annotator == annotator.name for event in standing]
    first = standing[0]
    told = f"the label {first.value} by {first.annotator}" if seen[0] else "a label by somebody else"
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
