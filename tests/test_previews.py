"""Previews: made once, few at a time, and kept within bounds."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from app.db import Database
from app.errors import NotFound, TooManyPreviews
from app.models import Blob
from app.previews import Previews

from .factories.drawing import draw, encode


@pytest.fixture
def previews() -> Iterator[Previews]:
    """One at a time, and whatever does not get its turn at once is refused."""
    made = Previews(at_once=1, seconds=0.0, kept_bytes=10_000)
    yield made
    made.close()


def put(database: Database, seed: int = 0) -> Blob:
    """An original of 48 x 32 pixels."""
    content = encode(draw(seed=seed))
    sha256 = hashlib.sha256(content).hexdigest()
    blob = Blob(sha256=sha256, media_type="image/png", width=48, height=32, n_bytes=len(content), content=content)
    with database.write() as session:
        session.add(blob)
    return blob


def count_reads(database: Database) -> list[str]:
    """Grows by each original that is read."""
    reads = list[str]()

    def note(*given: object) -> None:
        if "blob.content" in str(given[2]):
            reads.append(str(given[2]))

    event.listen(database.engine, "before_cursor_execute", note)
    return reads


def test_a_preview_is_made_once_for_each_size(database: Database, previews: Previews) -> None:
    blob, reads = put(database), count_reads(database)
    first = previews.get(database, blob, 800)

    assert previews.get(database, blob, 800) is previews.get(database, blob, 400) is first  # no larger than it is
    assert len(reads) == 1
    assert previews.get(database, blob, 16) != first
    assert len(reads) == 2


def test_the_one_that_was_asked_for_last_is_kept_longest(database: Database) -> None:
    blobs, reads = [put(database, seed) for seed in range(3)], count_reads(database)
    probe = Previews(at_once=1)
    sizes = [len(probe.get(database, blob, 800)) for blob in blobs]
    probe.close()
    previews = Previews(at_once=1, kept_bytes=max(sizes[0] + sizes[1], sizes[0] + sizes[2]))
    del reads[:]
    for index in (0, 1, 0, 2):  # the last puts 1 out
        previews.get(database, blobs[index], 800)
    assert len(reads) == 3
    previews.get(database, blobs[0], 800)
    assert len(reads) == 3
    previews.get(database, blobs[1], 800)
    assert len(reads) == 4
    previews.close()


def test_who_gets_no_turn_is_refused_before_an_original_is_read(database: Database, previews: Previews) -> None:
    one, other = put(database), put(database, 1)
    kept = put(database, 2)
    previews.get(database, kept, 800)
    reads = count_reads(database)
    reading, go_on = threading.Event(), threading.Event()

    def hold(*given: object) -> None:
        if "blob.content" in str(given[2]) and not reading.is_set():
            reading.set()
            assert go_on.wait(60)

    event.listen(database.engine, "before_cursor_execute", hold)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(previews.get, database, one, 800)
        assert reading.wait(60)
        try:
            with pytest.raises(TooManyPreviews) as refusal:
                previews.get(database, other, 800)
            previews.get(database, kept, 800)  # what is kept needs no turn
            assert len(reads) == 1  # the slow one's
        finally:
            go_on.set()
        assert slow.result()
    assert refusal.value.context == {"seconds": 2}
    assert previews.get(database, other, 800)  # the turns are given back


def test_those_that_wait_are_bounded(database: Database) -> None:
    previews = Previews(at_once=0, waiting=0, seconds=60.0)
    with pytest.raises(TooManyPreviews):
        previews.get(database, put(database), 800)  # at once


def test_an_original_that_was_deleted_meanwhile_is_not_found(database: Database, previews: Previews) -> None:
    blob = put(database)
    with database.write() as session:
        session.delete(session.get_one(Blob, blob.sha256))
    with pytest.raises(NotFound, match="has been deleted"):
        previews.get(database, blob, 800)
