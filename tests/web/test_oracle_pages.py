"""The oracle pages, as a browser without JavaScript sees them."""

import io
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape

import pytest
from fastapi.testclient import TestClient
from PIL import Image as Picture

from app import queries
from app.models import OracleRun
from app.oracle import runs
from app.oracle.bounds import Sizes
from app.oracle.results import PARAMETERS
from app.oracle.scenarios import Parameters
from app.web.api.run_schemas import OracleRunIn, sizes_for
from app.web.edge.deps import Services
from app.web.pages.oracle_form import FIELDS

from ..factories import count_queries
from .oracle_results import add_run, make_result, run_oracle, with_curve

GOOD = {
    "experiments": ["", "active", "kmeans"],
    "pool_start": "5",
    "pool_size": "100",
    "validation_size": "50",
    "batch_size": "15",
    "budget": "30",
    "shuffle_seed": "",
    "ranking": "margin",
}


def text_of(html: str) -> str:
    """What the page says: without tags, with single spaces."""
    text = unescape(re.sub(r"<[^>]+>", " ", html))
    return " ".join(text.replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def stored_runs(services: Services) -> list[OracleRun]:
    with services.database.read() as session:
        return list(queries.list_oracle_runs(session)[0])


def test_without_a_run_the_page_offers_the_papers_experiments_and_names_the_data_set(client: TestClient) -> None:
    page = client.get("/oracle")
    assert page.status_code == 200
    assert "Run the paper’s experiments" in page.text
    assert "No runs yet." in text_of(page.text)
    assert "Runs use the data set that the server’s settings name" in text_of(page.text)


def test_an_empty_form_starts_the_papers_run(client: TestClient, services: Services) -> None:
    answer = client.post("/oracle", follow_redirects=False)
    (run,) = stored_runs(services)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/oracle/{run.id}")
    assert PARAMETERS.validate_python(run.parameters) == Parameters()


def test_the_form_starts_the_run_that_it_describes(client: TestClient, services: Services) -> None:
    answer = client.post("/oracle", data=GOOD, follow_redirects=False)
    (run,) = stored_runs(services)
    assert answer.status_code == 303
    assert PARAMETERS.validate_python(run.parameters) == Parameters(
        experiments=("active", "kmeans"),
        pool_start=5,
        pool_size=100,
        validation_size=50,
        batch_size=15,
        budget=30,
        shuffle_seed=None,
        ranking="margin",
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pool_size", "9", "Pool size: 9 is too small. Enter 10 to 3,995."),
        (
            "pool_size",
            "70000",
            "Pool size: 70,000 is too large. Enter 10 to 3,995. From image 5 on the data set has 3,995; "
            "lower the pool start for more.",
        ),
        (
            "pool_size",
            "3996",
            "Pool size: 3,996 is too large. Enter 10 to 3,995. From image 5 on the data set has 3,995; "
            "lower the pool start for more.",
        ),
        ("validation_size", "1001", "Validation size: 1,001 is too large. Enter 1 to 1,000."),
        ("pool_size", "many", "Pool size: enter a whole number from 10 to 3,995."),
        ("pool_size", "", "Pool size: enter a whole number from 10 to 3,995."),
        ("pool_size", "10.5", "Pool size: enter a whole number from 10 to 3,995."),
        ("pool_start", "-1", "Pool start: -1 is too small. Enter 0 to 3,990."),
        ("batch_size", "0", "Batch size: 0 is too small. Enter 1 to 10,000."),
        ("shuffle_seed", str(2**32), "Shuffle seed: 4,294,967,296 is too large. Enter 0 to 4,294,967,295."),
        (
            "budget",
            "101",
            "Budget: 101 is too large. Enter 1 to 100. The pool has 100 images; raise the pool size for more.",
        ),
        ("ranking", "guess", "Query strategy: choose one of 'least_confidence', 'margin', 'entropy' or 'random'."),
        ("experiments", "", "Experiments: choose at least one."),
    ],
)
def test_a_wrong_entry_brings_the_form_back_with_the_message_beside_the_field(
    client: TestClient, services: Services, field: str, value: str, message: str
) -> None:
    answer = client.post("/oracle", data=GOOD | {field: value})
    assert answer.status_code == 422
    beside = re.search(rf'id="{field}-error">([^<]+)<', answer.text)
    assert beside is not None and unescape(beside[1]) == message
    assert "The run wasn’t started. Please correct 1 field below." in text_of(answer.text)
    assert stored_runs(services) == []


def test_the_form_that_comes_back_has_what_was_entered(client: TestClient) -> None:
    page = client.post("/oracle", data=GOOD | {"budget": '"><b>x'}).text
    assert 'name="budget" value="&#34;&gt;&lt;b&gt;x"' in page
    assert 'name="pool_size" value="100"' in page
    assert re.findall(r'value="(\w+)" checked', page) == ["active", "kmeans"]
    assert '<option value="margin" selected>' in page
    assert "<details open>" in page


