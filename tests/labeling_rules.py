"""The rules of labeling told once more, in dictionaries: what a database under test is compared with.

Every act has a key, so the same act of the same annotator from another device is the one that stands.
"""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import AlreadyLabeled, LeasedByAnother, NotFound, NothingToUndo

from .factories.making import LEASE_SECONDS

LEASE_TIME = dt.timedelta(seconds=LEASE_SECONDS)
LONGEST_HOLD = 6 * LEASE_TIME


@dataclass(frozen=True)
class Held:
    """A lease: whose, from when to when, and where the image stood when it was asked. No rank: behind all ranks."""

    name: str
    since: dt.datetime
    until: dt.datetime
    round_number: int
    rank: int | None


@dataclass(frozen=True)
class Done:
    """An event of the model."""

    id: int
    kind: str
    image: int
    name: str
    value: int | None = None
    undoes: int | None = None
    round_number: int = 0
    rank: int | None = None


@dataclass
class Rules:
    """The rules of labeling, in memory."""

    images: list[int]
    batch_size: int
    admin: str  # who may change and take back what others answered
    events: list[Done] = field(default_factory=list)
    label: dict[int, int] = field(default_factory=dict)  # image -> event that stands
    skips: dict[tuple[int, str], int] = field(default_factory=dict)  # image and annotator -> event
    held: dict[int, Held] = field(default_factory=dict)
    rankings: list[list[int]] = field(default_factory=list)
    seen: list[int] = field(default_factory=lambda: [0])  # by each round: the last event before it was computed

    @property
    def n_new(self) -> int:
        """Labels that the newest round has not seen."""
        return sum(event_id > self.seen[-1] for event_id in self.label.values())

    def ask(self, name: str, count: int | None, now: dt.datetime) -> list[int]:
        """The images that come, in their order."""
        mine = self.mine(name)[:count]
        self.hold(mine, now)
        missing = 0 if count is None else count - len(mine)
        if missing or (count is None and not mine):
            self.held = {i: h for i, h in self.held.items() if h.name == name or h.until > now}
            if count is None:
                missing = max(0, self.batch_size - self.n_new - len(self.held)) or self.batch_size
            ranking = self.rankings[-1]
            ranks = {image: rank for rank, image in enumerate(ranking)}
            free = [
                image for image in [*ranking, *(i for i in self.images if i not in ranks)] if self.is_free(image, name)
            ]
            for image in free[:missing]:
                self.held[image] = Held(name, now, now + LEASE_TIME, len(self.rankings) - 1, ranks.get(image))
        return self.mine(name)[:count]

    def mine(self, name: str) -> list[int]:
        """What somebody holds, in the order in which it is shown."""

        def order(image: int) -> tuple[int, bool, int, int]:
            held = self.held[image]
            return held.round_number, held.rank is None, held.rank or 0, image

        return sorted((image for image, held in self.held.items() if held.name == name), key=order)

    def is_free(self, image: int, name: str) -> bool:
        """Whether it may be given to somebody."""
        return image not in self.label and image not in self.held and (image, name) not in self.skips

    def answer(self, name: str, given: dict[int, int], now: dt.datetime) -> list[int]:
        """All or nothing; the ids of the events."""
        known = {image for image, value in given.items() if self.gave(name, image, value)}
        new = [image for image in given if image not in known]
        if any(image in self.label for image in new):
            raise AlreadyLabeled("")
        if any(self.is_with_another(image, name, now) for image in new):
            raise LeasedByAnother("")
        for image in new:
            event = self.append("label", image, name, self.asked(image, name), value=given[image])
            self.label[image] = event.id
            self.held.pop(image, None)
        return [self.label[image] for image in given]

    def gave(self, name: str, image: int, value: int) -> bool:
        """Whether somebody's own answer of this value stands."""
        event = self.find(self.label.get(image, 0))
        return event is not None and (event.name, event.value) == (name, value)

    def skip(self, name: str, image: int, now: dt.datetime) -> list[int]:
        """Leave it to others."""
        if (image, name) in self.skips and image not in self.mine(name):
            return [self.skips[image, name]]
        if self.is_with_another(image, name, now):
            raise LeasedByAnother("")
        if image in self.label:
            raise AlreadyLabeled("")
        event = self.append("skip", image, name, self.asked(image, name))
        self.skips[image, name] = event.id
        self.held.pop(image, None)
        return [event.id]

    def flag(self, name: str, image: int) -> list[int]:
        """A remark changes nothing."""
        return [self.append("flag", image, name, self.asked(image, name)).id]

    def change(self, name: str, event_id: int, new: int) -> list[int]:
        """Another value for an answer that stands."""
        event = self.find(event_id)
        if event is not None and self.gave(name, event.image, new):
            standing = self.events[self.label[event.image] - 1]
            if (standing.kind, standing.undoes) == ("change", event_id):
                return [standing.id]
        if event is None or event.value is None or (event.name != name and name != self.admin):
            raise NotFound("")
        if self.label.get(event.image) != event_id:
            raise NothingToUndo("")
        where = (event.round_number, event.rank)
        self.label[event.image] = self.append("change", event.image, name, where, value=new, undoes=event_id).id
        return [self.events[-1].id]

    def undo(self, name: str, event_id: int | None, now: dt.datetime) -> list[int]:
        """Take back an act that stands."""
        standing = {*self.label.values(), *self.skips.values()}
        if event_id is None:
            own = [event.id for event in self.events if event.name == name and event.id in standing]
            if not own:
                raise NothingToUndo("")
            event_id = max(own)
        event = self.find(event_id)
        is_theirs = event is not None and name in (event.name, self.admin)
        if event is None or not is_theirs or event.kind not in ("label", "change", "skip"):
            raise NotFound("")
        if event_id not in standing:
            raise NothingToUndo("")
        if event.kind == "skip":
            del self.skips[event.image, event.name]
        elif event.undoes is not None:
            self.label[event.image] = event.undoes
        else:
            del self.label[event.image]
        where = (event.round_number, event.rank)
        undone = self.append("undo", event.image, name, where, undoes=event_id)
        is_own = event.name == name
        if is_own and event.image not in self.label and not self.is_with_another(event.image, name, now):
            self.held[event.image] = Held(name, now, now + LEASE_TIME, *where)
        return [undone.id]

    def renew(self, name: str, now: dt.datetime) -> int:
        """Hold it all for longer, but for what was given too long ago."""
        return self.hold(self.mine(name), now)

    def hold(self, images: list[int], now: dt.datetime) -> int:
        """Put the end off, or begin anew where it is over; for how many that was done."""
        n_held = 0
        for image in images:
            was = self.held[image]
            is_over = was.until <= now
            if is_over or was.since > now - LONGEST_HOLD:
                self.held[image] = replace(was, since=now if is_over else was.since, until=now + LEASE_TIME)
                n_held += 1
        return n_held

    def release(self, name: str, images: list[int] | None) -> int:
        """Give some or all of it back."""
        given = [image for image in self.mine(name) if images is None or image in images]
        for image in given:
            del self.held[image]
        return len(given)

    def train(self, ranking: list[int], seen: int) -> None:
        """A round that has seen the first so many events."""
        self.seen.append(seen)
        self.rankings.append(ranking)

    def is_with_another(self, image: int, name: str, now: dt.datetime) -> bool:
        """Whether somebody else's lease of it lasts."""
        held = self.held.get(image)
        return held is not None and held.name != name and held.until > now

    def asked(self, image: int, name: str) -> tuple[int, int | None]:
        """In which round and at which rank it was asked."""
        held = self.held.get(image)
        if held is not None and held.name == name:
            return held.round_number, held.rank
        ranking = self.rankings[-1]
        return len(self.rankings) - 1, ranking.index(image) if image in ranking else None

    def find(self, event_id: int) -> Done | None:
        """The event of this id; ids count from 1."""
        return self.events[event_id - 1] if 1 <= event_id <= len(self.events) else None

    def append(self, kind: str, image: int, name: str, where: tuple[int, int | None], **more: Any) -> Done:
        """A new event."""
        event = Done(len(self.events) + 1, kind, image, name, round_number=where[0], rank=where[1], **more)
        self.events.append(event)
        return event
