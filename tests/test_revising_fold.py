"""Whatever people skip, flag, change and undo, in any order: the tables are the fold of the events."""

from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import select

from app.db import Database
from app.errors import AppError
from app.models import Annotator, Label, Pool, Skip

from .factories.acts import answer, ask, change, flag, skip, undo
from .factories.files import fresh_pool
from .factories.making import add_annotator, after
from .factories.stored import fold_of, image_ids, read_history

N_IMAGES = 5
NAMES = ("ada", "ben", "boss")

who = st.sampled_from(NAMES)
position = st.integers(0, N_IMAGES - 1)
value = st.integers(0, 9)
an_event = st.integers(1, 15)
acts = st.one_of(
    st.tuples(st.just("answer"), who, position, value),
    st.tuples(st.just("change"), who, an_event, value),
    st.tuples(st.just("undo"), who, st.none() | an_event, st.none()),
    st.tuples(st.just("skip"), who, position, st.none()),
    st.tuples(st.just("flag"), who, position, st.none()),
    st.tuples(st.just("ask"), who, position, st.none()),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(acts, max_size=30))
def test_the_tables_are_the_fold_of_the_events_whatever_people_do(
    migrated_file: Path, steps: list[tuple[str, str, int | None, int | None]]
) -> None:
    with fresh_pool(migrated_file, n_images=N_IMAGES) as (database, pool):
        ids = image_ids(database, pool)
        people = {
            name: add_annotator(database, name, role="admin" if name == "boss" else "annotator") for name in NAMES
        }
        for turn, step in enumerate(steps):
            with suppress(AppError):  # refused, and so without a trace: that is what the fold shows
                do(database, pool, people, ids, step, seconds=turn * 200)
        with database.read() as session:
            events = read_history(session)
            stored = {row.image_id: row.event_id for row in session.scalars(select(Label))}
            skipped = {(row.image_id, row.annotator_id): row.event_id for row in session.scalars(select(Skip))}
        undone = {event.undoes_id for event in events if event.kind == "undo"}
        assert stored == {image_id: event.id for image_id, event in fold_of(events).labels.items()}
        last = {(event.image_id, event.annotator_id): event.id for event in events if event.kind == "skip"}
        assert skipped == {whose: event_id for whose, event_id in last.items() if event_id not in undone}
        assert len(undone) == sum(event.kind == "undo" for event in events)


def do(
    database: Database,
    pool: Pool,
    people: dict[str, Annotator],
    ids: list[int],
    step: tuple[str, str, int | None, int | None],
    *,
    seconds: float,
) -> None:
    """One step of a sequence."""
    annotator, now = people[step[1]], after(seconds)
    match step:
        case "answer", _, int() as place, int() as given_value:
            answer(database, pool, annotator, [ids[place]], value=given_value, now=now)
        case "change", _, int() as event_id, int() as given_value:
            change(database, pool, annotator, event_id, given_value, now=now)
        case "undo", _, event_id, _:
            undo(database, pool, annotator, event_id, now=now)
        case "skip", _, int() as place, _:
            skip(database, pool, annotator, ids[place], now=now)
        case "flag", _, int() as place, _:
            flag(database, pool, annotator, ids[place], now=now)
        case "ask", _, int() as count, _:
            ask(database, pool, annotator, count + 1, now=now)
