"""What the commands share: where they print, the settings, and how failures are told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from app import logs
from app.db import Database
from app.errors import AppError
from app.settings import Settings


class _Console(Console):
    """Shows control characters instead of sending them to the terminal: names, remarks and paths may hold any."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str("\n".join(map(logs.one_line, text.split("\n"))), **options)


screen = _Console()  # results
notes = _Console(stderr=True)  # everything else


def get_settings(**given: object) -> Settings:
    """The settings of the environment with what the command line gives, unless that is None; sets the logs up."""
    given = {name: value for name, value in given.items() if value is not None}
    settings = Settings.model_validate({**Settings().model_dump(), **given})
    logs.set_up(settings)
    return settings


def open_database(settings: Settings | None = None) -> Database:
    """The database of the settings, migrated."""
    database = Database((settings or get_settings()).database_url)
    database.migrate()
    return database


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Expected failures end the command with their message alone."""
    try:
        yield
    except AppError as error:
        _end("Error", str(error))
    except OSError as error:
        _end(str(error.filename or "Error"), error.strerror or str(error))
    except SettingsError as error:
        _end("Wrong setting", f'{error}. Lists are JSON: ["a", "b"].', code=2)
    except ValidationError as error:
        for wrong in error.errors():
            name = f"INKLING_{'_'.join(map(str, wrong['loc'])).upper()}"
            notes.print(
                f"[bold red]{name}[/] is {escape(repr(wrong['input']))}: {escape(wrong['msg'])}", soft_wrap=True
            )
        sys.exit(2)


def _end(title: str, message: str, *, code: int = 1) -> NoReturn:
    notes.print(f"[bold red]{escape(title)}[/]: {escape(message)}", soft_wrap=True)
    sys.exit(code)
