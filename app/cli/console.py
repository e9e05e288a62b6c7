"""What the commands share: where they print, the settings, and how failures are told."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DBAPIError
from typer.core import TyperGroup

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


class Commands(TyperGroup):
    """All commands; their help shows flags without a type, for a flag takes no value."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Before anything is parsed or shown."""
        _hide_types_of_flags(self)
        return super().make_context(*args, **extra)


def _hide_types_of_flags(command: Any) -> None:
    for param in command.get_params(typer.Context(command)):
        if getattr(param, "is_bool_flag", False):
            param.metavar = ""
    for below in getattr(command, "commands", {}).values():
        _hide_types_of_flags(below)


@contextmanager
def without_tensorflows_greeting() -> Iterator[None]:
    """Hide the lines about rounding that TensorFlow writes while it is imported, before it reads any setting.

    They come from C++, so the file descriptor is turned away; whatever else was written follows afterwards.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            said.seek(0)
            others = [line for line in said if b"absl::InitializeLog" not in line and b"oneDNN custom" not in line]
            os.write(stderr, b"".join(others))
            os.close(stderr)


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Expected failures end the command with their message alone."""
    try:
        yield
    except AppError as error:
        notes.print(f"[bold red]{type(error).__name__}[/]: {escape(error.message)}", soft_wrap=True)
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
