"""Previews of originals: few are made at a time, by processes of their own, and the last ones asked for are kept."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from app import queries
from app.db import Database
from app.errors import NotFound, TooManyPreviews
from app.limits import PREVIEW_BYTES, PREVIEW_SECONDS, PREVIEWS_AT_ONCE, WAITING_PREVIEWS
from app.models import Blob
from app.pictures import Decoders
from app.rendering import as_webp, preview_shape


class Previews:
    """Makes previews, or has them. Safe to use from any thread; close it at the end.

    A request waits for its turn before it reads an original, so that no more of them than `at_once` are in memory.
    """

    def __init__(
        self,
        *,
        at_once: int = PREVIEWS_AT_ONCE,
        waiting: int = WAITING_PREVIEWS,
        seconds: float = PREVIEW_SECONDS,
        kept_bytes: int = PREVIEW_BYTES,
    ) -> None:
        self._decoders = Decoders(at_once)
        self._turns = threading.BoundedSemaphore(at_once)
        self._room = threading.BoundedSemaphore(at_once + waiting)
        self._seconds = seconds
        self._kept: OrderedDict[tuple[str, tuple[int, ...]], bytes] = OrderedDict()  # by original and shape
        self._kept_bytes, self._n_bytes = kept_bytes, 0
        self._lock = threading.Lock()  # never held for long

    def close(self) -> None:
        """End the processes."""
        self._decoders.close()

    def get(self, database: Database, blob: Blob, side: int) -> bytes:
        """The original as a WebP file of at most `side` pixels a side.

        Raises:
            TooManyPreviews: others take all turns; the seconds to wait are in the context.
            NotFound: the original has been deleted.
            PictureRefused: as `Decoders.decode`.
        """
        key = (blob.sha256, preview_shape(blob.width, blob.height, side))
        if (found := self._find(key)) is not None:
            return found
        with self._turn():
            if (found := self._find(key)) is not None:  # made while this one waited
                return found
            with database.read() as session:
                original = queries.find_blob(session, blob.sha256, with_content=True)
            if original is None:
                raise NotFound("The image has been deleted.", sha256=blob.sha256)
            made = as_webp(self._decoders.decode(original.content, key[1]).pixels)
        self._keep(key, made)
        return made

    @contextmanager
    def _turn(self) -> Iterator[None]:
        refusal = TooManyPreviews("Too many pictures are asked for just now. Try again in a few seconds.", seconds=2)
        if not self._room.acquire(blocking=False):  # else those that wait would take the threads of all others
            raise refusal
        try:
            if not self._turns.acquire(timeout=self._seconds):
                raise refusal
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._room.release()

    def _find(self, key: tuple[str, tuple[int, ...]]) -> bytes | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: tuple[str, tuple[int, ...]], made: bytes) -> None:
        with self._lock:
            self._n_bytes += len(made) - len(self._kept.get(key, b""))
            self._kept[key] = made
            while self._n_bytes > self._kept_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._n_bytes -= len(dropped)
