"""Ask and answer, each in one transaction of the caller; the oracle does both. See also `revising`."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app import asking, events, labels, leases, milestones, rounds, settling
from app.asking import AskedImage
from app.changes import Change, note
from app.errors import DuplicateImage, DuplicateKey, NameTaken, PoolPaused, TruthUnknown
from app.events import LabelEventView
from app.leases import LeasedImage, Shortage
from app.models import ORACLE, Annotator, Image, Pool, Role
from app.names import check_name


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """A value that an annotator gives an image; a retry carries the `key` of the first try.

    `given_at` says when, if that was before it came here.
    """

    image_id: int
    value: int
    key: str | None = None
    given_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class AskResult:
    """The images of one ask. `is_stale`: a newer round is due and was not ready in time.

    `shortage` says why there are no images, if there are none.
    """

    round_number: int
    is_stale: bool
    images: list[LeasedImage]
    shortage: Shortage | None


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """The events of one request, and how many labels the next round still waits for.

    `n_replayed` of the events were stored by an earlier request.
    """

    events: list[LabelEventView]
    until_round: int
    n_replayed: int


_ANNOTATOR_BY_NAME = select(Annotator).where(Annotator.name == bindparam("name"))


def ensure_annotator(session: Session, name: str, *, role: Role = "annotator", now: dt.datetime) -> Annotator:
    """The annotator of this name, added if there is none yet.

    Raises:
        NameInvalid: there is no annotator of this name yet, and the name is not allowed.
        NameTaken: the name belongs to another role. So the oracle's labels cannot be mistaken for a person's.
    """
    if name == ORACLE and role != "oracle":
        raise NameTaken(f"The name {ORACLE} belongs to the oracle. Choose another.", name=name)
    annotator = session.scalar(_ANNOTATOR_BY_NAME, {"name": name})
    if annotator is None and (stored := check_name(name)) != name:
        return ensure_annotator(session, stored, role=role, now=now)
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
) -> AskResult:
    """Lease the images that the newest ranking puts first: see `leases.claim`.

    Raises:
        PoolPaused
    """
    if pool.paused_at is not None:
        raise PoolPaused(f"{pool.name} is paused: it asks nobody for now. All answers are stored.", slug=pool.slug)
    newest = rounds.get_newest(session, pool)
    images = leases.claim(session, pool, newest, annotator, count, now=now, seconds=lease_seconds)
    shortage = None if images else leases.get_shortage(session, pool, annotator, now=now)
    return AskResult(newest.number, rounds.is_due(session, pool, newest), images, shortage)


def answer(
    session: Session, pool: Pool, annotator: Annotator, given: Sequence[GivenLabel], *, now: dt.datetime
) -> AnswerResult:
    """Label images, all of them or none. A key that is sent again returns its event and stores nothing.

    If the annotator has given an image this value before under another key (from a second device), that event is
    returned and nothing is stored.

    An answer with a class that is merged is stored as it was given, and then changed as the merge changed all others.

    Raises:
        ImageNotFound, DuplicateImage, DuplicateKey, ValueNotAClass, AlreadyLabeled, LeasedByAnother, KeyReused
    """
    known = events.read_by_key(session, annotator, [label.key for label in given if label.key is not None])
    for label in given:
        if label.key in known:
            expected = {"image_id": label.image_id, "value": label.value}
            asking.check_replay(known[label.key], pool, "label", expected)
    new = [label for label in given if label.key not in known]
    _check_given(pool, new)
    newest = rounds.get_newest(session, pool)
    found = asking.read_asked(session, pool, annotator, newest, [label.image_id for label in new], now=now)
    known |= _find_given_before(session, annotator, new, found)
    new = [label for label in new if label.key not in known]
    appended = _store(session, annotator, new, found, now) if new else []
    if newest.last_merge_id:  # a page that is open, or was offline, may offer a class that is merged by now
        settling.settle(session, pool, appended, now=now)
    stored = iter(appended)
    given_events = [known[label.key] if label.key in known else next(stored) for label in given]
    n_labeled = sum(found[label.image_id].is_unlabeled for label in new)
    until_round = replace(newest, n_new=newest.n_new + n_labeled).until_due(pool)
    if new:
        note(session, Change("labels", pool.id))
    if new and until_round == 0:
        note(session, Change("due", pool.id))
    if new and milestones.may_be_reached(pool, newest, n_labeled):
        milestones.notice(session, pool, now=now)
    return AnswerResult(given_events, until_round, n_replayed=len(given) - len(new))


def answer_by_truth(
    session: Session, pool: Pool, oracle: Annotator, count: int, *, now: dt.datetime, lease_seconds: int
) -> AnswerResult:
    """The oracle asks as an annotator does, and answers with the true classes.

    Raises:
        TruthUnknown: the true class of an image that was asked is unknown.
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


def _check_given(pool: Pool, given: Sequence[GivenLabel]) -> None:
    for label in given:
        asking.check_value(pool, label.image_id, label.value)
    twice = [image_id for image_id, n in Counter(label.image_id for label in given).items() if n > 1]
    twice_keys = [k for k, n in Counter(label.key for label in given if label.key).items() if n > 1]
    if twice:
        raise DuplicateImage(f"The request has image {twice[0]} twice. Send each image once.", image_ids=twice)
    if twice_keys:
        raise DuplicateKey(f"The request has the key {twice_keys[0]} twice. Give each answer its own.", keys=twice_keys)


def _find_given_before(
    session: Session, annotator: Annotator, given: Sequence[GivenLabel], found: Mapping[int, AskedImage]
) -> dict[str, LabelEventView]:
    """By key: the answers that the annotator has given these images with the same value."""
    standing = {label.key: found[label.image_id].own_event_id for label in given if label.key is not None}
    event_ids = [event_id for event_id in standing.values() if event_id is not None]
    if not event_ids:
        return {}
    by_id = {event.id: event for event in events.read_by_id(session, event_ids)}
    return {
        label.key: event
        for label in given
        if label.key is not None and (event := by_id.get(standing[label.key] or 0)) is not None
        if (event.annotator_id, event.value) == (annotator.id, label.value)
    }


def _store(
    session: Session,
    annotator: Annotator,
    given: Sequence[GivenLabel],
    found: Mapping[int, AskedImage],
    now: dt.datetime,
) -> list[LabelEventView]:
    """Append the answers, unless an image is answered or leased to another annotator."""
    asked = [found[label.image_id] for label in given]
    asking.check_free(session, asked, annotator)
    answers = [
        asking.make_event(image, annotator, "label", value=label.value, key=label.key, now=label.given_at or now)
        for image, label in zip(asked, given, strict=True)
    ]
    labeled = [image.image_id for image in asked if image.event_id is not None]
    stored = labels.append_answers(session, answers, labeled)
    leases.end(session, annotator, [image.image_id for image in asked], now=now)
    return stored
