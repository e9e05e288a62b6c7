"""How far an oracle run is, as bars in the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app.cli.console import notes
from app.oracle import runs
from app.oracle.experiments import TABLE
from app.oracle.scenarios import Progress as RunProgress


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Room for bars; it ends with the block."""
    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notes) as bars:
        yield bars


def show_in(bars: Progress) -> runs.OnProgress:
    """One bar an experiment, begun when it begins, and one for what is done before the first answer."""
    tasks: dict[str, TaskID] = {}

    def show(progress: RunProgress) -> None:
        name = f"{progress.experiment} {progress.preparation is None}"
        title = TABLE[progress.experiment].title if progress.preparation is None else progress.preparation
        if name not in tasks:
            tasks[name] = bars.add_task(title, total=progress.total)
        bars.update(tasks[name], completed=progress.done, description=title[:1].upper() + title[1:])

    return show
