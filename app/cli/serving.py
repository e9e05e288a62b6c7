"""`inkling serve`."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Annotated

import typer

from app import datasets
from app.cli.console import failures_in_words, get_settings
from app.datasets import DataSet
from app.db import Database
from app.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (INKLING_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (INKLING_PORT); 0 takes a free one.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the labeling page in a browser.")] = False,
    no_trainer: Annotated[
        bool, typer.Option("--no-trainer", help="Start no trainer: one runs as `inkling train`.")
    ] = False,
) -> None:
    """Serve the labeling page, the oracle page and the REST API."""
    with failures_in_words():
        settings = get_settings(host=host, port=port)
        load_data = _read_ahead(settings)
        from app import server  # here: it takes half a second, in which the images are read

        server.serve(settings, open_browser=open_browser, with_trainer=not no_trainer, load_data=load_data)


def _read_ahead(settings: Settings) -> Callable[[], DataSet]:
    """The images of the settings. If there is no database yet, a thread reads them from now on."""
    load = partial(datasets.load, settings)
    if Database(settings.database_url).path.exists():
        return load
    ahead: Future[DataSet] = Future()

    def read() -> None:
        try:
            ahead.set_result(load())
        except Exception as error:  # the thread's boundary: raised where the images are needed
            ahead.set_exception(error)

    # A daemon, so that a start that fails for another reason need not wait for a download.
    threading.Thread(target=read, name="images", daemon=True).start()
    return ahead.result
