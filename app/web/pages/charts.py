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
from app.oracle.table import as_named, published
from app.web.api.oracle_downloads import counts_of
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
    """The colours of one theme: text and lines as in style.css, experiments told apart by colour-blind eyes too."""

    ink: str
    soft: str
    line: str
    surface: str
    active: str
    auto_confident: str
    ground_truth: str
    random: str
    random_curve: str
    auto_naive: str


_COLOURS = {  # light, dark
    "ink": ("#1b1d28", "#eceef5"),
    "soft": ("#555a6b", "#aab0c2"),
    "line": ("#e3e0d7", "#2d3240"),
    "surface": ("#ffffff", "#1c1f29"),
    "active": ("#3346b8", "#a9b7ff"),
    "auto_confident": ("#c2570c", "#ffab5e"),
    "ground_truth": ("#17693f", "#86d9a8"),
    "random": ("#6b6f80", "#b4b9c9"),
    "random_curve": ("#0b7285", "#7fdbe8"),
    "auto_naive": ("#a21caf", "#f0a0f5"),
}
PALETTES: dict[Theme, Palette] = {
    "light": Palette(**{role: light for role, (light, _) in _COLOURS.items()}),
    "dark": Palette(**{role: dark for role, (_, dark) in _COLOURS.items()}),
}
# How a curve is named in a legend, and the marker of an experiment that is a single point.
SHORT_TITLES = {
    "active": "Active learning",
    "auto_confident": "+ confident auto-labeling",
    "ground_truth": "Ground truth",
    "random": "Random",
    "random_curve": "Random, batch by batch",
    "auto_naive": "+ naive auto-labeling",
}
MARKERS = {"ground_truth": "square", "random": "diamond", "auto_naive": "triangle"}


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


def build_chart(name: str, result: dict[str, Any], theme: Theme) -> dict[str, Any]:
    """The chart "accuracy", "confidence" or "distances" of a stored result, as JSON.

    Raises:
        NotFound: there is no such chart, or the run has nothing to draw in it.
    """
    chart = CHARTS[name](result, PALETTES[theme]) if name in CHARTS else None
    if chart is None:
        raise NotFound(f"This run has no chart {name!r}. There are: {', '.join(CHARTS)}.", charts=list(CHARTS))
    return chart.as_json()


def _draw_accuracy(result: dict[str, Any], colours: Palette) -> Chart | None:
    """Accuracy after every fit by the number of labels: full on validation, dashed or hollow on unseen images."""
    curves = {name: curve for name, curve in result["experiments"].items() if name in SHORT_TITLES}
    if not curves:
        return None
    plot = new_accuracy_figure(colours)
    legend = []
    for name, curve in curves.items():
        named = as_named(name, result["parameters"]["ranking"])
        mark, colour = MARKERS.get(named, "line"), getattr(colours, named)
        _draw_line(plot, named, curve, colour) if mark == "line" else _draw_point(plot, named, curve, colour)
        legend.append(LegendEntry(SHORT_TITLES[named], colour, mark))
    compared = [name for name in ("active", "auto_confident") if name in curves and curves[name]["published"]]
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
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    return plot


def _draw_line(plot: figure, name: str, curve: dict[str, Any], colour: str) -> None:
    source = _source(name, curve)
    plot.varea("labels", "low", "high", source=source, fill_color=colour, fill_alpha=0.14)
    line = plot.line("labels", "validation", source=source, color=colour, line_width=2.5)
    if curve["test_total"]:
        plot.line("labels", "test", source=source, color=colour, line_width=1.75, line_dash="dashed")
    if len(curve["labels"]) == 1:  # a line of one point is not drawn
        plot.scatter("labels", "validation", source=source, size=8, color=colour)
    plot.add_tools(HoverTool(renderers=[line], mode="vline", line_policy="nearest", tooltips=ACCURACY_TOOLTIPS))


def _draw_point(plot: figure, name: str, curve: dict[str, Any], colour: str) -> None:
    source, marker = _source(name, curve), MARKERS[name]
    plot.segment("labels", "low", "labels", "high", source=source, color=colour, line_width=1.5)
    points = plot.scatter("labels", "validation", source=source, marker=marker, size=10, color=colour)
    if curve["test_total"]:
        hollow: dict[str, Any] = {"line_color": colour, "line_width": 1.75, "fill_color": None}
        plot.scatter("labels", "test", source=source, marker=marker, size=10, **hollow)
    plot.add_tools(HoverTool(renderers=[points], tooltips=ACCURACY_TOOLTIPS))


def _source(name: str, curve: dict[str, Any]) -> ColumnDataSource:
    """A curve as columns, each accuracy with its interval."""
    validation = counts_of(curve["accuracy"], curve["total"])
    test = counts_of(curve["test_accuracy"], curve["test_total"])
    return ColumnDataSource(
        {
            "title": [SHORT_TITLES[name]] * len(validation),
            "labels": curve["labels"],
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


def _draw_confidence(result: dict[str, Any], colours: Palette) -> Chart | None:
    """How sure the model is of each image without a label, sorted: after the first batch, and when all is bought."""
    curves: dict[str, list[float]] = result["experiments"].get("active", {}).get("confidence", {})
    if not curves:
        return None
    plot = _figure(colours, "Images without a label, least sure first", "Confidence", y_range=(0, 1.02))
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    legend = []
    # One curve only if the budget is one batch.
    for (n_labels, values), colour in zip(curves.items(), (colours.random, colours.active), strict=False):
        plot.line(list(range(1, len(values) + 1)), values, color=colour, line_width=2.5, name=n_labels)
        legend.append(LegendEntry(f"After {int(n_labels):,} labels", colour, "line"))
    tooltips = [("After", "$name labels"), ("Image", "@x{0,0}"), ("Confidence", "@y{0.0 %}")]
    plot.add_tools(HoverTool(mode="vline", line_policy="nearest", tooltips=tooltips))
    return Chart(plot, legend)


def _draw_distances(result: dict[str, Any], colours: Palette) -> Chart | None:
    """k-means: the summed squared distance before each iteration and after the last, beside the paper's."""
    kmeans = result["experiments"].get("kmeans")
    if kmeans is None:
        return None
    iterations = list(range(len(kmeans["distances"])))
    plot = _figure(colours, "Iterations", "Summed squared distance")
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.line(iterations, kmeans["distances"], color=colours.active, line_width=2.5)
    plot.scatter(iterations, kmeans["distances"], color=colours.active, size=7)
    legend = [LegendEntry("This run", colours.active, "line")]
    if kmeans["published"]:
        ends = [kmeans["published"]["first"], kmeans["published"]["last"]]
        plot.scatter(
            [0, iterations[-1]], ends, marker="diamond", size=13, line_color=colours.ink, fill_color=None, line_width=2
        )
        legend.append(LegendEntry("The paper, first and last", colours.ink, "diamond"))
    plot.add_tools(HoverTool(tooltips=[("Iterations", "@x"), ("Distance", "@y{0,0}")]))
    return Chart(plot, legend)


CHARTS: dict[str, Callable[[dict[str, Any], Palette], Chart | None]] = {
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