def test_a_field_that_does_not_exist_is_named(client: TestClient) -> None:
    answer = client.post("/oracle", data=GOOD | {"speed": "9"})
    assert answer.status_code == 422
    assert "speed: Extra inputs are not permitted" in text_of(answer.text)


def test_the_form_can_be_filled_from_a_run(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, parameters=Parameters(experiments=("random",), pool_size=77, shuffle_seed=3))
    page = client.get(f"/oracle?like={run_id}").text
    assert 'name="pool_size" value="77"' in page
    assert 'name="shuffle_seed" value="3"' in page
    assert re.findall(r'value="(\w+)" checked', page) == ["random"]
    assert client.get("/oracle?like=99").status_code == 404


def test_a_button_stops_a_run_and_a_second_click_does_no_harm(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="queued")
    for _ in range(2):
        page = client.post(f"/oracle/{run_id}/stop")
        assert page.status_code == 200
        assert page.url.path == f"/oracle/{run_id}"
        assert "The run was stopped before its end" in text_of(page.text)
    assert client.post("/oracle/99/stop").status_code == 404


def test_a_page_of_another_site_starts_nothing(client: TestClient, services: Services) -> None:
    answer = client.post("/oracle", headers={"Origin": "https://example.org"})
    assert answer.status_code == 403
    assert stored_runs(services) == []


def test_a_run_under_way_shows_how_far_it_is_and_reloads_without_javascript(
    client: TestClient, services: Services
) -> None:
    parameters = Parameters(experiments=("random", "auto_confident"))
    run_id = add_run(services.database, status="running", parameters=parameters, progress=("active", 12, 40))
    page = client.get(f"/oracle/{run_id}")
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page.text
    assert 'value="12" max="40"' in page.text
    # Confident auto-labeling goes on from active learning, so that is a step though nobody asked for it.
    assert re.findall(r'<li data-state="(\w+)"', page.text) == ["done", "running", "waiting"]
    assert "12 of 40" in text_of(client.get("/oracle").text)


def test_what_a_learner_does_before_the_first_answer_is_told_in_words(client: TestClient, services: Services) -> None:
    parameters = Parameters(experiments=("inkling", "inkling_random"))
    doing = {"progress": ("inkling", 35, 100), "preparation": "looking at every image"}
    run_id = add_run(services.database, status="running", parameters=parameters, **doing)  # type: ignore[arg-type]

    for path in ("/oracle", f"/oracle/{run_id}"):
        page = client.get(path).text
        assert "35 % looking at every image" in text_of(page)
        assert 'value="35" max="100"' in page
    assert client.get(f"/api/v1/oracle-runs/{run_id}").json()["progress"]["preparation"] == "looking at every image"


def test_inklings_learner_is_not_compared_with_the_paper_and_tells_how_long_it_looked(
    client: TestClient, services: Services
) -> None:
    parameters = Parameters(experiments=("inkling", "inkling_random"))
    own = add_run(services.database, parameters=parameters, result=make_result(*parameters.experiments))
    both = add_run(services.database, result=make_result("active", "inkling"))

    alone, beside = (text_of(client.get(f"/oracle/{run_id}").text) for run_id in (own, both))

    assert "The paper has no such experiment to compare with." in alone
    assert "1.25 s after 24 s of looking" in alone
    assert "Query strategy" not in alone
    assert "40 of 40 equal." in beside
    assert "With the paper’s learner the validation images also decide" in beside


def test_a_run_in_the_queue_says_so(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="queued")
    assert "Waiting for its turn" in text_of(client.get(f"/oracle/{run_id}").text)


def test_a_run_that_failed_says_why_and_what_to_do(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="failed", error="The pool is too large. Lower the pool size.")
    page = client.get(f"/oracle/{run_id}")
    assert "The run failed. The pool is too large. Lower the pool size." in text_of(page.text)
    assert f'href="/oracle?like={run_id}#start"' in page.text
    assert "http-equiv" not in page.text


def test_the_result_stands_beside_the_papers(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database)
    text = text_of(client.get(f"/oracle/{run_id}").text)
    assert "403 of 403 equal." in text
    row = "Active learning 400 89.75 % 89.75 % 359 of 400 86.4 to 92.4 % 50.00 % 4,800 of 9,600 49.0 to 51.0 % 40 of 40"
    assert row in text
    assert "took 12.5 s" in text


def test_where_the_run_leaves_the_papers_path_the_page_counts_what_is_equal(
    client: TestClient, services: Services
) -> None:
    run_id = add_run(services.database, result=with_curve(make_result(), "active", n_equal=15))
    assert "378 of 403 equal." in text_of(client.get(f"/oracle/{run_id}").text)


