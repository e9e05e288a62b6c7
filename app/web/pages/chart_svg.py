"""A chart as an SVG file: what the browser draws from the same description, with the title above and the legend below.

Knows the few kinds of marks and axes that our charts have. Imports Bokeh's models through `charts.py`.
"""

from collections.abc import Callable, Iterator
from math import floor, log10
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from bokeh.models import FixedTicker, Line, LogScale, Range1d, Scatter, Segment, VArea
from bokeh.plotting import figure

from app.web.pages.charts import HEIGHT_PX, Chart, LegendEntry, Palette

WIDTH, MARGIN = 840, 16  # px
LEFT, TOP, BOTTOM = 80, 48, 72  # px between the picture's edge and the plot, for the axes and the title
LINE = 22  # px from one line of text to the next
PADDING = 0.04  # of an axis, beyond the first and the last value
DASHES = {"line": "", "dashed": "6", "dotted": "2 3", "dotdash": "2 4 6 4"}
# Corners of a mark one pixel wide and high, around its middle.
SHAPES = {
    "square": ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)),
    "diamond": ((0, -0.6), (0.4, 0), (0, 0.6), (-0.4, 0)),
    "triangle": ((0, -0.5), (0.55, 0.45), (-0.55, 0.45)),
    "circle": ((-0.5, 0), (-0.35, -0.35), (0, -0.5), (0.35, -0.35), (0.5, 0), (0.35, 0.35), (0, 0.5), (-0.35, 0.35)),
}
Scale = Callable[[float], float]
Extent = tuple[float, float]


def draw_svg(chart: Chart, title: str, colours: Palette) -> bytes:
    """The chart as a file of its own, in UTF-8."""
    height = TOP + HEIGHT_PX + BOTTOM + LINE * len(chart.legend)
    size = {"width": str(WIDTH), "height": str(height), "viewBox": f"0 0 {WIDTH} {height}", "role": "img"}
    font = {"font-family": "system-ui, sans-serif", "font-size": "13", "fill": colours.ink}
    svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, **font})
    SubElement(svg, "title").text = title
    SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": colours.ground})
    _write(svg, title, MARGIN, 28, **{"font-size": "16", "font-weight": "600"})
    x_extent, y_extent = _extents(chart.plot)
    x, y = _scale(x_extent, LEFT, WIDTH - MARGIN, _is_log(chart.plot)), _scale(y_extent, TOP + HEIGHT_PX, TOP)
    _draw_axes(svg, chart.plot, (x, x_extent), (y, y_extent), colours)
    for renderer in chart.plot.renderers:
        svg.extend(_draw(renderer, x, y))
    for number, entry in enumerate(chart.legend):
        _draw_entry(svg, entry, TOP + HEIGHT_PX + BOTTOM + LINE * number)
    return bytes(tostring(svg, encoding="utf-8", xml_declaration=True))


def _draw(renderer: Any, x: Scale, y: Scale) -> Iterator[Element]:
    """The elements of one kind of mark."""
    glyph, data = renderer.glyph, renderer.data_source.data

    def along(scale: Scale, spec: Any) -> list[float]:
        return [scale(float(value)) for value in data[spec if isinstance(spec, str) else spec.field]]

    if isinstance(glyph, Line):
        dash = " ".join(map(str, glyph.line_dash))
        yield _line(zip(along(x, glyph.x), along(y, glyph.y), strict=True), glyph.line_color, glyph.line_width, dash)
    elif isinstance(glyph, VArea):
        across = along(x, glyph.x)
        there = zip(across, along(y, glyph.y1), strict=True)
        and_back = zip(reversed(across), reversed(along(y, glyph.y2)), strict=True)
        filled = {"fill": str(glyph.fill_color), "fill-opacity": str(glyph.fill_alpha)}
        yield Element("polygon", {"points": _points([*there, *and_back]), **filled})
    elif isinstance(glyph, Segment):
        ends = (along(x, glyph.x0), along(y, glyph.y0), along(x, glyph.x1), along(y, glyph.y1))
        for x0, y0, x1, y1 in zip(*ends, strict=True):
            yield _line([(x0, y0), (x1, y1)], _fixed(glyph.line_color), _fixed(glyph.line_width))
    else:
        assert isinstance(glyph, Scatter), f"no way to draw {glyph}"
        fill, size, shape = _fixed(glyph.fill_color) or "none", _fixed(glyph.size), SHAPES[_fixed(glyph.marker)]
        for at_x, at_y in zip(along(x, glyph.x), along(y, glyph.y), strict=True):
            corners = [(at_x + dx * size, at_y + dy * size) for dx, dy in shape]
            edge = {"stroke": str(_fixed(glyph.line_color)), "stroke-width": str(_fixed(glyph.line_width))}
            yield Element("polygon", {"points": _points(corners), "fill": fill, **edge})


