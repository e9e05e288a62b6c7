"""What endpoints need from the application."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query
from sqlalchemy.orm import Session
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import HTTPConnection

from app.db import Database
from app.delivering import Deliverer
from app.examples import Examples
from app.feed import Feed
from app.live import Live
from app.loops import BackgroundLoop
from app.models import Pool
from app.pictures import Decoders
from app.pools import SLUG, Pools
from app.predicting import Predictors
from app.previews import Previews
from app.rounds import NewestRound
from app.settings import Settings
from app.supervisor import TrainerSupervisor
from app.training_status import Training, read_training
from app.web.edge.gate import Gate
from app.web.edge.metrics import Metrics
from app.web.edge.pace import Pace
from app.web.edge.streams import Streams
from app.web.edge.throttle import LoginThrottle

MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the running application, built once by `create_app`."""

    settings: Settings
    database: Database
    pools: Pools
    live: Live
    streams: Streams
    feed: Feed
    supervisor: TrainerSupervisor | None
    gate: Gate
    login_throttle: LoginThrottle
    pace: Pace
    metrics: Metrics
    decoders: Decoders
    previews: Previews
    predictors: Predictors
    deliverer: Deliverer
    examples: Examples
    merger: BackgroundLoop


# Coroutines: FastAPI would send a plain function to a thread, which takes longer than the function.
async def get_services(request: HTTPConnection) -> Services:
    services: Services = request.app.state.services
    return services


def get_training(
    services: Services, session: Session, pool: Pool, now: dt.datetime, newest: NewestRound | None = None
) -> Training:
    """The status of a pool's training; without a trainer, whether the server is about to start one."""
    return read_training(session, pool, newest, is_supervised=expects_trainer(services), now=now)


def expects_trainer(services: Services) -> bool:
    """Whether the server is about to start a trainer if there is none."""
    return services.supervisor is not None and services.supervisor.is_promising


async def get_now() -> dt.datetime:
    """The time of the request, UTC."""
    return dt.datetime.now(dt.UTC)


InServices = Annotated[Services, Depends(get_services)]
Now = Annotated[dt.datetime, Depends(get_now)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most items of one page.")]
Cursor = Annotated[
    int | None, Query(ge=0, le=2**63 - 1, description="`next` of the page before; left out for the first.")
]
PathId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Slug = Annotated[str, Path(pattern=f"^{SLUG.pattern}$", examples=["digits"])]


class _IdConvertor(Convertor[int]):
    """An id in an address; Starlette's own for numbers breaks on one of 5,000 digits."""

    regex = "[1-9][0-9]{0,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", _IdConvertor())
