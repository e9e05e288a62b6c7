"""Several oracle runs side by side: the page, its chart and its files."""

import csv
import json
from typing import Any

import pytest
from bokeh.document import Document
from fastapi.testclient import TestClient

from app.oracle.experiments import Experiment
from app.oracle.results import DataSource, pack_bits, unpack_bits
from app.oracle.scenarios import Parameters
from app.web.api.oracle_downloads import COLUMNS
from app.web.edge.deps import Services
from app.web.pages import oracle_comparison

from .oracle_results import add_run, make_result, with_curve
from .test_oracle_pages import text_of


def add(services: Services, *experiments: Experiment, **parameters: Any) -> int:
    """A run that is done; on the unseen images every other answer is right."""
    chosen = Parameters(experiments=experiments or ("active",), **parameters)
    return add_run(services.database, parameters=chosen, result=make_result(*chosen.experiments, parameters=chosen))


def better(services: Services, n_better: int, **changes: Any) -> int:
    """A run whose last model gets so many more of the 9,600 unseen images right."""
    result = make_result("active")
    curve = result.experiments["active"]
    right = unpack_bits(curve.test_right or "", 9600)
    right[1 : 2 * n_better : 2] = True
    counts = (*curve.test_correct[:-1], int(right.sum()))
    result = with_curve(result, "active", **{"test_right": pack_bits(right), "test_correct": counts} | changes)
    return add_run(services.database, parameters=Parameters(experiments=("active",)), result=result)


def compare(client: TestClient, *run_ids: int, **query: str) -> Any:
    return client.get("/oracle/compare", params={"run": run_ids, **query})