def _draw_axes(
    svg: Element, plot: figure, across: tuple[Scale, Extent], up: tuple[Scale, Extent], colours: Palette
) -> None:
    (x, x_extent), (y, y_extent) = across, up
    bottom, right, soft = TOP + HEIGHT_PX, WIDTH - MARGIN, {"fill": colours.soft, "font-size": "12"}
    for value, text in _ticks(plot.xaxis[0], x_extent):
        svg.append(_line([(x(value), TOP), (x(value), bottom)], colours.line, 1))
        _write(svg, text, x(value), bottom + 18, **soft, **{"text-anchor": "middle"})
    for value, text in _ticks(plot.yaxis[0], y_extent):
        svg.append(_line([(LEFT, y(value)), (right, y(value))], colours.line, 1))
        _write(svg, text, LEFT - 8, y(value) + 4, **soft, **{"text-anchor": "end"})
    svg.append(_line([(LEFT, TOP), (LEFT, bottom), (right, bottom)], colours.soft, 1))
    _write(svg, plot.xaxis[0].axis_label, (LEFT + right) / 2, bottom + 38, **soft, **{"text-anchor": "middle"})
    turned = {"text-anchor": "middle", "transform": f"rotate(-90 {MARGIN + 8} {(TOP + bottom) / 2})"}
    _write(svg, plot.yaxis[0].axis_label, MARGIN + 8, (TOP + bottom) / 2, **soft, **turned)


def _draw_entry(svg: Element, entry: LegendEntry, y: float) -> None:
    """One line of the legend, its mark as in the plot."""
    if entry.mark in DASHES:
        svg.append(_line([(LEFT, y - 4), (LEFT + 24, y - 4)], entry.colour, 2.5, DASHES[entry.mark]))
    else:
        corners = [(LEFT + 12 + 11 * dx, y - 4 + 11 * dy) for dx, dy in SHAPES[entry.mark]]
        SubElement(svg, "polygon", {"points": _points(corners), "fill": entry.colour})
    _write(svg, entry.label, LEFT + 34, y)


def _extents(plot: figure) -> tuple[Extent, Extent]:
    """The least and the most along both axes: of what is drawn, or as the chart sets them."""
    found: dict[str, list[float]] = {"x": [], "y": []}
    for renderer in plot.renderers:
        glyph, data = renderer.glyph, renderer.data_source.data  # type: ignore[attr-defined]  # glyphs only
        for name in ("x", "x0", "x1", "y", "y0", "y1", "y2"):
            if (spec := getattr(glyph, name, None)) is not None:
                found[name[0]] += map(float, data[spec if isinstance(spec, str) else spec.field])
    ranges = []
    for axis, drawn in ((plot.x_range, found["x"]), (plot.y_range, found["y"])):
        if isinstance(axis, Range1d):
            ranges.append((float(axis.start), float(axis.end)))  # type: ignore[arg-type]  # ours are numbers
        else:
            ranges.append((min(drawn), max(drawn)))
    return ranges[0], ranges[1]


def _is_log(plot: figure) -> bool:
    return isinstance(plot.x_scale, LogScale)


def _scale(extent: Extent, first: float, last: float, is_log: bool = False) -> Scale:
    """From values to pixels."""
    place: Scale = log10 if is_log else float
    low, high = place(extent[0]), place(extent[1])
    more = PADDING * (high - low) or 0.5  # a single value stands in the middle
    low, high = low - more, high + more
    return lambda value: first + (place(value) - low) / (high - low) * (last - first)


def _ticks(axis: Any, extent: Extent) -> list[tuple[float, str]]:
    """Where an axis has its lines, and what stands there."""
    low, high = extent
    as_text = FORMATS[getattr(axis.formatter, "format", "")]
    if isinstance(axis.ticker, FixedTicker):
        return [(tick, as_text(tick)) for tick in axis.ticker.ticks if low <= tick <= high]
    rough = (high - low) / 5 or 1.0
    power: float = 10.0 ** floor(log10(rough))
    step = next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough * 0.999)
    first = -(-low // step)
    return [(tick, as_text(tick)) for n in range(12) if (tick := (first + n) * step) <= high + step * 1e-6]


FORMATS: dict[str, Callable[[float], str]] = {
    "0a": lambda value: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}",
    "0.[0] %": lambda value: f"{value * 100:.3g}\N{NARROW NO-BREAK SPACE}%",
    "0,0": lambda value: f"{value:,.0f}",
    "": lambda value: f"{value:g}",
}


def _fixed(spec: Any) -> Any:
    """A property that is equal for all marks."""
    return getattr(spec, "value", spec)


def _points(corners: Any) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)


def _line(corners: Any, colour: Any, width: Any, dash: str = "") -> Element:
    shown = {"points": _points(corners), "fill": "none", "stroke": str(colour), "stroke-width": str(width)}
    return Element("polyline", shown | ({"stroke-dasharray": dash} if dash else {}))


def _write(svg: Element, text: Any, x: float, y: float, **attributes: str) -> None:
    SubElement(svg, "text", {"x": f"{x:.2f}", "y": f"{y:.2f}", **attributes}).text = str(text)
