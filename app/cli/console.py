"""What the commands share: where they print, the settings, and how failures are told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DBAPIError

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
        notes.print(f"[bold red]{type(error).__name__}[/]: {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except DBAPIError as error:
        notes.print(
            f"[bold red]The database cannot be used[/]: {escape(str(error.orig))}. Is there room on the disk, and may "
            "this user write to the file and its folder?",
            soft_wrap=True,
        )
        sys.exit(1)
    except OSError as error:
        notes.print(f"[bold red]{escape(str(error.filename))}[/]: {error.strerror}", soft_wrap=True)
        sys.exit(1)
    except SettingsError as error:
        notes.print(f'[bold red]Wrong setting[/]: {escape(str(error))}. Lists are JSON: ["a", "b"].', soft_wrap=True)
        sys.exit(2)
    except ValidationError as error:
        for wrong in error.errors():
            name = f"INKLING_{'_'.join(map(str, wrong['loc'])).upper()}"
            notes.print(
                f"[bold red]{name}[/] is {escape(repr(wrong['input']))}: {escape(wrong['msg'])}", soft_wrap=True
            )
        sys.exit(2)
