"""The chart of several oracle runs. Imports Bokeh, as `charts.py` does: import it where a chart is asked for."""

from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from app.oracle.experiments import TABLE, Experiment
from app.web.pages.charts import PALETTES, Chart, LegendEntry, Theme, as_text, new_accuracy_figure
from app.web.pages.oracle_comparison import MAX_RUNS, ComparedCurve, ComparisonPage

assert all(len(palette.curves) >= MAX_RUNS for palette in PALETTES.values())
# Line styles by experiment; those of a crowded chart, in which all curves of a run have one colour, go before.
STYLES: dict[Experiment, str] = {"random_curve": "dashed", "inkling_random": "dashed"}
CROWDED: dict[Experiment, str] = {"random_curve": "dashed", "inkling": "dotted", "inkling_random": "dotdash"}
TOOLTIPS = [("", "@label"), ("Labels", "@labels{0,0}"), ("Accuracy", "@text")]


def build_comparison_chart(page: ComparisonPage, theme: Theme) -> Chart:
    """Accuracy by the number of labels, a colour a curve or a run. On unseen images if all have some."""
    plot = new_accuracy_figure(PALETTES[theme])
    plot.yaxis.axis_label = "Test accuracy" if page.is_on_unseen else "Validation accuracy"
    legend, styles = [], CROWDED if page.is_crowded else STYLES
    for number, row in enumerate(page.rows):
        colour = PALETTES[theme].curves[page.run_ids.index(row.run_id) if page.is_crowded else number]
        source = _source(row, page.is_on_unseen)
        if page.has_bands:
            plot.varea("labels", "low", "high", source=source, fill_color=colour, fill_alpha=0.12)
        legend.append(LegendEntry(row.label, colour, _draw(plot, row, source, colour, styles)))
    return Chart(plot, legend)


def _draw(
    plot: figure, row: ComparedCurve, source: ColumnDataSource, colour: str, styles: dict[Experiment, str]
) -> str:
    """The curve; its mark in the legend."""
    if TABLE[row.run.experiment].marker == "line":
        style = styles.get(row.run.experiment)
        line = plot.line("labels", "value", source=source, color=colour, line_width=2.5, line_dash=style or "solid")
        plot.add_tools(HoverTool(renderers=[line], mode="vline", line_policy="nearest", tooltips=TOOLTIPS))
        if len(row.run.curve.labels) > 1:
            return style or "line"
    points = plot.scatter("labels", "value", source=source, size=10, color=colour, marker="diamond")
    plot.segment("labels", "low", "labels", "high", source=source, color=colour, line_width=1.5)
    plot.add_tools(HoverTool(renderers=[points], tooltips=TOOLTIPS))
    return "diamond"


def _source(row: ComparedCurve, on_unseen: bool) -> ColumnDataSource:
    points = row.run.curve.test if on_unseen else row.run.curve.validation
    return ColumnDataSource(
        {
            "label": [row.label] * len(points),
            "labels": row.run.curve.labels,
            "value": [point.value for point in points],
            "low": [point.interval[0] for point in points],
            "high": [point.interval[1] for point in points],
            "text": [as_text(point) for point in points],
        }
    )
