"""What the commands share: where they print, the settings, and how failures are told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from rich.console import Console

from app import logs
from app.db import Database
from app.errors import AppError
from app.settings import Settings

screen = Console()  # results
notes = Console(stderr=True)  # everything else


def get_settings(**given: object) -> Settings:
    """The settings of the environment with what the command line gives; sets the logs up by them."""
    settings = Settings.model_validate({**Settings().model_dump(), **given})
    logs.set_up(settings)
    return settings


def open_database() -> Database:
    """The database of the settings, migrated."""
    database = Database(get_settings().database_url)
    database.migrate()
    return database


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Expected failures end the command with their message alone."""
    try:
        yield
    except AppError as error:
        notes.print(f"[bold red]{type(error).__name__}[/]: {error.message}", soft_wrap=True)
        sys.exit(1)
    except ValidationError as error:
        for wrong in error.errors():
            name = f"INKLING_{'_'.join(map(str, wrong['loc'])).upper()}"
            notes.print(f"[bold red]{name}[/] is {wrong['input']!r}: {wrong['msg']}", soft_wrap=True)
        sys.exit(2)
