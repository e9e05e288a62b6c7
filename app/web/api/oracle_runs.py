"""Oracle runs: queue one, watch it, read its curves, stop it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from app import queries
from app.oracle import runs
from app.web.api.oracle_downloads import attachment, csv_response, curves_of
from app.web.api.run_schemas import OracleRunDetail, OracleRunIn, OracleRunOut, with_sizes
from app.web.api.schemas import Page
from app.web.edge.auth import get_admin
from app.web.edge.deps import Cursor, InServices, Limit, Now, PathId
from app.web.edge.problems import responses

router = APIRouter(
    prefix="/oracle-runs", tags=["oracle runs"], responses=responses(403), dependencies=[Depends(get_admin)]
)


@router.post("", status_code=202, responses=responses(429), dependencies=[with_sizes])
def request_run(body: OracleRunIn, response: Response, services: InServices, now: Now) -> OracleRunOut:
    """Queue a run; one runs at a time. `Location` says where to watch it."""
    with services.database.write() as session:
        run = runs.request_run(session, body.parameters(), now=now)
    response.headers["Location"] = f"/api/v1/oracle-runs/{run.id}"
    return OracleRunOut.model_validate(run)


@router.get("")
def list_runs(services: InServices, cursor: Cursor = None, limit: Limit = 100) -> Page[OracleRunOut]:
    """All runs, newest first, without their curves."""
    with services.database.read() as session:
        found, following = queries.list_oracle_runs(session, before=cursor, limit=limit)
    return Page(items=[OracleRunOut.model_validate(run) for run in found], next=following)


@router.get(
    "/{run_id}",
    response_model=OracleRunDetail,
    responses=responses(404, ok={"description": "The run", "content": {"text/csv": {}}}),
)
def get_run(
    run_id: PathId,
    response: Response,
    services: InServices,
    download: Annotated[
        Literal["json", "csv"] | None, Query(description="As a file: this JSON, or the points of all curves as CSV.")
    ] = None,
) -> OracleRunDetail | Response:
    """One run with its progress and, when it has ended, every curve that is finished."""
    with services.database.read() as session:
        if download == "csv":
            return csv_response(f"inkling-run-{run_id}", curves_of(run_id, runs.get_result(session, run_id)))
        detail = OracleRunDetail.of(runs.get_run(session, run_id))
    if download == "json":
        response.headers.update(attachment(f"inkling-run-{run_id}.json"))
    return detail


@router.post("/{run_id}/stop", responses=responses(404, 409))
@router.delete("/{run_id}", responses=responses(404, 409), deprecated=True)
def stop_run(run_id: PathId, services: InServices, now: Now) -> OracleRunOut:
    """Stop a run that is queued or under way."""
    with services.database.write() as session:
        return OracleRunOut.model_validate(runs.stop_run(session, run_id, now=now))
