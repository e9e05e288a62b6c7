"""The one place where the application is put together."""

import datetime as dt
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from app import datasets
from app.datasets.splits import split
from app.db import Database
from app.live import Live
from app.oracle.runs import OracleRunner
from app.pools import Pools, create_pool
from app.queries import list_pools
from app.settings import ROOT, Settings
from app.trainer import Trainer
from app.web import (
    answer_pages,
    api,
    docs,
    health,
    image_pages,
    images,
    login,
    oracle_pages,
    pages,
    people_pages,
    worker,
)
from app.web.deps import Services
from app.web.gate import Gate
from app.web.metrics import Metrics
from app.web.observed import Observed
from app.web.problems import BugGuard, add_error_handlers
from app.web.security import Security
from app.web.throttle import LoginThrottle

logger = logging.getLogger(__name__)

DEFAULT_POOL = "digits"
THREADS = 120  # requests may wait for a round, a second each, and must not keep the others out


def create_app(settings: Settings) -> FastAPI:
    """The application on a migrated database; its threads start and end with the server.

    Raises:
        AppError: the database cannot be used, or there is no pool and none can be made of the data set.
    """
    database = Database(settings.database_url)
    database.migrate()
    database.check_start()
    ensure_pool(database, settings)
    live = Live(database.sessions)
    services = Services(
        settings=settings,
        database=database,
        pools=Pools(),
        live=live,
        trainer=Trainer(database, live, retry_seconds=settings.retry_seconds),
        oracle_runner=OracleRunner(database, partial(datasets.load, settings)),
        gate=Gate(database, settings),
        login_throttle=LoginThrottle(),
        metrics=Metrics(database),
    )
    app = FastAPI(
        title="Inkling",
        description=docs.DESCRIPTION,
        version=docs.VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
        separate_input_output_schemas=False,
    )
    app.state.services = services
    for module in (
        api,
        images,
        health,
        login,
        docs,
        pages,
        answer_pages,
        image_pages,
        people_pages,
        oracle_pages,
        worker,
    ):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=ROOT / "static"), name="static")
    app.mount("/vendor/bokeh", StaticFiles(directory=_package_folder("bokeh", "server/static/js")))
    app.mount("/vendor/swagger", StaticFiles(directory=_package_folder("fastapi_offline", "static")))
    add_error_handlers(app)
    docs.describe(app)
    app.add_middleware(BugGuard)
    app.add_middleware(Security, settings=settings)
    app.add_middleware(Observed, metrics=services.metrics)
    return app


def ensure_pool(database: Database, settings: Settings) -> None:
    """Make the first pool from the settings, unless there is one: then those of its making stay in force."""
    with database.read() as session:
        pools, _ = list_pools(session)
    if not pools:
        make_pool(database, settings, slug=DEFAULT_POOL)
        with database.read() as session:
            pools, _ = list_pools(session)
    for pool in pools:
        logger.info("pool %s: %d images of %s", pool.slug, pool.n_images, pool.dataset_description)


def make_pool(database: Database, settings: Settings, *, slug: str) -> None:
    """A pool from the data set and sizes of the settings, whole or not at all."""
    data = datasets.load(settings)
    splits = split(
        data,
        pool_start=settings.pool_start,
        pool_size=settings.pool_size,
        validation_size=settings.validation_size,
    )
    with database.write() as session:
        create_pool(
            session,
            data,
            splits,
            slug=slug,
            name="Handwritten digits",
            ranking=settings.ranking,
            batch_size=settings.batch_size,
            queue_size=settings.queue_size,
            now=dt.datetime.now(dt.UTC),
        )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    services.trainer.start()
    services.oracle_runner.start()
    yield
    services.oracle_runner.stop()
    services.trainer.stop()
    services.database.close()


def _package_folder(package: str, folder: str) -> Path:
    """A folder of an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed; run make setup")
    return Path(spec.submodule_search_locations[0]) / folder
