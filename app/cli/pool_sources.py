"""`inkling pool create SLUG SOURCE` and `inkling pool add SLUG SOURCE`: images of one's own."""

import datetime as dt
import os
import re
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app import deleting, importing
from app.adding import Quota
from app.cli.console import get_settings, notes, open_database, screen
from app.db import Database
from app.errors import ClassesInvalid
from app.importing import LabelUse, Report
from app.models import Pool, Split
from app.own_pools import OwnPoolSpec, create_pool
from app.pictures import Decoders
from app.pools import get_pool
from app.sources import Relabeled, Source, open_source, read_labels

FOLDERS, NO_LABELS = "folders", "none"


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """What is said of labels: where they are, and what they are."""

    labels: str | None
    is_truth: bool
    is_standing: bool
    by: str | None

    @property
    def use(self) -> LabelUse:
        """
        Raises typer.BadParameter if the options contradict each other, or say half.
        """
        if self.is_truth and self.is_standing:
            raise typer.BadParameter("--truth and --standing exclude each other: the labels are one or the other.")
        if self.labels == NO_LABELS and (self.is_truth or self.is_standing):
            raise typer.BadParameter("--labels none leaves the labels out. Leave out --truth and --standing, too.")
        if self.labels not in (None, NO_LABELS) and not (self.is_truth or self.is_standing):
            raise typer.BadParameter(
                "Say what the labels are: --truth, what a simulation takes for right and people do not see; or "
                "--standing, answers that need not be given again."
            )
        if self.by is not None and not self.is_standing:
            raise typer.BadParameter("--by names whose answers the labels are. It goes with --standing.")
        return "truth" if self.is_truth else "standing" if self.is_standing else "none"

    def apply(self, source: Source) -> Source:
        """The source with these labels."""
        if self.labels is None or self.labels == FOLDERS:
            return source
        return Relabeled(source, {} if self.labels == NO_LABELS else read_labels(Path(self.labels)))


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """What is said of a new pool; what is left out comes from its images."""

    slug: str
    name: str | None
    classes: str | None
    size: str | None
    is_colour: bool | None
    spec: dict[str, object]  # what a spec has under the same name


def create_from_source(
    path: Path, options: PoolOptions, labels: LabelOptions, others: dict[Split, Path | None]
) -> None:
    """Make a pool of the images in a source, with test and validation images of others; nothing, if none is added."""
    use, size = labels.use, _parse_size(options.size)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # as an interrupt: nothing is to stay
    source = labels.apply(open_source(path))
    further = {split: open_source(other) for split, other in others.items() if other is not None}
    database, quota = _open()
    with _progress() as progress, Decoders(_count_processors()) as decoders:
        counting = progress.add_task(f"looking at {source.description}", total=None)
        n_items, found = _survey(source)
        classes = options.classes.split(",") if options.classes is not None else _find_classes(found, labels)
        spec = _make_spec(options, classes, size, importing.look(source, decoders))
        progress.remove_task(counting)
        deleting.discard_dead(database, now=_now())
        with database.write() as session:
            pool = create_pool(session, spec, filled=False, now=_now())
        try:
            bring = partial(_bring, database, pool, decoders, progress, quota)
            reports = {split: bring(other, split, "truth") for split, other in further.items()}
            report = reports["pool"] = bring(source, "pool", use, n_items)
            if report.n_added:
                importing.open_pool(database, pool, report.standing, by=labels.by, clock=_now)
        except BaseException:  # an interrupt, too
            deleting.discard(database, pool)
            raise
        if not report.n_added:
            deleting.discard(database, pool)
    _tell(reports)
    if not report.n_added:
        _end_with_nothing()
    if use == "none" and options.classes is None:
        notes.print("The labels only name the classes. --truth or --standing takes them as labels.")
    screen.print(f"Created pool “{escape(spec.name)}”: /pools/{options.slug}/label", soft_wrap=True)


