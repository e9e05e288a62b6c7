"""Server-sent events. A stream holds no session, and a slow reader loses old news only; FastAPI keeps it alive."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi.sse import ServerSentEvent

from app import rounds
from app.live import Live
from app.pools import get_pool
from app.web.deps import InServices, Slug


@dataclass(frozen=True, slots=True)
class Watched:
    """What a stream begins with. Found before the response starts, so that an unknown pool is still a 404."""

    pool_id: int
    number: int


def find_watched(slug: Slug, services: InServices) -> Watched:
    """The pool to watch and its newest round.

    Raises:
        NotFound: there is no such pool.
    """
    with services.database.read() as session:
        pool = get_pool(session, slug)
        return Watched(pool.id, rounds.find_newest(session, pool).number)


async def stream_changes(live: Live, watched: Watched) -> AsyncIterator[ServerSentEvent]:
    """The pool's changes as they are committed, beginning with the round that is newest now."""
    with live.stream(watched.pool_id) as changes:
        # Subscribed by now: a round stored since it was looked up is in `live`.
        number = max(watched.number, live.newest_round(watched.pool_id))
        yield ServerSentEvent(event="round", data={"number": number}, retry=2000)
        while (change := await changes.get()) is not None:
            yield ServerSentEvent(event=change.kind, data={"number": change.number})
