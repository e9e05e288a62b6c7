"""What changed is told after the commit and not otherwise; who waits is woken; who is slow loses old news only."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from threading import Event

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.errors import TooManyStreams
from app.live import Change, Live, note
from app.models import Annotator, Label, Pool

from .factories import NOW, add_round, answer, ask_and_answer, image_ids, undo

ROUND_1 = Change("round", 1, 1)
LABELS = Change("labels", 1)


@pytest.fixture
def live(database: Database) -> Live:
    """The announcements of this database."""
    return Live(database.sessions)


@pytest.fixture
def heard(live: Live) -> list[Change]:
    """Everything that was announced."""
    heard: list[Change] = []
    live.listen(heard.append)
    return heard


def test_a_change_is_published_after_the_commit_and_not_before(database: Database, heard: list[Change]) -> None:
    with database.write() as session:
        note(session, LABELS)
        note(session, ROUND_1)
        session.flush()
        assert heard == []

    assert heard == [LABELS, ROUND_1]


def test_a_change_of_a_transaction_that_is_rolled_back_is_never_published(
    database: Database, heard: list[Change]
) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        note(session, LABELS)
        session.add(Annotator(name="ada", role="annotator", created_at=NOW))
        session.flush()
        raise RuntimeError
    with database.write():
        pass

    assert heard == []


def test_a_change_is_published_once(database: Database, heard: list[Change]) -> None:
    for _ in range(2):
        with database.write() as session:
            note(session, LABELS)

    assert heard == [LABELS, LABELS]


def test_a_savepoint_is_not_a_commit(database: Database, heard: list[Change]) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        note(session, LABELS)
        with session.begin_nested():
            session.add(Annotator(name="ada", role="annotator", created_at=NOW))
        raise RuntimeError

    assert heard == []


def test_a_savepoint_that_is_rolled_back_takes_no_earlier_change_with_it(
    database: Database, heard: list[Change]
) -> None:
    with database.write() as session:
        note(session, LABELS)
        with pytest.raises(RuntimeError), session.begin_nested():
            raise RuntimeError

    assert heard == [LABELS]


def test_whoever_is_told_finds_it_committed(database: Database, live: Live, pool: Pool, ada: Annotator) -> None:
    counts = []

    def look(_: Change) -> None:
        with database.read() as session:
            counts.append(session.scalar(select(func.count()).select_from(Label)))

    live.listen(look)
    ask_and_answer(database, pool, ada, 3)

    assert counts == [3]


def test_answers_undos_and_rounds_are_announced(
    database: Database, pool: Pool, ada: Annotator, heard: list[Change]
) -> None:
    answer(database, pool, ada, image_ids(database, pool, [0]))
    undo(database, pool, ada)
    add_round(database, pool)

    assert heard == [Change("labels", pool.id), Change("labels", pool.id), Change("round", pool.id, 1)]


# Waiting for a round


def test_waiting_ends_when_the_round_is_announced(live: Live) -> None:
    begun = Event()

    def wait() -> bool:
        begun.set()
        return live.wait_for_round(1, after=0, seconds=60)

    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(wait)
        begun.wait()
        live.publish(Change("labels", 1))
        live.publish(Change("round", 2, 7))
        live.publish(ROUND_1)

        assert waiting.result(60)


def test_a_round_that_is_there_already_is_not_waited_for(live: Live) -> None:
    live.publish(Change("round", 1, 3))

    assert live.wait_for_round(1, after=2, seconds=0)


def test_waiting_ends_when_the_time_is_up(live: Live) -> None:
    live.publish(Change("round", 1, 3))
    live.publish(Change("round", 2, 9))

    assert not live.wait_for_round(1, after=3, seconds=0.01)
    assert not live.wait_for_round(5, after=-1, seconds=0)


def test_all_who_wait_are_woken(live: Live) -> None:
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(live.wait_for_round, 1, after=0, seconds=60) for _ in range(8)]
        live.publish(ROUND_1)

        assert all(each.result(60) for each in waiting)


# Streams


def test_a_stream_gets_its_pools_changes_from_any_thread(live: Live) -> None:
    async def listen() -> list[Change | None]:
        with live.stream(1, "ada") as queue:
            for change in (LABELS, Change("labels", 2), ROUND_1):
                await asyncio.to_thread(live.publish, change)
            return [await asyncio.wait_for(queue.get(), 60) for _ in range(2)]

    assert asyncio.run(listen()) == [LABELS, ROUND_1]


def test_a_slow_stream_loses_old_changes_only(live: Live) -> None:
    n_changes = Live.STREAM_LIMIT + 20

    async def listen() -> list[int | None]:
        with live.stream(1, "ada") as queue:
            for number in range(n_changes):
                live.publish(Change("round", 1, number))
            await asyncio.sleep(0)  # the loop puts into the queue what was published
            return [change.number for change in (queue.get_nowait() for _ in range(queue.qsize())) if change]

    assert asyncio.run(listen()) == list(range(20, n_changes))


def test_a_slow_stream_does_not_hold_up_the_others(live: Live) -> None:
    async def listen() -> Change | None:
        with live.stream(1, "ada"), live.stream(1, "ada") as quick:
            for number in range(3 * Live.STREAM_LIMIT):
                live.publish(Change("round", 1, number))
                last = await asyncio.wait_for(quick.get(), 60)
            return last

    assert asyncio.run(listen()) == Change("round", 1, 3 * Live.STREAM_LIMIT - 1)


def test_a_stream_that_ended_hears_nothing_more(live: Live) -> None:
    async def listen() -> int:
        with live.stream(1, "ada") as queue:
            pass
        live.publish(ROUND_1)
        await asyncio.sleep(0)
        return queue.qsize()

    assert asyncio.run(listen()) == 0


def test_one_person_may_have_so_many_streams_and_others_theirs(live: Live) -> None:
    async def listen() -> None:
        with ExitStack() as streams:
            for pool_id in range(Live.STREAMS_OF_ONE):
                streams.enter_context(live.stream(pool_id, "ada"))
            with pytest.raises(TooManyStreams, match="20 event streams of ada open, and no more than 20") as refused:
                streams.enter_context(live.stream(1, "ada"))
            streams.enter_context(live.stream(1, "ben"))
        assert refused.value.context == {"open": 20, "limit": 20}

    asyncio.run(listen())


def test_all_together_may_have_so_many_streams(live: Live) -> None:
    async def listen() -> None:
        with ExitStack() as streams:
            for number in range(Live.STREAMS_OF_ALL):
                streams.enter_context(live.stream(1, f"person {number}"))
            with pytest.raises(TooManyStreams, match="400 event streams of all"):
                streams.enter_context(live.stream(1, "ada"))

    asyncio.run(listen())


def test_a_stream_that_ended_however_makes_room_for_another(live: Live) -> None:
    async def listen() -> None:
        for _ in range(2 * Live.STREAMS_OF_ONE):
            with suppress(RuntimeError), live.stream(1, "ada"):
                raise RuntimeError

    asyncio.run(listen())


def test_a_change_after_the_loop_is_gone_harms_nobody(live: Live, heard: list[Change]) -> None:
    async def leave_open() -> None:
        stream = live.stream(1, "ada")
        stream.__enter__()
        kept.append(stream)

    kept: list[object] = []
    asyncio.run(leave_open())
    live.publish(ROUND_1)

    assert heard == [ROUND_1]


def test_all_streams_end_when_the_server_stops(live: Live) -> None:
    async def listen() -> list[Change | None]:
        with live.stream(1, "ada") as first, live.stream(2, "ben") as second:
            live.end_streams()
            return [await asyncio.wait_for(queue.get(), 60) for queue in (first, second)]

    assert asyncio.run(listen()) == [None, None]
