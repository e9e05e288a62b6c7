"""The one place where the application is put together."""

import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio.to_thread
from fastapi import FastAPI

from app import datasets, deleting, first_pools, merging
from app.datasets import DataSet
from app.db import Database
from app.delivering import Deliverer
from app.examples import Examples
from app.feed import Feed
from app.limits import DECODERS, THREADS
from app.live import Live
from app.loops import BackgroundLoop
from app.pictures import Decoders
from app.pools import Pools
from app.predicting import Predictors
from app.previews import Previews
from app.settings import Settings
from app.supervisor import TrainerSupervisor
from app.web import api, pages
from app.web.api import classes, health, images
from app.web.edge.assets import mount_assets
from app.web.edge.deps import Services
from app.web.edge.gate import Gate
from app.web.edge.metrics import Metrics
from app.web.edge.observer import RequestObserver
from app.web.edge.pace import Pace
from app.web.edge.problems import BugGuard, add_error_handlers
from app.web.edge.security import Security
from app.web.edge.streams import Streams
from app.web.edge.throttle import LoginThrottle
from app.web.pages.docs import DESCRIPTION, VERSION, describe

logger = logging.getLogger(__name__)

MERGE_SECONDS = 2.0  # between two looks for labels that follow no merge yet


def create_app(
    settings: Settings, load_data: Callable[[], DataSet] | None = None, *, with_trainer: bool = False
) -> FastAPI:
    """The application on a migrated database; its threads, and its trainer, start and end with the server.

    `load_data` loads the images for the first pool, if there is none yet; by default those of the settings.

    Raises:
        AppError: the database cannot be used, or there is no pool and none can be made of the data set.
    """
    database = Database(settings.database_url)
    database.migrate()
    database.check_start()
    deleting.discard_dead(database, now=dt.datetime.now(dt.UTC))
    first_pools.ensure_first(database, settings, load_data or partial(datasets.load, settings))
    live, pools = Live(database), Pools()
    deliverer = Deliverer(database, allow_private=settings.webhooks_private)
    for listener in (pools.hear, deliverer.hear):
        live.listen(listener)
    services = Services(
        settings=settings,
        database=database,
        pools=pools,
        live=live,
        streams=Streams(live),
        feed=Feed(database, live.publish),
        supervisor=TrainerSupervisor(settings, database) if with_trainer else None,
        gate=Gate(database, settings),
        login_throttle=LoginThrottle(),
        pace=Pace(),
        metrics=Metrics(database),
        decoders=Decoders(DECODERS),
        previews=Previews(),
        predictors=Predictors(),
        deliverer=deliverer,
        examples=Examples(),
        merger=BackgroundLoop(
            "merging", lambda: merging.follow_open(database, now=dt.datetime.now(dt.UTC)), poll_seconds=MERGE_SECONDS
        ),
    )
    app = FastAPI(
        title="Inkling",
        description=DESCRIPTION,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
        separate_input_output_schemas=False,
    )
    app.state.services = services
    for router in (api.router, images.router, classes.picture_router, health.router, pages.router):
        app.include_router(router)
    mount_assets(app)
    add_error_handlers(app)
    describe(app)
    app.add_middleware(BugGuard)
    app.add_middleware(Security, settings=settings)
    app.add_middleware(RequestObserver, metrics=services.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    services.feed.start()
    services.deliverer.start()
    services.merger.start()
    if services.supervisor is not None:
        services.supervisor.start()
    yield
    if services.supervisor is not None:
        services.supervisor.stop()
    services.deliverer.stop()
    services.merger.stop()
    services.feed.stop()
    services.decoders.close()
    services.previews.close()
    services.database.close()