def add_from_source(slug: str, path: Path, labels: LabelOptions) -> None:
    """Add the images of a source to a pool that is there. What was added before a failure stays."""
    use = labels.use
    source = labels.apply(open_source(path))
    database, quota = _open()
    with database.read() as session:
        pool = get_pool(session, slug)
    with _progress() as progress, Decoders(_count_processors()) as decoders:
        n_items = _survey(source)[0]
        report = _bring(database, pool, decoders, progress, quota, source, "pool", use, n_items, by=labels.by)
    _tell({"pool": report})
    if not report.n_added and not report.n_twice:
        _end_with_nothing()


def _open() -> tuple[Database, Quota]:
    """The database, and how much a pool in it may hold."""
    settings = get_settings()
    return open_database(settings), Quota(settings.max_pool_images, settings.max_pool_bytes)


def _bring(
    database: Database,
    pool: Pool,
    decoders: Decoders,
    progress: Progress,
    quota: Quota,
    source: Source,
    split: Split,
    use: LabelUse,
    total: int | None = None,
    by: str | None = None,
) -> Report:
    bar = progress.add_task(f"adding {source.description}", total=total)
    report = importing.import_source(
        database,
        pool,
        source,
        decoders,
        split=split,
        use=use,
        by=by,
        quota=quota,
        clock=_now,
        show=lambda n_done: progress.update(bar, completed=n_done),
    )
    progress.remove_task(bar)
    return report


def _survey(source: Source) -> tuple[int, set[str]]:
    """How many items there are, and which labels."""
    n_items, found = 0, set[str]()
    for label in source.labels():
        n_items += 1
        found |= set() if label is None else {label}
    return n_items, found


def _find_classes(found: set[str], labels: LabelOptions) -> list[str]:
    if labels.labels == NO_LABELS or not (classes := importing.sort_classes(found)):
        raise ClassesInvalid("The images have no labels that could name the classes. Name them: --classes bee,wasp,fly")
    return classes


def _make_spec(
    options: PoolOptions, classes: list[str], size: tuple[int, int] | None, look: importing.Look
) -> OwnPoolSpec:
    width, height = size or (look.width, look.height)
    is_colour = look.channels == 3 if options.is_colour is None else options.is_colour
    return OwnPoolSpec(
        slug=options.slug,
        name=options.slug if options.name is None else options.name,
        classes=classes,
        height=height,
        width=width,
        channels=3 if is_colour else 1,
        **options.spec,  # type: ignore[arg-type]  # the names and types are those of the command's options
    )


def _parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,4})(?:[x×](\d{1,4}))?", text)
    if found is None:
        raise typer.BadParameter("--size is a number of pixels, as 32, or width and height, as 32x48.")
    return int(found[1]), int(found[2] or found[1])


def _tell(reports: dict[Split, Report]) -> None:
    for split, report in reports.items():
        kind = "" if split == "pool" else f" {split}"
        lines = [f"Added {_count(report.n_added, f'{kind} image'.strip())}."]
        if report.n_twice:
            lines.append(
                f"Left out {_count(report.n_twice, 'file')} whose bytes another one, or the pool, has already."
            )
        if report.unknown_labels:
            named = ", ".join(f"{label} ({n:,})" for label, n in report.unknown_labels.most_common(10))
            n_images = _count(report.unknown_labels.total(), "image")
            lines.append(f"The label of {n_images} is no class of the pool, and was left out: {named}.")
        for line in lines:
            screen.print(escape(line), highlight=False, soft_wrap=True)
        for code, of_code in report.refused.items():
            more = of_code.count - len(of_code.names)
            names = ", ".join(of_code.names) + (f" and {more:,} more" if more else "")
            text = f"Refused {_count(of_code.count, 'file')} ({code}): {names}\n  {of_code.message}"
            screen.print(escape(text), highlight=False, soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _end_with_nothing() -> NoReturn:
    notes.print("[bold red]Error[/]: No image was added.")
    sys.exit(1)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=notes, transient=True)


def _count_processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
