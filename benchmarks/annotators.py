"""Many annotators in one process: each has a thread, a connection and a token of its own, and labels by truth.

Imports nothing of app: a client process starts in a moment.
"""

import datetime as dt
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from benchmarks.client import Client

POOL = "/api/v1/pools/digits"
BATCH = 10
RETRY_SECONDS = 0.05
PATIENCE_SECONDS = 30.0  # behind the end, for an answer that is still being retried


@dataclass(frozen=True, slots=True)
class Plan:
    """What all annotators go by. Times are monotonic, which the processes of a machine share.

    `truth` holds the class of each position in the pool. With a think time of 0 nobody waits between answers.
    """

    port: int
    truth: bytes
    start_at: float
    stop_at: float
    think_seconds: float


@dataclass(frozen=True, slots=True)
class Handout:
    """A lease: an image, its annotator, and when it expires by the server's clock."""

    annotator: str
    image_id: int
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An answer that the server said it has stored."""

    annotator: str
    image_id: int
    value: int
    key: str


@dataclass(slots=True)
class Seen:
    """What annotators saw. A request's seconds run from its first try to its answer; `troubles` tell the others."""

    handouts: list[Handout] = field(default_factory=list)
    acknowledged: list[Acknowledgement] = field(default_factory=list)
    ask_seconds: list[float] = field(default_factory=list)
    answer_seconds: list[float] = field(default_factory=list)
    n_stale: int = 0  # asks that an older ranking answered
    troubles: Counter[str] = field(default_factory=Counter)  # status and code, or the exception
    processor_seconds: float = 0.0  # of the clients' process

    def add(self, other: "Seen") -> None:
        """Take in what others saw."""
        self.handouts += other.handouts
        self.acknowledged += other.acknowledged
        self.ask_seconds += other.ask_seconds
        self.answer_seconds += other.answer_seconds
        self.n_stale += other.n_stale
        self.troubles += other.troubles
        self.processor_seconds += other.processor_seconds


def label_together(plan: Plan, tokens: Mapping[str, str]) -> Seen:
    """Let the annotators, given by name with their tokens, label until the plan's end."""
    before = time.process_time()
    annotators = [_Annotator(plan, name, token) for name, token in tokens.items()]
    with ThreadPoolExecutor(len(annotators)) as threads:
        for ended in [threads.submit(annotator.run) for annotator in annotators]:
            ended.result()  # an annotator that breaks down must not pass for one with nothing to say
    seen = Seen(processor_seconds=time.process_time() - before)
    for annotator in annotators:
        seen.add(annotator.seen)
    return seen


class _Annotator:
    """One person: asks for ten, answers each, asks again."""

    def __init__(self, plan: Plan, name: str, token: str) -> None:
        self.seen = Seen()
        self._plan = plan
        self._name = name
        self._client = Client(plan.port, token=token)
        self._random = random.Random(name)

    def run(self) -> None:
        """Label until the end; people do not begin in the same moment."""
        _sleep_until(self._plan.start_at + self._random.uniform(0, BATCH * self._plan.think_seconds))
        with self._client:
            while time.monotonic() < self._plan.stop_at:
                self._label_batch()

    def _label_batch(self) -> None:
        started = time.monotonic()
        asked = self._send("/leases", {"count": BATCH}, expected=200)
        if asked is None or not asked["images"]:
            time.sleep(RETRY_SECONDS)
            return
        self.seen.ask_seconds.append(time.monotonic() - started)
        self.seen.n_stale += asked["stale"]
        for image in asked["images"]:
            until = dt.datetime.fromisoformat(image["expires_at"])
            self.seen.handouts.append(Handout(self._name, image["image_id"], until))
        for image in asked["images"]:
            time.sleep(self._plan.think_seconds * self._random.uniform(0.5, 1.5))
            if time.monotonic() >= self._plan.stop_at:
                return
            self._answer(image["image_id"], self._plan.truth[image["position"]])

    def _answer(self, image_id: int, value: int) -> None:
        key = f"{self._name}-{image_id:06d}"
        started = time.monotonic()
        label = {"image_id": image_id, "value": value, "key": key}
        if self._send("/labels", {"labels": [label]}, expected=201) is not None:
            self.seen.answer_seconds.append(time.monotonic() - started)
            self.seen.acknowledged.append(Acknowledgement(self._name, image_id, value, key))

    def _send(self, path: str, body: object, *, expected: int) -> Any:
        """The answer; None if the request was refused, or failed for longer than the patience."""
        encoded = json.dumps(body).encode()
        while time.monotonic() < self._plan.stop_at + PATIENCE_SECONDS:
            try:
                status, answer = self._client.exchange("POST", f"{POOL}{path}", encoded)
            except (OSError, HTTPException) as error:
                self.seen.troubles[type(error).__name__] += 1
            else:
                if status == expected:
                    return json.loads(answer)
                self.seen.troubles[f"{status} {json.loads(answer)['code']}"] += 1
                if status < 500:
                    return None
            time.sleep(RETRY_SECONDS)
        return None


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
