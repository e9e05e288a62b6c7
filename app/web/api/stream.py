"""Server-sent events. A stream holds no session, and a slow reader loses old news only; FastAPI keeps it alive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.sse import ServerSentEvent

from app import rounds
from app.changes import Change
from app.pools import get_pool
from app.web.edge.auth import InCaller
from app.web.edge.deps import InServices, Slug

STREAM_SECONDS = 300.0  # so long a user can read on whose account is disabled or whose session has ended


@dataclass(frozen=True, slots=True)
class StreamedPool:
    """The pool that a stream is about, and its newest round."""

    pool_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Stream:
    """What an open stream tells: the number of the newest round first, then the changes; None is their end."""

    number: int
    changes: asyncio.Queue[Change | None]


def get_streamed_pool(slug: Slug, services: InServices) -> StreamedPool:
    """The pool of this slug.

    Raises:
        NotFound: there is no such pool.
    """
    with services.database.read() as session:
        pool = get_pool(session, slug)
        return StreamedPool(pool.id, rounds.get_newest(session, pool).number)


async def open_stream(
    services: InServices, caller: InCaller, watched: Annotated[StreamedPool, Depends(get_streamed_pool)]
) -> AsyncIterator[Stream]:
    """Open a stream before the response starts, so that a refusal is an error. It ends when the client is gone, too.

    Raises:
        TooManyStreams: the caller, or all callers together, have reached the limit.
    """
    with services.streams.open(watched.pool_id, caller.name) as changes:
        # Subscribed by now: a round stored since it was looked up is in `live`.
        yield Stream(max(watched.number, services.live.newest_round(watched.pool_id)), changes)


async def stream_changes(stream: Stream) -> AsyncIterator[ServerSentEvent]:
    """The pool's changes as they are committed, beginning with the round that is newest now.

    Ends after some minutes: browsers come again by themselves, and a user who lost access is refused then.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + STREAM_SECONDS
    yield ServerSentEvent(event="round", data={"number": stream.number}, retry=2000)
    with suppress(TimeoutError):
        while (change := await asyncio.wait_for(stream.changes.get(), until - loop.time())) is not None:
            yield ServerSentEvent(event=change.kind, data={"number": change.number})
