"""README's chart: accuracy on unseen images by answers, from a study of several pools."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bokeh.models import ColumnDataSource, Range1d

from app.oracle import study
from app.oracle.experiments import Experiment
from app.oracle.results import RunResult
from app.settings import ROOT
from app.web.pages.chart_svg import draw_svg
from app.web.pages.charts import PALETTES, Chart, LegendEntry, Palette, Theme, new_accuracy_figure

N_POOLS = 10
FILES: dict[Theme, Path] = {"light": ROOT / "docs" / "answers.svg", "dark": ROOT / "docs" / "answers-dark.svg"}
# In the order of the legend, with the colour's number in the palette.
LINES: dict[Experiment, tuple[str, str, int]] = {
    "inkling": ("Inkling: its learner, its own choice", "line", 5),
    "inkling_random": ("Inkling’s learner, random choice", "dashed", 6),
    "active": ("The paper’s way: softmax regression, least confidence", "line", 0),
    "random_curve": ("The paper’s learner, random choice", "dashed", 4),
}


def main() -> None:
    """Run the study, or take the one in the file that is named, and draw it in both themes."""
    if len(sys.argv) > 1:
        draw(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "study.json"
        words = ["--experiment", "inkling", "--experiment", "random_curve", "--pools", str(N_POOLS)]
        subprocess.run([sys.executable, "-m", "app.cli", "oracle", *words, "--json", str(file)], check=True)  # noqa: S603
        draw(file)


def draw(file: Path) -> None:
    """Write both pictures from a file that `inkling oracle --pools --json` wrote."""
    pools = json.loads(file.read_text(encoding="utf-8"))["pools"]
    results = [RunResult.model_validate({"format": 1, **pool}) for pool in pools]
    title = _title_of(results)
    for theme, path in FILES.items():
        path.write_bytes(draw_svg(_build_chart(results, PALETTES[theme]), title, PALETTES[theme]))
    print(title)  # noqa: T201


def _title_of(results: Sequence[RunResult]) -> str:
    size, data = results[0].parameters.pool_size, results[0].data.name
    unseen = results[0].experiments["inkling"].test_total
    digits = "MNIST digits" if data == "mnist" else "digits of the embedded sample"
    return f"Accuracy on {unseen:,} unseen images by answers: {len(results)} pools of {size:,} {digits}"


def _build_chart(results: Sequence[RunResult], colours: Palette) -> Chart:
    points = study.summarize(results, "inkling", results[0].experiments["inkling"].labels)
    plot = new_accuracy_figure(colours)
    plot.y_range = Range1d(start=0, end=1)
    plot.xaxis.axis_label = "Answers (logarithmic)"
    plot.yaxis.axis_label = "Accuracy, mean of the pools and its 95 % interval"
    legend = []
    for name, (label, mark, number) in LINES.items():
        spreads = [point.accuracy[name] for point in points]
        intervals = [spread.interval or (spread.mean, spread.mean) for spread in spreads]
        source = ColumnDataSource(
            {
                "answers": [point.labels for point in points],
                "mean": [spread.mean for spread in spreads],
                "low": [low for low, _ in intervals],
                "high": [high for _, high in intervals],
            }
        )
        colour = colours.curves[number]
        plot.varea("answers", "low", "high", source=source, fill_color=colour, fill_alpha=0.14)
        dash = "solid" if mark == "line" else mark
        plot.line("answers", "mean", source=source, color=colour, line_width=2.5, line_dash=dash)
        legend.append(LegendEntry(label, colour, mark))
    return Chart(plot, legend)


if __name__ == "__main__":
    main()
