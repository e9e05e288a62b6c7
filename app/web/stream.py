"""Server-sent events. A stream holds no session, and a slow reader loses old news only."""

import asyncio
from collections.abc import AsyncIterator

from fastapi.sse import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from app import rounds
from app.pools import get_pool
from app.web.deps import Services

KEEP_ALIVE_SECONDS = 15.0  # a comment now and then, so that proxies keep the line and dead readers are noticed


async def stream_changes(services: Services, slug: str) -> AsyncIterator[ServerSentEvent]:
    """The pool's changes as they are committed, beginning with the round that is newest now."""
    pool_id, number = await run_in_threadpool(_find, services, slug)
    with services.live.stream(pool_id) as changes:
        yield ServerSentEvent(event="round", data={"number": number}, retry=2000)
        while True:
            try:
                change = await asyncio.wait_for(changes.get(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ServerSentEvent(comment="still here")
                continue
            yield ServerSentEvent(event=change.kind, data={"number": change.number})


def _find(services: Services, slug: str) -> tuple[int, int]:
    with services.database.read() as session:
        pool = get_pool(session, slug)
        return pool.id, rounds.get_newest(session, pool).number