def test_without_such_a_run_in_the_paper_there_is_nothing_to_compare(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, result=make_result("active", "kmeans", dataset="sample", n_test=0))
    text = text_of(client.get(f"/oracle/{run_id}").text)
    assert "The paper has no such run to compare with" in text
    assert "Active learning 400 — 89.75 % 359 of 400 86.4 to 92.4 % — — 1.25 s" in text
    assert "the paper’s went" not in text
    assert "test images took no part" not in text


def test_a_run_of_k_means_alone_has_no_table(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, result=make_result("kmeans"))
    page = client.get(f"/oracle/{run_id}")
    assert "<table" not in page.text
    assert "the paper’s went from 274,108 to 154,263" in text_of(page.text)


def test_a_run_that_does_not_exist_is_an_error_page(client: TestClient) -> None:
    answer = client.get("/oracle/99", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no oracle run 99." in text_of(answer.text)


def test_the_list_comes_in_pages_newest_first(client: TestClient, services: Services) -> None:
    ids = [add_run(services.database, status="stopped") for _ in range(23)]
    first = client.get("/oracle").text
    assert re.findall(r'href="/oracle/(\d+)"', first) == [str(run_id) for run_id in ids[:2:-1]]
    older = re.search(r'href="(/oracle\?cursor=\d+)"', first)
    assert older is not None
    second = client.get(older[1]).text
    assert re.findall(r'href="/oracle/(\d+)"', second) == [str(run_id) for run_id in ids[2::-1]]


def test_the_number_of_queries_does_not_grow_with_the_runs(client: TestClient, services: Services) -> None:
    add_run(services.database)
    with count_queries(services.database) as few:
        client.get("/oracle")
    for _ in range(10):
        add_run(services.database)
    with count_queries(services.database) as many:
        client.get("/oracle")
    assert len(many) == len(few)


def test_a_centre_is_a_picture(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, result=make_result("kmeans"))
    answer = client.get(f"/oracle/{run_id}/centers/10.png")
    assert answer.headers["content-type"] == "image/png"
    picture = Picture.open(io.BytesIO(answer.content))
    assert (picture.size, picture.mode, picture.getpixel((27, 27))) == ((28, 28), "L", 255)


@pytest.mark.parametrize("number", ["0", "11", "-1"])
def test_a_centre_that_does_not_exist_is_not_found(client: TestClient, services: Services, number: str) -> None:
    run_id = add_run(services.database, result=make_result("kmeans"))
    assert client.get(f"/oracle/{run_id}/centers/{number}.png").status_code == 404


def test_a_chart_comes_as_json_in_both_themes(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database)
    light, dark = (client.get(f"/oracle/{run_id}/charts/accuracy.json?theme={theme}") for theme in ("light", "dark"))
    assert light.status_code == dark.status_code == 200
    assert light.json()["legend"][2]["label"] == dark.json()["legend"][2]["label"] == "Active learning"
    assert light.json()["legend"][2]["colour"] != dark.json()["legend"][2]["colour"]


def test_a_run_without_a_result_has_no_charts(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="running")
    answer = client.get(f"/oracle/{run_id}/charts/accuracy.json")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"The oracle run {run_id} is running: it has no result."


@pytest.mark.tensorflow
def test_a_small_run_from_the_form_to_its_result(client: TestClient, services: Services) -> None:
    client.post("/oracle", data=GOOD)
    assert run_oracle(services)
    (run,) = stored_runs(services)
    text = text_of(client.get(f"/oracle/{run.id}").text)
    assert "done" in text
    assert "Active learning 30 —" in text
    assert "k-means: the 10 centres" in text


def test_starting_the_server_loads_neither_bokeh_nor_tensorflow() -> None:
    heavy = "{'bokeh', 'tensorflow', 'sklearn', 'scipy'}"
    code = f"import sys, app.main; print(sorted({heavy} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_where_the_queue_is_full_the_form_comes_again_as_it_was_filled(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "QUEUED_ORACLE_RUNS", 0)

    response = client.post("/oracle", data=GOOD)

    assert response.status_code == 429
    assert "0 oracle runs wait already" in text_of(response.text)
    assert re.search(r'name="pool_size"[^>]*value="100"', response.text)
    assert stored_runs(services) == []


def test_all_wrong_entries_are_told_at_once_and_the_first_has_the_focus(client: TestClient) -> None:
    wrong = {"experiments": "", "pool_start": "3990", "pool_size": "3000", "validation_size": "many", "batch_size": "0"}

    page = client.post("/oracle", data=GOOD | wrong).text

    assert "Please correct 4 fields below." in text_of(page)
    assert sorted(re.findall(r'id="(\w+)-error"', page)) == [
        "batch_size",
        "experiments",
        "pool_size",
        "validation_size",
    ]
    assert re.findall(r'name="(\w+)" value="\w+"[^>]* autofocus', page) == ["experiments"]


@pytest.mark.parametrize("field", ["pool_start", "budget", "ranking"])
def test_a_single_wrong_field_has_the_focus(client: TestClient, field: str) -> None:
    page = client.post("/oracle", data=GOOD | {field: "guess"}).text

    assert page.count("autofocus") == 1
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"[^>]*autofocus', page)


def test_every_number_has_its_least_and_its_most_in_the_field_and_in_the_hint(client: TestClient) -> None:
    page = client.get("/oracle").text
    found = re.findall(r'min="(\d+)" max="(\d+)"[^>]* name="(\w+)"', page)
    limits = {name: (int(least), int(most)) for least, most, name in found}

    assert limits == {
        "pool_size": (10, 4000),
        "pool_start": (0, 3990),
        "validation_size": (1, 1000),
        "budget": (1, 4000),
        "batch_size": (1, 10_000),
        "shuffle_seed": (0, 2**32 - 1),
    }
    for least, most in limits.values():
        assert f"{least:,} to {most:,}." in text_of(page)


def test_the_form_knows_every_field_of_the_api() -> None:
    assert set(FIELDS) == set(OracleRunIn.model_fields)


def test_the_limits_follow_the_data_set_once_it_is_loaded(client: TestClient, services: Services) -> None:
    client.post("/oracle", data=GOOD)
    assert run_oracle(services)

    assert sizes_for(services) == Sizes(4000, 1000)
    assert sizes_for(replace(services, settings=services.settings.model_copy(update={"dataset": "auto"}))) == Sizes(
        4000, 1000
    )


def test_before_the_data_set_is_loaded_mnists_size_is_the_limit(services: Services) -> None:
    auto = replace(services, settings=services.settings.model_copy(update={"dataset": "auto"}))

    assert sizes_for(auto) == Sizes(60_000, 10_000)


def test_random_twice_in_one_run_is_refused(client: TestClient, services: Services) -> None:
    twice = GOOD | {"experiments": ["", "active", "random_curve"], "ranking": "random"}

    assert "At random, active learning is the random curve" in text_of(client.post("/oracle", data=twice).text)
    assert stored_runs(services) == []


def test_a_random_ranking_is_called_random_everywhere(client: TestClient, services: Services) -> None:
    parameters = Parameters(experiments=("active",), ranking="random")
    done = add_run(services.database, parameters=parameters, result=make_result("active", parameters=parameters))
    running = add_run(services.database, parameters=parameters, status="running", progress=("active", 1, 40))

    chart = client.get(f"/oracle/{done}/charts/accuracy.json").json()
    pages = [client.get(f"/oracle/{run_id}").text for run_id in (done, running)]

    assert [entry["label"] for entry in chart["legend"]] == ["Random, batch by batch"]
    for page in pages:
        main = text_of(page[page.index("<main") :])
        assert "Random, batch by batch" in main
        assert "Active learning" not in main
    assert f"{running} Random batch by batch" in text_of(client.get("/oracle").text)


def test_a_stopped_run_shows_what_was_finished_and_names_what_is_missing(
    client: TestClient, services: Services
) -> None:
    run_id = add_run(services.database, status="stopped", result=make_result("ground_truth", "random"))

    page = client.get(f"/oracle/{run_id}")

    text = text_of(page.text)
    assert "What was finished is kept, below." in text
    missing = "Missing: Active learning, + naive auto-labeling, + confident auto-labeling, k-means."
    assert missing in text
    assert "2 of 2 equal." in text
    assert f'href="/api/v1/oracle-runs/{run_id}?download=csv"' in page.text


def test_a_stopped_run_of_which_nothing_was_finished_says_so(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="stopped")

    assert "stopped before its end, so there is no result." in text_of(client.get(f"/oracle/{run_id}").text)


def test_a_failed_run_shows_what_was_finished(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="failed", error="No memory.", result=make_result("random"))

    text = text_of(client.get(f"/oracle/{run_id}").text)

    assert "No memory." in text
    assert "What was finished is kept" in text


def test_a_run_under_way_shows_nothing_of_its_result(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="running", result=make_result("random"))

    assert "<table" not in client.get(f"/oracle/{run_id}").text
    assert client.get(f"/oracle/{run_id}/charts/accuracy.json").status_code == 404


def test_the_parameters_stand_folded_under_the_title(client: TestClient, services: Services) -> None:
    page = client.get(f"/oracle/{add_run(services.database)}").text

    assert "<details open" not in page
    assert page.index("<h1") < page.index("<summary>Parameters</summary>") < page.index("<table")


def test_labeling_is_spelled_in_one_way(client: TestClient, services: Services) -> None:
    for path in ("/oracle", f"/oracle/{add_run(services.database)}"):
        assert "labelling" not in client.get(path).text
