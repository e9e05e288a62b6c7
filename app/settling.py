"""Bring current answers in line with the merges of classes, by events.

What people gave an image stays in its history. On top of that lie the changes that merges made: a current answer has
the class that a person gave it last, read through the merges that stand. Each act that could break this settles the
answer in its own transaction; when classes are merged, `merging` settles all the others.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events, labels
from app.events import EVENTS, LabelEventView
from app.merges import Merges, read_merges
from app.models import Annotator, Answer, ClassMerge, LabelEvent, Pool


@dataclass(frozen=True, slots=True)
class Settled:
    """The events that settled some answers: by the id of a row of `ClassMerge`, how many answers it changed."""

    n_changed: dict[int, int]


def settle(session: Session, pool: Pool, standing: Sequence[LabelEventView], *, now: dt.datetime) -> Settled:
    """Bring these current answers of the pool in line with its merges."""
    n_changed: dict[int, int] = {}
    if not standing:
        return Settled(n_changed)
    merges = read_merges(session, pool)
    if all(event.merge_id is None and event.value not in merges.standing for event in standing):
        return Settled(n_changed)  # nearly every answer after the first merge: it pays for one query
    people = _read_people(session, merges)
    chains = events.read_chains(session, standing)
    current, undone = dict[int, LabelEventView](), list[LabelEventView]()
    for top in standing:
        chain = chains[top.id]
        fallen = [i for i, event in enumerate(chain) if event.merge_id in merges.taken_back]
        current[top.id] = chain[fallen[-1] + 1] if fallen else top
        for event in chain[: fallen[-1] + 1] if fallen else ():  # the newest first, as they lie on each other
            because = merges.taken_back[chain[fallen[-1]].merge_id or 0]
            undone.append(_make_undo(event, people[because.annotator_id], now))
        if fallen:
            _count(n_changed, merges.taken_back[chain[fallen[-1]].merge_id or 0])
    if undone:
        events.append(session, undone)
    while rising := [key for key, event in current.items() if event.value in merges.standing]:
        changes = []
        for event in (current[key] for key in rising):
            merge = merges.standing[event.value or 0]
            _count(n_changed, merge)
            changes.append(_make_change(event, merge, people[merge.annotator_id], now))
        current |= dict(zip(rising, events.append(session, changes), strict=True))
    moved = [(top, current[top.id]) for top in standing if current[top.id].id != top.id]
    if moved:
        labels.replace_answers(session, moved)
    return Settled(n_changed)


def find_top(session: Session, event: LabelEventView) -> LabelEventView | None:
    """The current answer, if nothing but merges changed the one that this event gave."""
    query = EVENTS.join(Answer, Answer.event_id == LabelEvent.id)
    merged = events.read(
        session.execute(query.where(Answer.image_id == event.image_id, LabelEvent.merge_id.is_not(None)))
    )
    chains = events.read_chains(session, merged)
    return next((top for top in merged if any(below.id == event.id for below in chains[top.id])), None)


def uncover(
    session: Session, annotator: Annotator, top: LabelEventView, event: LabelEventView, *, now: dt.datetime
) -> None:
    """Undo the changes by merges that lie on an event, so that it gives the answer its value. The caller acts on it."""
    chain = events.read_chains(session, [top])[top.id]
    above = chain[: [each.id for each in chain].index(event.id)]
    events.append(session, [_make_undo(each, annotator, now) for each in above])
    labels.replace_answers(session, [(top, event)])


def _read_people(session: Session, merges: Merges) -> dict[int, Annotator]:
    ids = {row.annotator_id for row in merges.rows}
    return {person.id: person for person in session.scalars(select(Annotator).where(Annotator.id.in_(ids)))}


def _count(n_changed: dict[int, int], row: ClassMerge) -> None:
    n_changed[row.id] = n_changed.get(row.id, 0) + 1


def _make_change(event: LabelEventView, merge: ClassMerge, person: Annotator, now: dt.datetime) -> LabelEventView:
    """By whoever merged; the source stays what it was, for nobody has looked at the image."""
    return replace(
        event,
        id=0,
        kind="change",
        value=merge.into_class,
        undoes_id=event.id,
        merge_id=merge.id,
        annotator_id=person.id,
        annotator=person.name,
        key=None,
        created_at=now,
    )


def _make_undo(event: LabelEventView, person: Annotator, now: dt.datetime) -> LabelEventView:
    return replace(
        event,
        id=0,
        kind="undo",
        value=None,
        undoes_id=event.id,
        annotator_id=person.id,
        annotator=person.name,
        key=None,
        created_at=now,
    )
