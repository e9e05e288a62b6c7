"""The charts of the oracle pages: as JSON, which `static/oracle.js` draws with Bokeh, and as SVG files.

Bokeh takes half a second to import. The first chart waits for it, not the server's start, so it is imported here where
a chart is asked for.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from app.oracle import runs
from app.web.api.oracle_downloads import attachment
from app.web.edge.auth import get_admin
from app.web.edge.deps import InServices, PathId
from app.web.pages.oracle_comparison import compare_runs
from app.web.pages.oracle_views import CHART_TITLES

router = APIRouter(prefix="/oracle", include_in_schema=False, dependencies=[Depends(get_admin)])

RunIds = Annotated[list[PathId], Query(alias="run", default_factory=list)]
Theme = Literal["light", "dark"]


@router.get("/compare/charts/accuracy.{kind}")
def get_comparison_chart(
    run_ids: RunIds, kind: Literal["json", "svg"], services: InServices, theme: Theme = "light"
) -> Response:
    """The chart of several runs."""
    from app.web.pages import chart_svg, charts
    from app.web.pages.oracle_comparison_chart import build_comparison_chart

    with services.database.read() as session:
        page = compare_runs(session, run_ids)
    chart = build_comparison_chart(page, theme)
    if kind == "json":
        return JSONResponse(chart.as_json())
    return _as_file(chart_svg.draw_svg(chart, page.title, charts.PALETTES[theme]), page.file_name)


@router.get("/{run_id}/charts/{name}.{kind}")
def get_chart(
    run_id: PathId, name: str, kind: Literal["json", "svg"], services: InServices, theme: Theme = "light"
) -> Response:
    """A chart of one run."""
    from app.web.pages import chart_svg, charts

    with services.database.read() as session:
        result = runs.get_result(session, run_id)
    chart = charts.build_chart(name, result, theme)
    if kind == "json":
        return JSONResponse(chart.as_json())
    title = f"Run {run_id}: {CHART_TITLES[name]}"
    return _as_file(chart_svg.draw_svg(chart, title, charts.PALETTES[theme]), f"inkling-run-{run_id}-{name}")


def _as_file(svg: bytes, name: str) -> Response:
    return Response(svg, media_type="image/svg+xml", headers=attachment(f"{name}.svg"))
