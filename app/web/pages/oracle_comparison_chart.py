"""The chart of several oracle runs. Imports Bokeh, as `charts.py` does: import it where a chart is asked for."""

from typing import Any

from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from app.web.pages.charts import PALETTES, Chart, LegendEntry, Theme, as_text, new_accuracy_figure
from app.web.pages.oracle_comparison import MAX_RUNS, ComparedCurve, ComparisonPage

COLOURS: list[dict[Theme, str]] = [
    {"light": "#3346b8", "dark": "#a9b7ff"},
    {"light": "#c2570c", "dark": "#ffab5e"},
    {"light": "#17693f", "dark": "#86d9a8"},
    {"light": "#a21caf", "dark": "#f0a0f5"},
    {"light": "#0b7285", "dark": "#7fdbe8"},
    {"light": "#b3202c", "dark": "#ff8f8f"},
    {"light": "#8a6100", "dark": "#e5cf7a"},
    {"light": "#6b6f80", "dark": "#b4b9c9"},
]
assert len(COLOURS) == MAX_RUNS
TOOLTIPS = [("", "@label"), ("Labels", "@labels{0,0}"), ("Accuracy", "@text")]


def build_comparison_chart(page: ComparisonPage, theme: Theme) -> dict[str, Any]:
    """Accuracy by the number of labels, a colour a run; random choice is dashed. On unseen images if all have some."""
    plot = new_accuracy_figure(PALETTES[theme])
    plot.yaxis.axis_label = "Test accuracy" if page.is_on_unseen else "Validation accuracy"
    legend = []
    for row in page.rows:
        colour = COLOURS[page.run_ids.index(row.run_id)][theme]
        source = _source(row, page.is_on_unseen)
        if page.has_bands:
            plot.varea("labels", "low", "high", source=source, fill_color=colour, fill_alpha=0.12)
        legend.append(LegendEntry(row.label, colour, _draw(plot, row, source, colour)))
    return Chart(plot, legend).as_json()


def _draw(plot: figure, row: ComparedCurve, source: ColumnDataSource, colour: str) -> str:
    """The curve; its mark in the legend."""
    is_random = row.curve.query_strategy == "random"
    if row.curve.named in ("active", "random_curve", "auto_confident"):
        line = plot.line(
            "labels", "value", source=source, color=colour, line_width=2.5, line_dash="dashed" if is_random else "solid"
        )
        plot.add_tools(HoverTool(renderers=[line], mode="vline", line_policy="nearest", tooltips=TOOLTIPS))
        if len(row.curve.validation) > 1:
            return "dashed" if is_random else "line"
    points = plot.scatter("labels", "value", source=source, size=10, color=colour, marker="diamond")
    plot.segment("labels", "low", "labels", "high", source=source, color=colour, line_width=1.5)
    plot.add_tools(HoverTool(renderers=[points], tooltips=TOOLTIPS))
    return "diamond"


def _source(row: ComparedCurve, on_unseen: bool) -> ColumnDataSource:
    points = row.curve.test if on_unseen else row.curve.validation
    return ColumnDataSource(
        {
            "label": [row.label] * len(points),
            "labels": row.curve.stored["labels"],
            "value": [point.value for point in points],
            "low": [point.interval[0] for point in points],
            "high": [point.interval[1] for point in points],
            "text": [as_text(point) for point in points],
        }
    )
