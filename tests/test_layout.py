"""The tree stays as it was meant: small files and functions, and nothing slow before the first page."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import ROOT

MODULES = sorted((ROOT / "app").rglob("*.py"))
CHECKED = [*MODULES, *sorted((ROOT / "migrations").rglob("*.py"))]
SCRIPTS = sorted((ROOT / "static").glob("*.js"))
MAX_MODULE_LINES, MAX_FUNCTION_LINES, MAX_SCRIPT_LINES = 400, 60, 300
SLOW = ("tensorflow", "keras", "sklearn", "bokeh", "scipy.stats", "pandas", "mlxtend", "schemathesis")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions_of(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def imported_by(statement: str) -> set[str]:
    """The modules that are loaded after this statement, in a process of its own."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize("path", CHECKED, ids=named)
def test_a_module_is_small_enough_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_a_script_is_small_enough_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_SCRIPT_LINES


def test_the_labeling_page_names_every_module_that_it_uses() -> None:
    """What it does not name is fetched late, and is missing without the server."""
    used, new = set[str](), {"label"}
    while new:
        used |= new
        texts = [(ROOT / "static" / f"{name}.js").read_text(encoding="utf-8") for name in new]
        new = {
            name for text in texts for name in re.findall(r'^import .* from "\./(\w+)\.js";$', text, re.MULTILINE)
        } - used
    template = (ROOT / "templates" / "label.html").read_text(encoding="utf-8")
    loop = re.search(r"{% for module in \((.*)\) %}\n<link rel=\"modulepreload\"", template)

    assert loop
    assert re.findall(r'"(\w+)"', loop[1]) == sorted(used - {"label"})


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_function_is_short_enough_to_be_seen_at_once(path: Path) -> None:
    long = [
        f"{function.name}: {length} lines"
        for function in functions_of(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION_LINES
    ]

    assert long == []


@pytest.mark.parametrize("path", [*CHECKED, *SCRIPTS, *sorted((ROOT / "tests").rglob("*.py"))], ids=named)
def test_nothing_is_left_for_later(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert not any(f"{mark}{mark_end}" in text for mark, mark_end in (("TO", "DO"), ("FIX", "ME"), ("X", "XX")))


@pytest.mark.parametrize("statement", ["import app.main", "import app.server", "import app.cli"])
def test_nothing_slow_is_imported_before_the_first_page(statement: str) -> None:
    loaded = imported_by(statement)

    assert sorted(loaded.intersection(SLOW)) == []


@pytest.mark.parametrize(
    ("statement", "kept_out"),
    [
        ("import app.cli", {"sqlalchemy", "pydantic", "numpy", "fastapi", "alembic"}),
        ("import app.cli.accounts", {"fastapi", "uvicorn", "alembic"}),
        ("import app.cli.operations", {"fastapi", "uvicorn"}),
        ("import app.cli.pools", {"fastapi", "uvicorn", "alembic"}),
        ("import app.cli.serving", {"fastapi", "uvicorn"}),
    ],
)
def test_a_command_imports_only_what_it_needs(statement: str, kept_out: set[str]) -> None:
    assert sorted(imported_by(statement) & kept_out) == []


def test_nothing_happens_at_import() -> None:
    code = (
        "import os, threading; before = set(os.listdir()); import app.main, app.cli; "
        "assert threading.active_count() == 1; assert set(os.listdir()) == before"
    )

    assert imported_by(code)


def test_there_is_no_module_for_this_and_that() -> None:
    vague = {"utils", "helpers", "common", "core", "services", "repositories", "misc"}

    assert [named(path) for path in MODULES if vague & {path.stem, path.parent.name}] == []


def test_the_map_of_the_package_has_every_top_module() -> None:
    told = ast.get_docstring(ast.parse((ROOT / "app" / "__init__.py").read_text(encoding="utf-8"))) or ""
    top = {path.stem for path in (ROOT / "app").glob("*.py")} | {path.parent.name for path in MODULES} - {"app", "api"}

    assert sorted(name for name in top - {"__init__"} if name not in told) == []
