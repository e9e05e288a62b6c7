"""For load balancers and scripts: is the process there, and can it train yet?"""

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from app import training_status
from app.web.edge.auth import InAdmin
from app.web.edge.deps import InServices, Now, expects_trainer
from app.web.edge.problems import responses

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """`loading`: answers are taken already, the model comes in some seconds. `absent`: no trainer is running."""

    status: Literal["ok", "loading", "absent"]


@router.get("/healthz")
async def get_health() -> Health:
    """200 as soon as the server answers at all; it needs no thread, because all of them may be busy."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health, "description": "No trainer is ready"}})
def get_readiness(services: InServices, response: Response, now: Now) -> Health:
    """200 once a trainer is ready, 503 before."""
    with services.database.read() as session:
        if training_status.is_ready(session, now=now):
            return Health(status="ok")
        trainer = training_status.find_trainer(session, now=now)
    response.status_code = 503
    return Health(status="loading" if trainer or expects_trainer(services) else "absent")


@router.get(
    "/metrics",
    response_class=Response,
    responses=responses(401, 403, ok={"content": {"text/plain": {}}, "description": "Prometheus's text"}),
)
def get_metrics(services: InServices, admin: InAdmin) -> Response:  # noqa: ARG001 (being admin is all)
    """For Prometheus; with accounts, by an admin's token."""
    return Response(generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST)
