"""The one table of experiments."""

from typing import get_args

from app.oracle.experiments import ALL_EXPERIMENTS, EXPERIMENTS, TABLE, Experiment, as_named
from app.web.pages.charts import PALETTES


def test_every_experiment_is_in_the_table_in_the_order_of_its_type() -> None:
    assert get_args(Experiment) == ALL_EXPERIMENTS
    assert set(ALL_EXPERIMENTS) - set(EXPERIMENTS) == {"random_curve", "inkling", "inkling_random"}


def test_no_two_curves_look_alike() -> None:
    curves = [TABLE[name] for name in ALL_EXPERIMENTS if name != "kmeans"]

    for names in ([c.title for c in curves], [c.short_title for c in curves], [c.name for c in curves]):
        assert len(set(names)) == len(curves)
    assert len({c.colour for c in curves}) == len(curves)
    for palette in PALETTES.values():
        assert max(c.colour for c in curves) < len(palette.curves)


def test_active_learning_that_asks_at_random_is_called_random() -> None:
    assert TABLE[as_named("active", "random")].title == "Random, batch by batch"
    assert as_named("active", "margin") == "active"
    assert as_named("random", "random") == "random"
