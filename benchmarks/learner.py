"""How many right answers a learner gives after how few labels: `python -m benchmarks.learner`.

Pools of 4,000 of MNIST's training images, each a start and a seed: images [start, start + 4000) in the order of NumPy's
default generator; accuracy on the test images. Constants of the learner `graph` were set on pools of the training
images from 22,000 to 49,999, judged by those from 50,000; no test image was looked at. So of the 20 pools, those that
start below 18,000 were never seen, and the five that start at 50,000 or above were only judged by.

Ways: `asking`, `wrong` (2 % of the answers are another class at random), `random` (chance asks) are the learner
`graph`; `paper` is softmax regression asking by least confidence, which stops its fits by 400 test images and is judged
by the others.

Each result is a line of JSON, appended: a study that was stopped goes on, and two processes may share the pools.
"""

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Read while NumPy is imported: two studies beside each other are faster than one that spreads over two processors.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from app import datasets
from app.datasets import DataSet
from app.learning.learner import LabeledImages, Learner, PoolImages, Positions, find_right
from app.learning.learners import make_learner
from app.learning.names import Strategy
from app.settings import Settings
from benchmarks.learner_sets import OTHERS

POINTS = (10, 20, 40, 60, 100, 200, 400, 1000)
STARTS = (*range(0, 46_000, 3285), 50_000, 51_500, 53_000, 54_500, 56_000)
POOLS = [(start, seed) for seed, start in enumerate(STARTS)]
SIZE, BATCH, VALIDATION, WRONG = 4000, 10, 400, 0.02
WAYS = ("asking", "wrong", "random", "paper")
Line = dict[str, Any]


def answer(truth: Positions, n_classes: int, share_wrong: float, seed: int) -> Positions:
    """What somebody answers who errs on such a share of the images, (N,)."""
    rng = np.random.default_rng(seed)
    is_wrong = rng.random(len(truth)) < share_wrong
    return np.where(is_wrong, (truth + rng.integers(1, n_classes, len(truth))) % n_classes, truth)


def run(
    learner: Learner,
    pool: PoolImages,
    answers: Positions,
    validation: LabeledImages,
    test: LabeledImages,
    *,
    strategy: Strategy,
    seed: int,
) -> dict[int, float]:
    """The share of right answers on test images by the number of labels, asked ten by ten."""
    state, labeled = learner.initial(), np.empty(0, np.int64)
    found = {}
    for n_labels in range(BATCH, min(max(POINTS), len(answers) // 2) + 1, BATCH):
        batch = learner.choose(state, pool, labeled, strategy=strategy, count=BATCH, seed=(seed, n_labels))
        labeled = np.append(labeled, batch.positions)
        if strategy != "random" or n_labels in POINTS:
            state = learner.fit(state, pool, labeled, answers[labeled], validation).state
        if n_labels in POINTS:
            found[n_labels] = float(find_right(learner, state, pool, test).mean())
    return found


def study(
    pool: LabeledImages, test: LabeledImages, n_classes: int, seed: int, ways: list[str], strategy: Strategy = "margin"
) -> Iterator[Line]:
    """A line for each way that is asked for."""
    graph = make_learner("graph", n_classes, pool.images.shape[1:])
    none = LabeledImages(test.images[:0], test.truth[:0])
    if set(ways) - {"paper"}:
        started = time.perf_counter()
        features = PoolImages(pool.images, graph.prepare(pool.images, seed=seed))
        seconds = time.perf_counter() - started
        known = LabeledImages(test.images, test.truth, graph.embed(features, test.images))
    for way in ways:
        if way == "paper":
            softmax = make_learner("softmax", n_classes, pool.images.shape[1:])
            first, rest = (
                LabeledImages(test.images[part], test.truth[part]) for part in np.s_[:VALIDATION, VALIDATION:]
            )
            as_pool = PoolImages(pool.images, softmax.prepare(pool.images))
            curve = run(softmax, as_pool, pool.truth, first, rest, strategy="least_confidence", seed=seed)
            yield {"way": way, "accuracy": curve}
            continue
        answers = answer(pool.truth, n_classes, WRONG if way == "wrong" else 0, seed)
        by = "random" if way == "random" else strategy
        curve = run(graph, features, answers, none, known, strategy=by, seed=seed)
        yield {"way": way, "accuracy": curve, "prepare_seconds": round(seconds, 1)}


def study_mnist(data: DataSet, start: int, seed: int, size: int, ways: list[str]) -> Iterator[Line]:
    """`study` of one pool."""
    chosen = start + np.random.default_rng(seed).permutation(size)
    pool = LabeledImages(data.train.images[chosen], data.train.truth[chosen])
    yield from study(pool, data.test, len(data.classes), seed, ways)


def report(lines: list[Line], console: Console) -> None:
    """Mean, standard deviation and worst, in percent, of each set and way."""
    groups: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        groups[line["set"], line["way"]].append(line)
    table = Table("images", "way", "pools", *map(str, POINTS))
    for (name, way), members in sorted(groups.items()):
        cells = []
        for point in map(str, POINTS):
            values = [100 * line["accuracy"][point] for line in members if point in line["accuracy"]]
            spread = f" ± {np.std(values, ddof=1):.1f}, {min(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.1f}{spread}" if values else "")
        table.add_row(name, way, str(len(members)), *cells)
    console.print(table)


def main() -> None:
    """Study what was asked for and is not in the file yet, then report all of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learner", description="Study how few labels suffice.")
    parser.add_argument("--pools", type=int, nargs="*", default=list(range(len(POOLS))), help="which of the 20")
    parser.add_argument("--whole", type=int, nargs="*", default=[], help="seeds of pools of all 60,000 images")
    parser.add_argument("--others", action="store_true", help="images of other kinds, too")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--lines", type=Path, default=Path(__file__).with_name("learner.jsonl"), help="results")
    asked = parser.parse_args()
    data, console = datasets.load(Settings()), Console()
    studies = [(f"MNIST {SIZE:,}", start, seed, SIZE) for start, seed in (POOLS[number] for number in asked.pools)]
    studies += [(f"MNIST {len(data.train):,}", 0, seed, len(data.train)) for seed in asked.whole]
    for name, start, seed, size in studies:
        if ways := _left(asked.lines, name, start, seed, asked.ways):
            _store(asked.lines, study_mnist(data, start, seed, size, ways), set=name, start=start, seed=seed)
    for name, make in OTHERS.items() if asked.others else ():
        if ways := _left(asked.lines, name, 0, 0, [way for way in asked.ways if way != "paper"]):
            images = make(data)
            _store(asked.lines, study(images.pool, images.test, images.n_classes, 0, ways), set=name, start=0, seed=0)
    report(_read(asked.lines), console)


def _read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _left(path: Path, name: str, start: int, seed: int, ways: list[str]) -> list[str]:
    done = {line["way"] for line in _read(path) if (line["set"], line["start"], line["seed"]) == (name, start, seed)}
    return [way for way in ways if way not in done]


def _store(path: Path, lines: Iterator[Line], **which: Any) -> None:
    for line in lines:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**which, **line}) + "\n")
        print(json.dumps({**which, **line}), flush=True)


if __name__ == "__main__":
    main()
