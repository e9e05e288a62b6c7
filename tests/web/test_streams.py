"""Each stream hears of its pool; who is slow loses old news only; nobody has too many."""

import asyncio
import re
from contextlib import ExitStack, suppress

import pytest

from app.changes import Change
from app.db import Database
from app.errors import TooManyStreams
from app.limits import STREAM_LIMIT, STREAMS_OF_ALL, STREAMS_OF_ONE
from app.live import Live
from app.web.api.pools import stream_pool
from app.web.edge.streams import FORWARDED, Streams

ROUND_1 = Change("round", 1, 1)
LABELS = Change("labels", 1)


@pytest.fixture
def live(database: Database) -> Live:
    """The announcements of this database."""
    return Live(database)


@pytest.fixture
def streams(live: Live) -> Streams:
    """All streams of the test."""
    return Streams(live)


def test_a_stream_gets_its_pools_changes_from_any_thread(live: Live, streams: Streams) -> None:
    async def listen() -> list[Change | None]:
        with streams.open(1, "ada") as queue:
            for change in (LABELS, Change("labels", 2), ROUND_1):
                await asyncio.to_thread(live.publish, change)
            return [await asyncio.wait_for(queue.get(), 60) for _ in range(2)]

    assert asyncio.run(listen()) == [LABELS, ROUND_1]


def test_a_slow_stream_loses_old_changes_only(live: Live, streams: Streams) -> None:
    n_changes = STREAM_LIMIT + 20

    async def listen() -> list[int | None]:
        with streams.open(1, "ada") as queue:
            for number in range(n_changes):
                live.publish(Change("round", 1, number))
            await asyncio.sleep(0)  # the loop puts into the queue what was published
            return [change.number for change in (queue.get_nowait() for _ in range(queue.qsize())) if change]

    assert asyncio.run(listen()) == list(range(20, n_changes))


def test_what_is_not_for_annotators_reaches_no_stream(live: Live, streams: Streams) -> None:
    async def listen() -> list[Change | None]:
        with streams.open(1, "ada") as queue:
            live.publish(LABELS)
            for number in range(STREAM_LIMIT):  # a model tells of its training every second
                live.publish(Change("model", 1, number))
            live.publish(Change("pool", 1))
            await asyncio.sleep(0)
            return [queue.get_nowait() for _ in range(queue.qsize())]

    assert asyncio.run(listen()) == [LABELS]


def test_the_documentation_of_the_stream_names_what_it_tells() -> None:
    named = re.findall(r"`([a-z]+)`", (stream_pool.__doc__ or "").split(":")[0])

    assert set(named) == FORWARDED


def test_a_slow_stream_does_not_hold_up_the_others(live: Live, streams: Streams) -> None:
    async def listen() -> Change | None:
        with streams.open(1, "ada"), streams.open(1, "ada") as quick:
            for number in range(3 * STREAM_LIMIT):
                live.publish(Change("round", 1, number))
                last = await asyncio.wait_for(quick.get(), 60)
            return last

    assert asyncio.run(listen()) == Change("round", 1, 3 * STREAM_LIMIT - 1)


def test_a_stream_that_ended_hears_nothing_more(live: Live, streams: Streams) -> None:
    async def listen() -> int:
        with streams.open(1, "ada") as queue:
            pass
        live.publish(ROUND_1)
        await asyncio.sleep(0)
        return queue.qsize()

    assert asyncio.run(listen()) == 0


def test_one_person_may_have_so_many_streams_and_others_theirs(streams: Streams) -> None:
    async def listen() -> None:
        with ExitStack() as opened:
            for pool_id in range(STREAMS_OF_ONE):
                opened.enter_context(streams.open(pool_id, "ada"))
            with pytest.raises(TooManyStreams, match="20 event streams of ada open, and no more than 20") as refused:
                opened.enter_context(streams.open(1, "ada"))
            opened.enter_context(streams.open(1, "ben"))
        assert refused.value.context == {"open": 20, "limit": 20}

    asyncio.run(listen())


def test_all_together_may_have_so_many_streams(streams: Streams) -> None:
    async def listen() -> None:
        with ExitStack() as opened:
            for number in range(STREAMS_OF_ALL):
                opened.enter_context(streams.open(1, f"person {number}"))
            with pytest.raises(TooManyStreams, match="400 event streams of all"):
                opened.enter_context(streams.open(1, "ada"))

    asyncio.run(listen())


def test_a_stream_that_ended_however_makes_room_for_another(streams: Streams) -> None:
    async def listen() -> None:
        for _ in range(2 * STREAMS_OF_ONE):
            with suppress(RuntimeError), streams.open(1, "ada"):
                raise RuntimeError

    asyncio.run(listen())


def test_a_change_after_the_loop_is_gone_harms_nobody(live: Live, streams: Streams) -> None:
    async def leave_open() -> None:
        stream = streams.open(1, "ada")
        stream.__enter__()
        kept.append(stream)

    kept: list[object] = []
    asyncio.run(leave_open())
    live.publish(ROUND_1)

    assert streams.n_open == 1


def test_all_streams_end_when_the_server_stops(streams: Streams) -> None:
    async def listen() -> list[Change | None]:
        with streams.open(1, "ada") as first, streams.open(2, "ben") as second:
            streams.end()
            return [await asyncio.wait_for(queue.get(), 60) for queue in (first, second)]

    assert asyncio.run(listen()) == [None, None]
