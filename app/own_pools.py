"""Pools of images that people bring: made empty, and filled afterwards."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app import milestones
from app.changes import Change, note
from app.errors import ClassesInvalid, NotFound, SettingInvalid, SizeInvalid
from app.guidelines import check_guideline
from app.learning.learner import LabeledImages
from app.learning.names import LearnerName, Strategy
from app.models import MAX_DESCRIPTION, MAX_GUIDELINE, Pool
from app.pools import check_name, check_names, insert_round_0, read_known

DATASET = "own"  # the name of where the images come from: nowhere that could be read again
SIDES = range(8, 65)  # pixels: what learners see
N_CLASSES = range(2, 1001)
MAX_CLASS_NAME = 100
CHANCE_EVERY = range(1, 1001)  # one question in so many may be drawn by chance
ASKED_BY_CHANCE = 10  # one question in so many, if nothing else is said


@dataclass(frozen=True, slots=True)
class OwnPoolSpec:
    """What a pool of one's own is to be. `channels` is 1 for grey, or 3.

    One question in `chance_every` is drawn by chance, to tell how good the model is; None asks none of these.
    """

    slug: str
    name: str
    classes: Sequence[str]
    height: int
    width: int
    channels: int
    learner: LearnerName = "graph"
    strategy: Strategy = "least_confidence"
    batch_size: int = 10
    queue_size: int = 500
    chance_every: int | None = ASKED_BY_CHANCE
    description: str | None = None


def create_pool(session: Session, spec: OwnPoolSpec, *, filled: bool, now: dt.datetime) -> Pool:
    """A pool without images. Unless it is `filled`, nobody sees it before `mark_filled`.

    Raises:
        SlugTaken, SlugInvalid, NameInvalid, ClassesInvalid
        SizeInvalid: learners take 8 to 64 pixels a side.
        SettingInvalid: the description is too long, or `chance_every` is out of bounds.
    """
    check_names(session, spec.slug, spec.name)
    classes = check_classes(spec.classes)
    if spec.height not in SIDES or spec.width not in SIDES:
        raise SizeInvalid(
            f"A learner cannot see {spec.width} × {spec.height} pixels. Take {SIDES[0]} to {SIDES[-1]} a side; "
            "people see the originals all the same.",
            height=spec.height,
            width=spec.width,
        )
    _check_settings(DATASET, {"description": spec.description, "chance_every": spec.chance_every})
    pool = Pool(
        slug=spec.slug,
        name=spec.name,
        dataset=DATASET,
        dataset_description="images of one’s own",
        dataset_sha256="",
        classes=classes,
        n_images=0,
        height=spec.height,
        width=spec.width,
        channels=spec.channels,
        answers_wanted=1,
        learner=spec.learner,
        strategy=spec.strategy,
        batch_size=spec.batch_size,
        queue_size=spec.queue_size,
        chance_every=spec.chance_every,
        description=spec.description,
        created_at=now,
        grown_at=now,
    )
    session.add(pool)
    session.flush()
    if filled:
        start_rounds(session, pool, now=now)
        mark_filled(session, pool, now=now)
    return pool


def can_ask_by_chance(dataset: str) -> bool:
    """Whether questions by chance tell anything: pools of a data set have test images for that."""
    return dataset == DATASET


def _check_settings(dataset: str, values: Mapping[str, Any]) -> None:
    for name, most in (("description", MAX_DESCRIPTION), ("guideline", MAX_GUIDELINE)):
        length = len(values.get(name) or "")
        if length > most:
            raise SettingInvalid(f"The {name} has {length:,} characters; {most:,} fit. Shorten it.", name=name)
    every = values.get("chance_every")
    if every is not None and not can_ask_by_chance(dataset):
        raise SettingInvalid("A pool of a data set has test images, so it asks nothing by chance.", name="chance_every")
    if every is not None and every not in CHANCE_EVERY:
        raise SettingInvalid(
            f"One question in {CHANCE_EVERY[0]} to {CHANCE_EVERY[-1]:,} is drawn by chance, or none.",
            name="chance_every",
        )


def check_classes(names: Sequence[str]) -> list[str]:
    """The names without the spaces around them.

    Raises:
        ClassesInvalid
    """
    classes = [name.strip() for name in names]
    if len(classes) not in N_CLASSES:
        raise ClassesInvalid(
            f"A pool has {N_CLASSES[0]} to {N_CLASSES[-1]:,} classes; here are {len(classes)}.", classes=classes
        )
    for name in classes:
        if not 0 < len(name) <= MAX_CLASS_NAME or not name.isprintable():
            raise ClassesInvalid(
                f"{name!r} cannot name a class. Take 1 to {MAX_CLASS_NAME} characters in one line that can be seen.",
                name=name,
            )
    twice = next((name for index, name in enumerate(classes) if name in classes[:index]), None)
    if twice is not None:
        raise ClassesInvalid(f"The class {twice} is named twice. Name each once.", name=twice)
    return classes


def change_pool(session: Session, pool: Pool, *, now: dt.datetime, **values: Any) -> Pool:
    """Set these columns: `name`, `description`, `guideline`, goals, `chance_every`, `archived_at`, `paused_at`.

    Questions by chance come as often as `chance_every` says from the next one on. Those before stay what they are: each
    was drawn by chance from what was left, however many there were.

    Another goal may be reached again, and is noticed at once if it is reached already.

    Raises:
        NameInvalid, GuidelineInvalid
        SettingInvalid: a text is too long; `chance_every` is out of bounds, or the pool is one of a data set.
    """
    pool = session.get_one(Pool, pool.id)
    _check_settings(pool.dataset, values)
    if "name" in values:
        check_name(values["name"])
    if "guideline" in values:
        check_guideline(session, pool, values["guideline"])
    new_goals = [goal for goal in ("labels", "accuracy") if f"goal_{goal}" in values]
    new_goals = [goal for goal in new_goals if getattr(pool, f"goal_{goal}") != values[f"goal_{goal}"]]
    for name, value in values.items():
        setattr(pool, name, value)
    for goal in new_goals:
        setattr(pool, f"{goal}_reached_at", None)
    note(session, Change("pool", pool.id))
    if new_goals:
        session.flush()
        milestones.notice(session, pool, now=now)
    return pool


def add_classes(session: Session, pool: Pool, names: Sequence[str]) -> Pool:
    """Append classes; each gets the last button. The next round knows them.

    Raises:
        ClassesInvalid
    """
    pool = session.get_one(Pool, pool.id)
    n_before = len(pool.classes)
    pool.classes = check_classes([*pool.classes, *names])
    if pool.class_order is not None:
        pool.class_order = [*pool.class_order, *range(n_before, len(pool.classes))]
    note(session, Change("pool", pool.id))
    return pool


def rename_class(session: Session, pool: Pool, index: int, name: str) -> Pool:
    """Give a class another name; what was labeled with it has that name, too.

    Raises:
        ClassesInvalid
        NotFound: the pool has no such class.
    """
    pool = session.get_one(Pool, pool.id)
    get_class(pool, index)
    pool.classes = check_classes([*pool.classes[:index], name, *pool.classes[index + 1 :]])
    note(session, Change("pool", pool.id))
    return pool


def get_class(pool: Pool, index: int) -> str:
    """The name of a class.

    Raises:
        NotFound: the pool has no such class.
    """
    if not 0 <= index < len(pool.classes):
        raise NotFound(f"{pool.name} has no class {index}.", hint=f"Give 0 to {len(pool.classes) - 1}.", index=index)
    return pool.classes[index]


def order_classes(session: Session, pool: Pool, order: Sequence[int]) -> Pool:
    """Put the buttons of the classes in another order.

    Raises:
        ClassesInvalid: these are not the classes that have buttons, each once.
    """
    pool = session.get_one(Pool, pool.id)
    if sorted(order) != sorted(pool.buttons):
        raise ClassesInvalid(
            f"The buttons of {pool.name} are {', '.join(map(str, sorted(pool.buttons)))}. Give each of them once.",
            order=list(order),
        )
    pool.class_order = list(order)
    note(session, Change("pool", pool.id))
    return pool


def start_rounds(session: Session, pool: Pool, *, now: dt.datetime) -> None:
    """Store round 0 of a pool whose test and validation images are all there: from now on labels can be stored."""
    pool = session.get_one(Pool, pool.id)
    validation: LabeledImages = read_known(session, pool, "validation")
    insert_round_0(session, pool, validation, read_known(session, pool, "test"), now=now)


def mark_filled(session: Session, pool: Pool, *, now: dt.datetime) -> None:
    """From now on the pool, which has round 0, is there for all. Further images may come later."""
    filled = session.get_one(Pool, pool.id)
    filled.filled_at = filled.grown_at = now
    note(session, Change("pool", filled.id))
    if filled.n_images:
        note(session, Change("due", filled.id))
