"""The documentation tells of every setting, every route and every command."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.cli import COMMANDS, load_command
from app.settings import ROOT, Settings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
API, REFERENCE = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("api.md", "reference.md"))


def rows_of_settings() -> dict[str, list[str]]:
    """The cells of each row of the table of settings, by the setting's name."""
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in REFERENCE.splitlines() if line[:1] == "|"
    ]
    return {match[1]: row[1:] for row in rows if (match := re.fullmatch(r"`(INKLING_\w+)`(?: \*)?", row[0]))}


def commands() -> Iterator[str]:
    """Every command, as it is typed."""

    def walk(command: object, words: list[str]) -> Iterator[str]:
        below = getattr(command, "commands", None)
        if below is None:
            yield " ".join(words)
            return
        for name, each in below.items():
            yield from walk(each, [*words, name])

    for name in COMMANDS:
        yield from walk(load_command(name), ["inkling", name])


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_reference_with_its_default(name: str) -> None:
    rows = rows_of_settings()
    default = Settings.model_fields[name].get_default(call_default_factory=True, validated_data={})
    shown = (
        f"{default:g}" if isinstance(default, float) else default if isinstance(default, str) else json.dumps(default)
    )

    assert f"INKLING_{name.upper()}" in rows
    assert rows[f"INKLING_{name.upper()}"][0] == ("" if default is None else f"`{shown}`")


def test_the_reference_tells_of_no_setting_that_is_not_there() -> None:
    assert {name.removeprefix("INKLING_").lower() for name in rows_of_settings()} <= set(Settings.model_fields)


def test_every_route_of_the_api_is_in_its_documentation(app: FastAPI) -> None:
    routes = [f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods]
    told = API.replace("`", "")

    assert [route for route in routes if route not in told] == []


def test_every_command_is_in_the_reference() -> None:
    found = list(commands())

    assert len(found) >= 5
    assert [command for command in found if command not in REFERENCE] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_tree_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
