"""The charts as SVG files."""

import re
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from app.web.edge.deps import Services
from app.web.pages import charts
from app.web.pages.chart_svg import LEFT, MARGIN, TOP, WIDTH, draw_svg

from .oracle_results import add_run, make_result

SVG = "{http://www.w3.org/2000/svg}"


def draw(name: str, *experiments: Any, theme: charts.Theme = "light") -> ElementTree.Element:
    chart = charts.build_chart(name, make_result(*experiments), theme)
    return ElementTree.fromstring(draw_svg(chart, "Of a run & more", charts.PALETTES[theme]))


def texts_of(file: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in file.iter(f"{SVG}text")]


def corners_of(element: ElementTree.Element) -> list[tuple[float, float]]:
    pairs = [point.split(",") for point in element.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in pairs]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", list(charts.CHARTS))
def test_every_mark_of_a_whole_run_is_drawn_within_the_plot(name: str, theme: charts.Theme) -> None:
    file = draw(name, theme=theme)

    drawn = [element for kind in ("polyline", "polygon") for element in file.iter(f"{SVG}{kind}")]
    in_legend = TOP + charts.HEIGHT_PX + 30
    corners = [corner for element in drawn for corner in corners_of(element) if corner[1] < in_legend]
    assert all(LEFT - 8 <= x <= WIDTH - MARGIN + 8 and TOP - 8 <= y <= TOP + charts.HEIGHT_PX + 8 for x, y in corners)
    assert file.find(f"{SVG}rect").attrib["fill"] == charts.PALETTES[theme].ground  # type: ignore[union-attr]


def test_the_file_has_a_title_axes_and_the_legend() -> None:
    said = texts_of(draw("accuracy", "random", "active"))

    assert said[0] == "Of a run & more"
    assert {"Labels (logarithmic)", "Accuracy", "100", "200"} <= set(said)
    assert said[-3:] == ["Random", "Active learning", "The paper"]


def test_a_curve_goes_through_its_points() -> None:
    file = draw("accuracy", "active")
    colour = charts.PALETTES["light"].curves[0]

    full = next(
        element
        for element in file.iter(f"{SVG}polyline")
        if element.attrib["stroke"] == colour and "stroke-dasharray" not in element.attrib
    )
    corners = corners_of(full)
    assert len(corners) == 40
    assert [x for x, _ in corners] == sorted(x for x, _ in corners)
    # 10, 20 and 40 labels: equal steps on a logarithmic axis.
    assert corners[1][0] - corners[0][0] == pytest.approx(corners[3][0] - corners[1][0], abs=0.02)
    # 0.38 and 0.8975 of the paper's first and last fit: higher is further up.
    assert corners[0][1] > corners[-1][1]


def test_a_run_of_one_point_stands_in_the_middle() -> None:
    (square,) = [
        element
        for element in draw("accuracy", "ground_truth").iter(f"{SVG}polygon")
        if element.attrib["fill"] != "none" and corners_of(element)[0][1] < TOP + charts.HEIGHT_PX
    ]
    xs = [x for x, _ in corners_of(square)]

    assert sum(xs) / len(xs) == pytest.approx((LEFT + WIDTH - MARGIN) / 2, abs=0.1)


def test_a_runs_chart_and_a_comparison_are_saved_under_their_names(client: TestClient, services: Services) -> None:
    first, second = add_run(services.database), add_run(services.database)

    for path, name in (
        (f"/oracle/{first}/charts/accuracy.svg", f"inkling-run-{first}-accuracy"),
        (f"/oracle/compare/charts/accuracy.svg?run={first}&run={second}&theme=dark", f"inkling-runs-{first}-{second}"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}.svg"'
        assert "Active learning" in answer.text
    assert client.get(f"/oracle/{first}/charts/accuracy.png").status_code == 422
    assert client.get(f"/oracle/{first}/charts/magic.svg").status_code == 404


def test_the_pages_link_to_the_files_and_show_them_without_javascript(client: TestClient, services: Services) -> None:
    run_id, other = add_run(services.database), add_run(services.database)

    for page, n_charts in ((f"/oracle/{run_id}", 3), (f"/oracle/compare?run={run_id}&run={other}", 1)):
        html = client.get(page).text
        files = [unescape(address) for address in re.findall(r'<img class="chart-picture" src="([^"]+)"', html)]
        assert len(files) == n_charts
        assert files == [unescape(address) for address in re.findall(r'href="([^"]+)" download>Save as SVG', html)]
        assert all(client.get(address).headers["content-type"] == "image/svg+xml" for address in files)
