"""The options of `inkling pool create` and `inkling pool add`."""

from pathlib import Path
from typing import Annotated

import typer

from app.learning.names import LEARNERS, PAPERS, STRATEGIES, LearnerName, Strategy
from app.own_pools import CHANCE_EVERY
from app.settings import Source


def _number(help: str, *, least: int = 1, most: int | None = None) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(metavar="N", min=least, max=most, help=help)
    return option


OF_SOURCE = "Images of your own"

Slug = Annotated[str, typer.Argument(help="Its name in addresses: a-z, 0-9 and hyphens.")]
SourcePath = Annotated[
    Path | None,
    typer.Argument(
        metavar="SOURCE",
        help="Images of your own: a folder, a zip or tar archive, an npz or IDX file, or a CSV or JSON lines list of "
        "paths.",
    ),
]
Name = Annotated[str | None, typer.Option(help="Its name on the pages; the same if left out.")]
BatchSize = Annotated[int | None, _number("New labels that make a round due.", most=1000)]
Ranking = Annotated[
    Strategy | None, typer.Option(metavar="RULE", help=f"What is asked first: {', '.join(STRATEGIES)}.")
]
QueueSize = Annotated[int | None, _number("How many images of a round's ranking are stored.")]
Learner = Annotated[
    LearnerName | None,
    typer.Option(
        metavar="NAME", help=f"What learns and asks: {', '.join(LEARNERS)}. Of images of your own graph, else {PAPERS}."
    ),
]

Dataset = Annotated[Source | None, typer.Option(help="Without a SOURCE: where its images come from.")]
PoolStart = Annotated[int | None, _number("Its first training image.", least=0)]
PoolSize = Annotated[int | None, _number("Its images.")]
ValidationSize = Annotated[int | None, _number("Validation images, the first of the test set.")]

Classes = Annotated[
    str | None,
    typer.Option(metavar="A,B,…", help="The classes; those of the labels if left out.", rich_help_panel=OF_SOURCE),
]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="32|32x48", help="What the learner sees: pixels a side, or width and height.", rich_help_panel=OF_SOURCE
    ),
]
Colour = Annotated[
    bool | None,
    typer.Option(
        "--colour/--grey",
        help="Whether the learner sees colours; by the first images if left out.",
        rich_help_panel=OF_SOURCE,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="folders|none|FILE",
        help="Where labels are: the folder just above each image, nowhere, or a CSV or JSON lines file of names and "
        "labels. As the source says if left out.",
        rich_help_panel=OF_SOURCE,
    ),
]
Truth = Annotated[
    bool,
    typer.Option("--truth", help="The labels are known truth: for simulations, unseen.", rich_help_panel=OF_SOURCE),
]
Standing = Annotated[
    bool, typer.Option("--standing", help="The labels stand, as answers that were given.", rich_help_panel=OF_SOURCE)
]
By = Annotated[
    str | None,
    typer.Option(
        help="Whose answers these are; as the source says, or “local”, if left out.", rich_help_panel=OF_SOURCE
    ),
]
Test = Annotated[Path | None, typer.Option(help="A source of labeled images to test on.", rich_help_panel=OF_SOURCE)]
Validation = Annotated[
    Path | None, typer.Option(help="A source of labeled images that end training.", rich_help_panel=OF_SOURCE)
]
ChanceEvery = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        max=CHANCE_EVERY[-1],
        help="One question in N is drawn by chance; 0 is none.",
        rich_help_panel=OF_SOURCE,
    ),
]
Description = Annotated[
    str | None, typer.Option(help="What a person who labels should know.", rich_help_panel=OF_SOURCE)
]