def curves(client: TestClient, *run_ids: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = compare(client, *run_ids, download="json").json()["curves"]
    return found


def test_runs_stand_in_one_table_in_the_order_of_the_address(client: TestClient, services: Services) -> None:
    first, second = add(services, shuffle_seed=1), add(services, ranking="margin", shuffle_seed=2)

    page = compare(client, second, first)

    text = text_of(page.text)
    assert page.status_code == 200
    assert f"Compare runs {second}, {first}" in text
    assert text.index(f"Run {second} : Active learning") < text.index(f"Run {first} : Active learning")
    assert "margin · shuffle seed 2 400 89.75 % 359 of 400 86.4 to 92.4 % 50.00 % 4,800 of 9,600 49.0 to 51.0 %" in text


def test_on_the_same_images_models_are_compared_image_by_image(client: TestClient, services: Services) -> None:
    first, second = add(services), better(services, 96)

    difference = curves(client, first, second)[1]["unseen_minus_first"]

    assert difference["is_paired"]
    assert difference["value"] == pytest.approx(0.01)
    assert difference["interval"] == pytest.approx([0.0080, 0.0120], abs=1e-4)  # 96 against 0: narrow
    assert "+1.00 +0.80 to +1.20" in text_of(compare(client, first, second).text)
    assert "−1.00 −1.20 to −0.80" in text_of(compare(client, second, first).text)
    assert curves(client, first, second)[0]["unseen_minus_first"] is None


def test_runs_stored_without_single_answers_are_compared_as_if_independent(
    client: TestClient, services: Services
) -> None:
    first, old = add(services), better(services, 96, test_right=None)

    difference = curves(client, first, old)[1]["unseen_minus_first"]
    text = text_of(compare(client, first, old).text)

    assert not difference["is_paired"]
    assert difference["interval"] == pytest.approx([-0.0041, 0.0241], abs=1e-4)
    assert "+1.00*" in text
    assert "treats the two as independent" in text
    assert "compared image by image" not in text


@pytest.mark.parametrize("other", [{"validation_size": 300}, {"dataset": "sample"}, {"n_test": 0}])
def test_on_other_images_no_difference_is_told(client: TestClient, services: Services, other: dict[str, Any]) -> None:
    first = add(services)
    size = other.pop("validation_size", 400)
    result = make_result("active", parameters=Parameters(experiments=("active",), validation_size=size), **other)
    data = DataSource(name=result.data.name, sha256=result.data.name)
    second = add_run(services.database, result=result.model_copy(update={"data": data}))

    assert curves(client, first, second)[1]["unseen_minus_first"] is None
    assert "another data set, or another number of validation images" in text_of(compare(client, first, second).text)


def test_the_random_curve_of_a_run_stands_beside_its_active_one(client: TestClient, services: Services) -> None:
    both = add(services, "random", "random_curve", "active", ranking="margin")
    alone = add(services, "active", ranking="random")

    found = curves(client, both, alone)

    assert [(curve["run"], curve["title"], curve["query_strategy"]) for curve in found] == [
        (both, "Random, batch by batch", "random"),
        (both, "Active learning", "margin"),
        (alone, "Random, batch by batch", "random"),
    ]


def test_a_run_without_a_learning_curve_is_compared_by_what_it_has(client: TestClient, services: Services) -> None:
    first, second = add(services, "active"), add(services, "ground_truth", "random")

    assert [curve["experiment"] for curve in curves(client, first, second)] == ["active", "ground_truth", "random"]


@pytest.mark.parametrize("n_runs", [0, 1, oracle_comparison.MAX_RUNS + 1])
def test_too_few_or_too_many_runs_are_refused_in_words(client: TestClient, services: Services, n_runs: int) -> None:
    run_ids = [add(services) for _ in range(n_runs)]

    refused = compare(client, *run_ids)

    assert refused.status_code == 422
    assert refused.json()["detail"] == f"Choose 2 to 8 different runs to compare; {n_runs} came."


def test_a_run_counts_once(client: TestClient, services: Services) -> None:
    run_id = add(services)

    assert compare(client, run_id, run_id).json()["code"] == "NothingToCompare"


def test_what_has_no_accuracy_is_not_compared(client: TestClient, services: Services) -> None:
    first, clusters = add(services), add(services, "kmeans")
    running = add_run(services.database, status="running")

    assert "k-means alone" in compare(client, first, clusters).json()["detail"]
    assert compare(client, first, running).json()["detail"] == f"The oracle run {running} is running: it has no result."
    assert compare(client, first, 99).status_code == 404


def test_the_files_are_saved_under_the_names_of_the_runs(client: TestClient, services: Services) -> None:
    first, second = add(services), add(services, shuffle_seed=7)

    as_csv, as_json = (compare(client, first, second, download=kind) for kind in ("csv", "json"))

    name = f"inkling-runs-{first}-{second}"
    assert as_csv.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
    assert as_json.headers["content-disposition"] == f'attachment; filename="{name}.json"'
    rows = list(csv.DictReader(as_csv.text.splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [row["run"] for row in rows] == [str(first)] * 40 + [str(second)] * 40
    assert rows[-1]["shuffle_seed"] == "7"
    assert as_json.json()["runs"] == [first, second]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_has_a_line_for_each_curve_and_random_is_dashed(
    client: TestClient, services: Services, theme: str
) -> None:
    first, second = add(services, "active", shuffle_seed=1), add(services, "active", ranking="random")

    chart = client.get(f"/oracle/compare/charts/accuracy.json?run={first}&run={second}&theme={theme}").json()

    assert [(entry["label"], entry["mark"]) for entry in chart["legend"]] == [
        (f"Run {first}: Active learning, least confidence, seed 1", "line"),
        (f"Run {second}: Random, batch by batch", "dashed"),
    ]
    assert chart["legend"][0]["colour"] != chart["legend"][1]["colour"]
    (plot,) = Document.from_json(json.loads(json.dumps(chart["item"]["doc"]))).roots
    assert plot.yaxis.axis_label == "Test accuracy"  # type: ignore[attr-defined]
    assert len(plot.renderers) == 4  # type: ignore[attr-defined] # a band and a line each


def test_each_curve_has_a_colour_until_there_are_too_many(client: TestClient, services: Services) -> None:
    curves: tuple[Experiment, ...] = ("random_curve", "active", "inkling", "inkling_random")
    runs = [add(services, *curves, shuffle_seed=seed) for seed in range(3)]

    def legend_of(*run_ids: int) -> list[dict[str, str]]:
        query = "&".join(f"run={run_id}" for run_id in run_ids)
        found: list[dict[str, str]] = client.get(f"/oracle/compare/charts/accuracy.json?{query}").json()["legend"]
        return found

    few, many = legend_of(*runs[:2]), legend_of(*runs)

    assert len({entry["colour"] for entry in few}) == len(few) == 8
    assert [entry["mark"] for entry in few] == ["dashed", "line", "line", "dashed"] * 2
    assert len({entry["colour"] for entry in many}) == 3
    assert len({(entry["colour"], entry["mark"]) for entry in many}) == len(many) == 12
    assert few[2]["label"] == f"Run {runs[0]}: Inkling, seed 0"
    assert [curve["query_strategy"] for curve in curves_of_one(client, runs)] == [
        "random",
        "least_confidence",
        None,
        "random",
    ]


def curves_of_one(client: TestClient, run_ids: list[int]) -> list[dict[str, Any]]:
    return [curve for curve in curves(client, *run_ids) if curve["run"] == run_ids[0]]


def test_the_list_has_boxes_for_runs_with_a_result_only(client: TestClient, services: Services) -> None:
    done, kept = add(services), add_run(services.database, status="stopped", result=make_result("random"))
    add_run(services.database, status="stopped")
    add_run(services.database, status="running", result=make_result("random"))

    page = client.get("/oracle").text

    assert [int(part.split('"')[0]) for part in page.split('name="run" value="')[1:]] == [kept, done]
    assert '<form method="get" action="/oracle/compare" id="compare"' in page


def test_one_result_alone_offers_no_comparison(client: TestClient, services: Services) -> None:
    add(services)

    assert 'name="run"' not in client.get("/oracle").text
