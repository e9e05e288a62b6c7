"""What the paper printed."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from app.oracle.scenarios import Parameters


@cache
def published() -> dict[str, Any]:
    """The paper's printed numbers: per experiment, labels and accuracy (on 400 images) of each fit."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))
    return data


def is_comparable(parameters: Parameters, dataset: str) -> bool:
    """Whether the paper has such a run: on MNIST, with the paper's parameters."""
    return dataset == "mnist" and parameters.are_the_papers
