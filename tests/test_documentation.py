"""README.md tells of every setting, every route and every command."""

import json
import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from app.cli import COMMANDS, load_command
from app.settings import ROOT, Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")


def rows_of_settings() -> dict[str, list[str]]:
    """The cells of each row of README's table of settings, by the setting's name."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in README.splitlines() if line[:1] == "|"]
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
def test_every_setting_is_in_the_readmes_table_with_its_default(name: str) -> None:
    rows = rows_of_settings()
    default = Settings.model_fields[name].get_default(call_default_factory=True, validated_data={})
    shown = (
        f"{default:g}" if isinstance(default, float) else default if isinstance(default, str) else json.dumps(default)
    )

    assert f"INKLING_{name.upper()}" in rows
    assert rows[f"INKLING_{name.upper()}"][0] == ("" if default is None else f"`{shown}`")


def test_the_readme_tells_of_no_setting_that_is_not_there() -> None:
    assert {name.removeprefix("INKLING_").lower() for name in rows_of_settings()} <= set(Settings.model_fields)


def test_every_route_of_the_api_is_in_the_readme(app: FastAPI) -> None:
    routes = [f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods]
    told = README.replace("`", "")

    assert [route for route in routes if route not in told] == []


def test_every_command_is_in_the_readme() -> None:
    found = list(commands())

    assert len(found) >= 5
    assert [command for command in found if command not in README] == []


def test_every_link_within_the_tree_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", README)

    assert [link for link in links if not (ROOT / link).exists()] == []
