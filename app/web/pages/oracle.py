"""The researchers' pages: start oracle runs, watch them, and see what came out beside the paper."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from app import queries, training_status
from app.errors import NotFound, RunFinished, TooManyRuns
from app.oracle import runs
from app.oracle.bounds import bounds_of
from app.oracle.experiments import TABLE
from app.rendering import as_png
from app.web.api.oracle_downloads import attachment, csv_response
from app.web.api.run_schemas import sizes_for, with_sizes
from app.web.edge.auth import get_admin
from app.web.edge.deps import Cursor, InServices, Now, PathId, Services
from app.web.edge.templates import templates
from app.web.pages.oracle_charts import RunIds
from app.web.pages.oracle_comparison import MAX_RUNS, compare_runs
from app.web.pages.oracle_form import InForm, OracleForm, empty_form, form_of, parse_form
from app.web.pages.oracle_views import STRATEGY_NAMES, OraclePage, OracleRunPage, ResultView, RunView

router = APIRouter(prefix="/oracle", include_in_schema=False, dependencies=[Depends(get_admin)])

RUNS_A_PAGE = 20

Like = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


@router.get("")
def show_runs(request: Request, services: InServices, cursor: Cursor = None, like: Like = None) -> Response:
    """The form and the runs, newest first. `like` fills the form with another run's parameters."""
    form = empty_form()
    if like is not None:
        with services.database.read() as session:
            form = form_of(runs.get_run(session, like).parameters)
    page = _build_page(services, form, cursor)
    return templates.TemplateResponse(request, "oracle.html", {"page": page})


@router.post("", dependencies=[with_sizes])
def start_run(form: InForm, request: Request, services: InServices, now: Now) -> Response:
    """Queue a run and go to its page; on bad input the form again."""
    body = parse_form(form)
    if isinstance(body, OracleForm):
        page = _build_page(services, body, cursor=None)
        return templates.TemplateResponse(request, "oracle.html", {"page": page}, 422)
    try:
        with services.database.write() as session:
            run_id = runs.request_run(session, body.parameters(), now=now).id
    except TooManyRuns as error:
        full = replace(form_of(body.model_dump()), other_errors=(error.message,))
        page = _build_page(services, full, cursor=None)
        return templates.TemplateResponse(request, "oracle.html", {"page": page}, error.status)
    return RedirectResponse(f"/oracle/{run_id}", 303)


@router.get("/compare")
def show_comparison(
    run_ids: RunIds, request: Request, services: InServices, download: Literal["json", "csv"] | None = None
) -> Response:
    """Several runs in one chart and one table, or as a file."""
    with services.database.read() as session:
        page = compare_runs(session, run_ids)
    if download == "csv":
        return csv_response(page.file_name, [row.run for row in page.rows])
    if download == "json":
        return JSONResponse(page.as_json(), headers=attachment(f"{page.file_name}.json"))
    return templates.TemplateResponse(request, "oracle_compare.html", {"page": page})


@router.get("/{run_id}")
def show_run(run_id: PathId, request: Request, services: InServices) -> Response:
    """The progress of a run, and its result."""
    with services.database.read() as session:
        run = runs.get_run(session, run_id)
    view, result = RunView.of(run), runs.read_result(run)
    page = OracleRunPage(view, ResultView.of(result) if result else None, view.missing_in(result) if result else [])
    return templates.TemplateResponse(request, "oracle_run.html", {"page": page})


@router.post("/{run_id}/stop")
def stop_run(run_id: PathId, services: InServices, now: Now) -> Response:
    """Stop a run and show what it says now."""
    try:
        with services.database.write() as session:
            runs.stop_run(session, run_id, now=now)
    except RunFinished:
        pass  # it ended before the click: its page shows the result, and that is no error
    return RedirectResponse(f"/oracle/{run_id}", 303)


@router.get("/{run_id}/centers/{number}.png")
def get_center(run_id: PathId, number: int, services: InServices) -> Response:
    """One of the k-means centres as a picture, numbered from 1."""
    with services.database.read() as session:
        clusters = runs.get_result(session, run_id).clusters
    centers = clusters.centers if clusters else ()
    if not 1 <= number <= len(centers):
        raise NotFound(
            f"The oracle run {run_id} has no centre {number}: it has {len(centers)}.", n_centers=len(centers)
        )
    pixels = np.rint(np.array(centers[number - 1]) * 255).astype(np.uint8)
    side = round(len(pixels) ** 0.5)  # (D,) -> (side, side): all data sets so far are square and grey
    return Response(as_png(pixels.reshape(side, side)), media_type="image/png")


def _build_page(services: Services, form: OracleForm, cursor: int | None) -> OraclePage:
    with services.database.read() as session:
        found, older = queries.list_oracle_runs(session, before=cursor, limit=RUNS_A_PAGE)
        data = training_status.find_data(session)
    return OraclePage(
        form=form,
        limits=bounds_of(sizes_for(services)),
        most_compared=MAX_RUNS,
        strategies=STRATEGY_NAMES,
        experiments={name: about.title for name, about in TABLE.items()},
        runs=[RunView.of(run) for run in found],
        older=older,
        is_first_page=cursor is None,
        dataset=data.description if data else None,
        is_mnist=data.name == "mnist" if data else None,
    )
