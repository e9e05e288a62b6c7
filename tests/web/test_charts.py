"""The charts as data: what Bokeh is told to draw."""

import json
import re
from typing import Any

import pytest
from bokeh.document import Document

from app.errors import NotFound
from app.oracle.scenarios import Parameters
from app.settings import ROOT
from app.web.pages import charts

from .oracle_results import make_result


def renderers_of(chart: dict[str, Any]) -> list[Any]:
    """What the chart draws, read back from its JSON."""
    (plot,) = Document.from_json(json.loads(json.dumps(chart["item"]["doc"]))).roots
    return list(plot.renderers)  # type: ignore[attr-defined]


def labels_of(chart: dict[str, Any]) -> list[str]:
    return [entry["label"] for entry in chart["legend"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", list(charts.CHARTS))
def test_every_chart_of_a_whole_run_can_be_drawn(name: str, theme: charts.Theme) -> None:
    chart = charts.build_chart(name, make_result(), theme).as_json()
    assert renderers_of(chart)
    assert chart["legend"]


def test_the_accuracy_chart_has_every_experiment_and_the_paper() -> None:
    chart = charts.build_chart("accuracy", make_result(), "light").as_json()
    assert labels_of(chart) == [
        "Ground truth",
        "Random",
        "Active learning",
        "+ naive auto-labeling",
        "+ confident auto-labeling",
        "The paper",
    ]


def test_the_band_around_the_curve_is_the_wilson_interval() -> None:
    chart = charts.build_chart("accuracy", make_result("active"), "light").as_json()
    band = renderers_of(chart)[0].data_source.data
    assert band["labels"][-1] == 400
    assert band["validation"][-1] == 0.8975
    assert (round(band["low"][-1], 4), round(band["high"][-1], 4)) == (0.8639, 0.9235)
    assert band["validation_text"][-1] == "89.75\N{NARROW NO-BREAK SPACE}% (86.4 to 92.4\N{NARROW NO-BREAK SPACE}%)"


def test_a_run_that_the_paper_does_not_have_is_drawn_without_the_paper() -> None:
    result = make_result("active", "kmeans", parameters=Parameters(experiments=("active", "kmeans"), shuffle_seed=1))
    assert labels_of(charts.build_chart("accuracy", result, "light").as_json()) == ["Active learning"]
    assert labels_of(charts.build_chart("distances", result, "light").as_json()) == ["This run"]


def test_without_unseen_images_only_validation_is_drawn() -> None:
    with_unseen = charts.build_chart("accuracy", make_result("random"), "light").as_json()
    without = charts.build_chart("accuracy", make_result("random", n_test=0), "light").as_json()
    assert len(renderers_of(with_unseen)) - len(renderers_of(without)) == 1


def test_the_confidence_chart_says_after_how_many_labels() -> None:
    chart = charts.build_chart("confidence", make_result("active"), "light").as_json()
    assert labels_of(chart) == ["After 10 labels", "After 400 labels"]
    assert [len(line.data_source.data["x"]) for line in renderers_of(chart)] == [3990, 3600]


@pytest.mark.parametrize(
    ("name", "experiment"), [("accuracy", "kmeans"), ("confidence", "random"), ("distances", "random"), ("x", "random")]
)
def test_what_was_not_run_has_no_chart(name: str, experiment: Any) -> None:
    with pytest.raises(NotFound, match=r"There are: accuracy, confidence, distances\."):
        charts.build_chart(name, make_result(experiment), "light")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_of_a_chart_have_the_colours_of_the_page(theme: charts.Theme) -> None:
    light, dark = re.split(
        r"prefers-color-scheme: *dark", (ROOT / "static/style.css").read_text(encoding="utf-8"), maxsplit=1
    )
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if theme == "light" else dark))
    palette = charts.PALETTES[theme]

    assert (palette.ink, palette.soft) == (colours["ink"], colours["ink-soft"])
    assert (palette.line, palette.ground) == (colours["line"], colours["surface"])
