"""Processes that decode pictures: a file that hangs or eats memory costs one refusal, never this process."""

import json
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from queue import LifoQueue
from types import TracebackType
from typing import IO, Self, TypeVar

import numpy as np

from app.errors import DecodingTooSlow, PictureDamaged, PictureRefused
from app.pictures.decoding import Limits, Picture, check_size
from app.pictures.frames import read_frame, write_frame

T = TypeVar("T")
R = TypeVar("R")

WORKER = (sys.executable, "-P", "-m", "app.pictures.worker")
PATIENCE = 5  # times the limit of processor time: on a busy machine a process waits for its turn
AHEAD = 64  # items that wait, so that no process is idle while the caller stores what came before
AHEAD_BYTES = 32_000_000  # of them
REFUSALS = {each.__name__: each for each in PictureRefused.__subclasses__()}
OUT_OF_TIME = -24 if sys.platform == "win32" else -signal.SIGXCPU


class Decoders:
    """Up to `count` processes, each started when it is first needed. Safe to use from any thread.

    A process that dies is replaced. Close it, or use it as a context manager.
    """

    def __init__(self, count: int = 1, limits: Limits | None = None) -> None:
        self._count, self._limits = count, limits or Limits()
        self._idle: LifoQueue[_Process] = LifoQueue()  # the last that worked is there already
        for _ in range(count):
            self._idle.put(_Process(self._limits))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; one that decodes just now finishes its picture first. Closing twice does no harm."""
        processes = [self._idle.get() for _ in range(self._count)]
        for process in processes:
            process.end()
            self._idle.put(process)

    def decode(self, content: bytes, shape: tuple[int, ...]) -> Picture:
        """What `decoding.decode` returns, and raises; waits for a process that is idle.

        A process that dies without a reason of its own has its file tried once more in a new one.

        Raises:
            DecodingTooSlow: it took too much time.
            PictureDamaged: the decoder crashed over it; and as `decoding.decode`.
            PictureRefused: as `decoding.decode`, or for lack of memory.
        """
        check_size(len(content), self._limits)
        process = self._idle.get()
        try:
            for _ in range(2):
                with suppress(_Crashed):
                    return process.decode(content, shape)
        finally:
            self._idle.put(process)
        raise PictureDamaged("The decoder crashed over it. Save it again, or in another format.")

    def run_ahead(
        self, items: Iterable[T], work: Callable[[T], R], count_bytes: Callable[[T], int]
    ) -> Iterator[tuple[T, R | PictureRefused]]:
        """Each item with what `work`, which calls `decode`, makes of it; in their order.

        A refusal is returned, not raised. Few items are held at a time: AHEAD_BYTES, or one that has more.
        """
        waiting: deque[tuple[T, Future[R | PictureRefused]]] = deque()
        n_bytes = 0
        with ThreadPoolExecutor(self._count, "decoding") as threads:
            try:
                for item in items:
                    n_bytes += count_bytes(item)
                    while waiting and (len(waiting) >= AHEAD or n_bytes > AHEAD_BYTES):
                        done, future = waiting.popleft()
                        n_bytes -= count_bytes(done)
                        yield done, future.result()
                    waiting.append((item, threads.submit(_attempt, work, item)))
                while waiting:
                    done, future = waiting.popleft()
                    yield done, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()


def _attempt(work: Callable[[T], R], item: T) -> R | PictureRefused:
    try:
        return work(item)
    except PictureRefused as refusal:
        return refusal


class _Crashed(Exception):
    """The process has died, or says what it should not."""


class _Process:
    """One process; it is started at its first picture, and again after it has ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._child: subprocess.Popen[bytes] | None = None

    def decode(self, content: bytes, shape: tuple[int, ...]) -> Picture:
        """One picture, or why not; _Crashed if the process has ended without a reason."""
        child = self._child = self._child or _start(self._limits)
        assert child.stdin is not None and child.stdout is not None
        try:
            write_frame(child.stdin, {"shape": shape}, content)
            if not _wait(child.stdout, PATIENCE * self._limits.seconds):
                raise TimeoutError
            head, pixels = read_frame(child.stdout)
        except (OSError, EOFError) as error:
            if self.end() == OUT_OF_TIME or isinstance(error, TimeoutError):
                seconds = self._limits.seconds
                raise DecodingTooSlow(
                    f"Decoding it takes more than {seconds} s. Scale it down.", limit=seconds
                ) from None
            raise _Crashed from error
        except BaseException:  # an interrupt: the answer that comes is not that of the next picture
            self.end()
            raise
        if "refused" in head:
            raise REFUSALS[head["refused"]](head["message"], **head["context"])
        return Picture(np.frombuffer(pixels, np.uint8).reshape(shape), **head)

    def end(self) -> int | None:
        """End it, whatever it does; return how it has ended if it had already, as `subprocess` tells it."""
        child, self._child = self._child, None
        return None if child is None else _end(child)


def _end(child: subprocess.Popen[bytes]) -> int:
    child.kill()
    code = child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):  # what was not sent is of no use
                stream.close()
    return code


def _start(limits: Limits) -> subprocess.Popen[bytes]:
    # No settings: they hold the key that signs cookies. One thread: each takes addresses, and these are limited.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INKLING_")}
    child = subprocess.Popen(  # noqa: S603 (a command of ours)
        (*WORKER, json.dumps(asdict(limits))),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment | {"OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,  # an interrupt from the keyboard is for the process that asks
    )
    assert child.stdout is not None
    try:
        read_frame(child.stdout)
    except EOFError as error:
        code = child.wait()
        _end(child)
        if code < 0:
            raise _Crashed from error
        raise RuntimeError(f"The process that decodes pictures does not start: it ends with code {code}") from error
    return child


def _wait(stream: IO[bytes], seconds: float) -> bool:
    """Is there something to read within this time?"""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()  # not `select.select`, which knows no file above number 1,023
    poll.register(stream, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
