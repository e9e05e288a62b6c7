"""Oracle runs: queue one, watch it, read its curves, stop it."""

from fastapi import APIRouter, Depends, Response

from app import queries
from app.oracle import runs
from app.web.auth import get_admin
from app.web.deps import Cursor, InServices, Limit, Now, PathId
from app.web.problems import responses
from app.web.run_schemas import OracleRunDetail, OracleRunIn, OracleRunOut
from app.web.schemas import Page

router = APIRouter(
    prefix="/oracle-runs", tags=["oracle runs"], responses=responses(403), dependencies=[Depends(get_admin)]
)


@router.post("", status_code=202, responses=responses(429))
def request_run(body: OracleRunIn, response: Response, services: InServices, now: Now) -> OracleRunOut:
    """Queue a run; one runs at a time. `Location` says where to watch it."""
    with services.database.write() as session:
        run = runs.request_run(session, body.parameters(), now=now)
    services.oracle_runner.wake()
    response.headers["Location"] = f"/api/v1/oracle-runs/{run.id}"
    return OracleRunOut.model_validate(run)


@router.get("")
def list_runs(services: InServices, cursor: Cursor = None, limit: Limit = 100) -> Page[OracleRunOut]:
    """All runs, newest first, without their curves."""
    with services.database.read() as session:
        found, following = queries.list_oracle_runs(session, before=cursor, limit=limit)
    return Page(items=[OracleRunOut.model_validate(run) for run in found], next=following)


@router.get("/{run_id}", responses=responses(404))
def get_run(run_id: PathId, services: InServices) -> OracleRunDetail:
    """One run with its progress and, when it is done, every curve."""
    with services.database.read() as session:
        return OracleRunDetail.of(runs.get_run(session, run_id))


@router.delete("/{run_id}", responses=responses(404, 409))
def stop_run(run_id: PathId, services: InServices, now: Now) -> OracleRunOut:
    """Stop a run that is queued or under way."""
    with services.database.write() as session:
        return OracleRunOut.model_validate(runs.stop_run(session, run_id, now=now))
