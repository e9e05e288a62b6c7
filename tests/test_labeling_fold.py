"""Whatever people do in whatever order, the labels that stand are the fold of the events."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import select

from app import labeling, revising
from app.errors import AppError
from app.labeling import GivenLabel
from app.models import Label, LabelEvent, Lease

from .factories.files import fresh_pool
from .factories.making import LEASE_SECONDS, add_annotator, add_round, after
from .factories.stored import image_ids

N_IMAGES = 8
NAMES = ("ada", "ben", "eve")

whos = st.sampled_from(NAMES)
positions = st.integers(0, N_IMAGES - 1)
asks = st.tuples(st.just("ask"), whos, st.none() | st.integers(1, 5))
answers = st.tuples(st.just("answer"), whos, st.lists(st.tuples(positions, st.integers(0, 9)), min_size=1, max_size=4))
undos = st.tuples(st.just("undo"), whos, st.none() | st.integers(1, 20))
rounds = st.tuples(st.just("round"), whos, st.lists(positions, unique=True, max_size=4))
waits = st.tuples(st.just("wait"), whos, st.integers(1, 2 * LEASE_SECONDS))


def fold(events: list[LabelEvent]) -> dict[int, tuple[int, int, str]]:
    """The rule, told once more: a label stands until an undo names its event."""
    standing: dict[int, tuple[int, int, str]] = {}
    for event in events:
        if event.kind == "undo":
            assert event.undoes_id == standing[event.image_id][0]
            del standing[event.image_id]
        else:
            assert event.image_id not in standing
            assert event.value is not None
            standing[event.image_id] = (event.id, event.value, event.source)
    return standing


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(asks | answers | answers | undos | rounds | waits, max_size=25))
def test_labels_are_the_fold_of_the_events_whatever_people_do(
    migrated_file: Path, steps: list[tuple[str, str, object]]
) -> None:
    with fresh_pool(migrated_file, n_images=N_IMAGES) as (database, pool):
        ids = image_ids(database, pool)
        annotators = {name: add_annotator(database, name) for name in NAMES}
        seconds = 0
        for action, name, argument in steps:
            who, now = annotators[name], after(seconds)
            try:
                with database.write() as session:
                    match action, argument:
                        case "ask", int() | None as count:
                            labeling.ask(session, pool, who, count, now=now, lease_seconds=LEASE_SECONDS)
                        case "answer", list() as pairs:
                            given_labels = [GivenLabel(ids[position], value) for position, value in pairs]
                            labeling.answer(session, pool, who, given_labels, now=now)
                        case "undo", int() | None as event_id:
                            revising.undo(session, pool, who, event_id, now=now, lease_seconds=LEASE_SECONDS)
                        case "wait", int() as more:
                            seconds += more
            except AppError:
                pass  # refused, and so without a trace: that is what the fold shows
            if action == "round" and isinstance(argument, list):
                add_round(database, pool, [ids[position] for position in argument])

        with database.read() as session:
            events = list(session.scalars(select(LabelEvent).order_by(LabelEvent.id)))
            standing = {row.image_id: (row.event_id, row.value, row.source) for row in session.scalars(select(Label))}
            leased = set(session.scalars(select(Lease.image_id)))
        assert standing == fold(events)
        assert leased.isdisjoint(standing)
