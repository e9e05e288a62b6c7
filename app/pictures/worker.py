"""`python -m app.pictures.worker`: decode what comes by standard input, within limits, until it ends."""

import json
import os
import sys
import time
from typing import Any

from PIL import Image

from app.errors import PictureDamaged, PictureRefused
from app.pictures.decoding import Limits, decode, make_too_hungry
from app.pictures.frames import read_frame, write_frame

try:
    import resource
except ImportError:  # Windows: there the other process stops what takes too long, and memory has no limit
    resource = None  # type: ignore[assignment]


def main() -> None:
    """Say that it is ready, then answer one request after the other."""
    limits = Limits(**json.loads(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    Image.MAX_IMAGE_PIXELS = None  # our own limit is told with its numbers
    _limit_memory(limits)
    write_frame(answers, {})
    _silence()
    while True:
        try:
            head, content = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        _limit_time(limits)
        write_frame(answers, *_answer(content, tuple(head["shape"]), limits))


def _answer(content: bytes, shape: tuple[int, ...], limits: Limits) -> tuple[dict[str, Any], bytes]:
    try:
        picture = decode(content, shape, limits)
    except PictureRefused as error:
        return _refuse(error), b""
    except MemoryError:
        return _refuse(make_too_hungry(limits)), b""
    except Exception as error:  # a library failed in a way of its own: this file is the cause, the next is not
        return _refuse(PictureDamaged(f"It cannot be decoded ({type(error).__name__}). Save it again.")), b""
    head = {"media_type": picture.media_type, "width": picture.width, "height": picture.height}
    return head, picture.pixels.tobytes()


def _refuse(error: PictureRefused) -> dict[str, Any]:
    return {"refused": type(error).__name__, "message": error.message, "context": error.context}


def _limit_memory(limits: Limits) -> None:
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes to its pipe alone
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _limit_time(limits: Limits) -> None:
    """The system kills this process when it has worked for so long from now on."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        until = int(time.process_time()) + 1 + limits.seconds
        resource.setrlimit(resource.RLIMIT_CPU, (until if hard == resource.RLIM_INFINITY else min(until, hard), hard))


def _silence() -> None:
    """The libraries in C print warnings about damaged files."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


if __name__ == "__main__":
    main()
