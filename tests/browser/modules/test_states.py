"""The two tables of what the labeling page is doing."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from app.settings import ROOT

from .conftest import SITE, Run, Site, run_in

LOAD = 'const { Machine, PAGE, REQUEST } = await import("/states.js");'
FIRST = {"PAGE": "starting", "REQUEST": "idle"}


@pytest.mark.parametrize("table", FIRST)
def test_every_state_of_a_table_can_be_reached_and_left(run: Run, table: str) -> None:
    states = run(f"{LOAD} return {table};")

    reached, new = set(), {FIRST[table]}
    while new:
        reached |= new
        new = {state for name in new for state in states[name]["next"]} - reached

    assert reached == set(states)
    assert all(states[name]["next"] and name not in states[name]["next"] for name in states)


def test_the_template_has_words_for_every_state_in_which_no_image_is_shown(run: Run) -> None:
    template = (ROOT / "templates" / "label.html").read_text(encoding="utf-8")
    shown = set(run(f"{LOAD} return Object.values(PAGE).map(({{ shows }}) => shows);"))

    assert set(re.findall(r'data-when="(\w+)"', template)) == shown - {"answering"}


def test_a_legal_transition_is_made_and_nothing_is_said(run: Run) -> None:
    ways = [
        ["starting", "restored", "answering", "asking", "taken", "finished", "taken", "answering"],
        ["starting"] * 3,
    ]
    walk = f"""{LOAD}
      return argument.map((way) => {{
        const machine = new Machine(PAGE, way[0]);
        return way.map((state) => {{ machine.go(state); return machine.state; }});
      }});"""

    assert run(walk, ways) == ways


@pytest.mark.parametrize(
    ("table", "before", "after"),
    [("PAGE", "answering", "starting"), ("PAGE", "asking", "restored"), ("REQUEST", "idle", "leasing")],
)
def test_an_illegal_transition_is_an_error_of_the_page_which_goes_on(
    open_context: Callable[..., BrowserContext], site: Site, table: str, before: str, after: str
) -> None:
    context = open_context()
    context.route("**", site.serve)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(error.message))
    page.goto(SITE)

    step = f"{LOAD} const machine = new Machine({table}, argument[0]); machine.go(argument[1]); return machine.state;"

    assert run_in(page, step, [before, after]) == after
    assert errors == [f'Illegal transition from "{before}" to "{after}".']


def test_a_machine_knows_which_of_some_states_it_is_in(run: Run) -> None:
    ask = f'{LOAD} const machine = new Machine(PAGE, "taken"); return [["taken"], ["asking", "taken"], ["asking"]]'

    assert run(f"{ask}.map((states) => machine.is(...states));") == [True, True, False]
