"""The charts of an oracle run, drawn by Bokeh in the browser: here they are only described.

Imports Bokeh, which takes half a second: import this module where a chart is asked for, not at the top of another.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter
from bokeh.plotting import figure

from app.accuracy import Accuracy
from app.errors import NotFound
from app.oracle.experiments import TABLE, About
from app.oracle.paper import published
from app.oracle.results import CurveResult, RunResult
from app.web.edge.templates import as_percent

Theme = Literal["light", "dark"]

HEIGHT_PX = 360
LABEL_TICKS = [step * 10**power for power in range(7) for step in (1, 2, 5)]
ACCURACY_TOOLTIPS = [
    ("", "@title"),
    ("Labels", "@labels{0,0}"),
    ("Validation", "@validation_text"),
    ("Test", "@test_text"),
]


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme: text and lines as in style.css, curves told apart by colour-blind eyes too."""

    ink: str
    soft: str
    line: str
    ground: str
    curves: tuple[str, ...]


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        ink="#1b1d28",
        soft="#555a6b",
        line="#d9d6cc",
        ground="#ffffff",
        curves=("#3346b8", "#c2570c", "#17693f", "#a21caf", "#0b7285", "#b3202c", "#8a6100", "#6b6f80"),
    ),
    "dark": Palette(
        ink="#eceef5",
        soft="#aab0c2",
        line="#343949",
        ground="#1c1f29",
        curves=("#a9b7ff", "#ffab5e", "#86d9a8", "#f0a0f5", "#7fdbe8", "#ff8f8f", "#e5cf7a", "#b4b9c9"),
    ),
}


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One line of a legend; `mark` is "line", "dashed", "dotted" or a marker's name."""

    label: str
    colour: str
    mark: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and its legend, which the page writes below it."""

    plot: figure
    legend: list[LegendEntry]

    def as_json(self) -> dict[str, Any]:
        """`item` is what `Bokeh.embed.embed_item` draws; `legend` is a list of label, colour and mark."""
        return {"item": json_item(self.plot), "legend": [asdict(entry) for entry in self.legend]}


def build_chart(name: str, result: RunResult, theme: Theme) -> Chart:
    """The chart "accuracy", "confidence" or "distances" of a stored result.

    Raises:
        NotFound: there is no such chart, or the run has nothing to draw in it.
    """
    chart = CHARTS[name](result, PALETTES[theme]) if name in CHARTS else None
    if chart is None:
        raise NotFound(f"This run has no chart {name!r}. There are: {', '.join(CHARTS)}.", charts=list(CHARTS))
    return chart


def _draw_accuracy(result: RunResult, colours: Palette) -> Chart | None:
    """Accuracy after every fit by the number of labels: full on validation, dashed or hollow on unseen images."""
    if not result.experiments:
        return None
    plot = new_accuracy_figure(colours)
    legend, compared = [], []
    for name, curve in result.experiments.items():
        shown = TABLE[name]
        colour = colours.curves[shown.colour]
        draw = _draw_line if shown.marker == "line" else _draw_point
        draw(plot, shown, curve, colour)
        legend.append(LegendEntry(shown.short_title, colour, shown.marker))
        if shown.marker == "line" and curve.published is not None:
            compared.append(name)
    for name in compared:
        paper = published()[name]
        plot.line(paper["labels"], paper["accuracy"], color=colours.ink, line_width=1.5, line_dash="dotted")
    if compared:
        legend.append(LegendEntry("The paper", colours.ink, "dotted"))
    return Chart(plot, legend)


def new_accuracy_figure(colours: Palette) -> figure:
    """An empty chart of accuracies by the number of labels."""
    # Logarithmic, or the 400 labels that were bought would be a tenth of the width.
    plot = _figure(colours, "Labels (logarithmic)", "Accuracy", x_axis_type="log")
    plot.xaxis.ticker = plot.xgrid.ticker = FixedTicker(ticks=LABEL_TICKS, minor_ticks=[])
    plot.xaxis.formatter = NumeralTickFormatter(format="0a")  # 2k: a phone has no room for 2,000
    plot.yaxis.formatter = NumeralTickFormatter(format="0.[0] %")
    return plot


def _draw_line(plot: figure, shown: About, curve: CurveResult, colour: str) -> None:
    source = _source(shown, curve)
    plot.varea("labels", "low", "high", source=source, fill_color=colour, fill_alpha=0.14)
    line = plot.line("labels", "validation", source=source, color=colour, line_width=2.5)
    if curve.test_total:
        plot.line("labels", "test", source=source, color=colour, line_width=1.75, line_dash="dashed")
    if len(curve.labels) == 1:  # a line of one point is not drawn
        plot.scatter("labels", "validation", source=source, size=8, color=colour)
    plot.add_tools(HoverTool(renderers=[line], mode="vline", line_policy="nearest", tooltips=ACCURACY_TOOLTIPS))


def _draw_point(plot: figure, shown: About, curve: CurveResult, colour: str) -> None:
    source, marker = _source(shown, curve), shown.marker
    plot.segment("labels", "low", "labels", "high", source=source, color=colour, line_width=1.5)
    points = plot.scatter("labels", "validation", source=source, marker=marker, size=10, color=colour)
    if curve.test_total:
        hollow: dict[str, Any] = {"line_color": colour, "line_width": 1.75, "fill_color": None}
        plot.scatter("labels", "test", source=source, marker=marker, size=10, **hollow)
    plot.add_tools(HoverTool(renderers=[points], tooltips=ACCURACY_TOOLTIPS))


def _source(shown: About, curve: CurveResult) -> ColumnDataSource:
    """A curve as columns, each accuracy with its interval."""
    validation, test = curve.validation, curve.test
    return ColumnDataSource(
        {
            "title": [shown.short_title] * len(validation),
            "labels": curve.labels,
            "validation": [point.value for point in validation],
            "low": [point.interval[0] for point in validation],
            "high": [point.interval[1] for point in validation],
            "validation_text": [as_text(point) for point in validation],
            # Where there are no such images, nothing is drawn, and all columns have to be of one length.
            "test": [point.value for point in test or validation],
            "test_text": [as_text(point) for point in test] or ["no such images"] * len(validation),
        }
    )


def as_text(accuracy: Accuracy) -> str:
    """An accuracy with its interval, as the tables have it."""
    low, high = accuracy.interval
    return f"{as_percent(accuracy.value)} ({low * 100:.1f} to {as_percent(high, 1)})"


def _draw_confidence(result: RunResult, colours: Palette) -> Chart | None:
    """How sure the model is of each image without a label, sorted: after the first batch, and when all is bought."""
    if not result.confidence:
        return None
    plot = _figure(colours, "Images without a label, least sure first", "Confidence", y_range=(0, 1.02))
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.yaxis.formatter = NumeralTickFormatter(format="0.[0] %")
    legend = []
    # One curve only if the budget is one batch.
    in_order = (colours.curves[TABLE["random"].colour], colours.curves[TABLE["active"].colour])
    for (n_labels, values), colour in zip(result.confidence.items(), in_order, strict=False):
        plot.line(list(range(1, len(values) + 1)), values, color=colour, line_width=2.5, name=str(n_labels))
        legend.append(LegendEntry(f"After {n_labels:,} labels", colour, "line"))
    tooltips = [("After", "$name labels"), ("Image", "@x{0,0}"), ("Confidence", "@y{0.0 %}")]
    plot.add_tools(HoverTool(mode="vline", line_policy="nearest", tooltips=tooltips))
    return Chart(plot, legend)


def _draw_distances(result: RunResult, colours: Palette) -> Chart | None:
    """k-means: the summed squared distance before each iteration and after the last, beside the paper's."""
    clusters = result.clusters
    if clusters is None:
        return None
    iterations, colour = list(range(len(clusters.distances))), colours.curves[TABLE["kmeans"].colour]
    plot = _figure(colours, "Iterations", "Summed squared distance")
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.line(iterations, clusters.distances, color=colour, line_width=2.5)
    plot.scatter(iterations, clusters.distances, color=colour, size=7)
    legend = [LegendEntry("This run", colour, "line")]
    if clusters.published is not None:
        ends = [clusters.published.first, clusters.published.last]
        plot.scatter(
            [0, iterations[-1]], ends, marker="diamond", size=13, line_color=colours.ink, fill_color=None, line_width=2
        )
        legend.append(LegendEntry("The paper, first and last", colours.ink, "diamond"))
    plot.add_tools(HoverTool(tooltips=[("Iterations", "@x"), ("Distance", "@y{0,0}")]))
    return Chart(plot, legend)


CHARTS: dict[str, Callable[[RunResult, Palette], Chart | None]] = {
    "accuracy": _draw_accuracy,
    "confidence": _draw_confidence,
    "distances": _draw_distances,
}


def _figure(colours: Palette, x_label: str, y_label: str, **options: Any) -> figure:
    """An empty chart in the page's colours. No gesture is taken: a finger on it scrolls the page."""
    plot = figure(height=HEIGHT_PX, sizing_mode="stretch_width", toolbar_location=None, tools="", **options)
    plot.background_fill_color = plot.border_fill_color = None
    plot.outline_line_color = None
    plot.grid.grid_line_color = colours.line
    for axis, label in ((plot.xaxis, x_label), (plot.yaxis, y_label)):
        axis.axis_label = label
        axis.axis_label_text_font = axis.major_label_text_font = "system-ui, sans-serif"
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
        axis.axis_label_text_color = axis.major_label_text_color = colours.soft
        axis.axis_line_color = axis.major_tick_line_color = colours.soft
        axis.minor_tick_line_color = None
    return plot
