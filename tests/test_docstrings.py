"""Docstrings say what a reader cannot guess: what a module and a class are, and which expected failures come out.

Checked are the failures that a function raises itself or in private functions of its module. Endpoints and commands are
left out: their docstrings are shown to users, and one place turns every failure into a response or a message.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import errors
from app.errors import AppError
from app.settings import ROOT

MODULES = sorted((ROOT / "app").rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef
FAILURES = {name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, AppError)}
SHOWN_TO_USERS = re.compile(r"(router|\w*app)\.\w+")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions_of(tree: ast.Module) -> dict[str, Function]:
    """Functions and methods by name; a method as `Class.name`."""
    found = {node.name: node for node in tree.body if isinstance(node, Function)}
    for owner in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        found |= {f"{owner.name}.{node.name}": node for node in owner.body if isinstance(node, Function)}
    return found


def name_of(node: ast.AST | None) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def statements(node: ast.AST, caught: frozenset[str] = frozenset()) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """All nodes below, each with the names of the exceptions that are caught around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Try):
            inner = caught | {name_of(each) for handler in child.handlers for each in ast.walk(handler.type or handler)}
            for part in child.body:
                yield part, inner
                yield from statements(part, inner)
            outside: list[ast.AST] = [*child.handlers, *child.orelse, *child.finalbody]
            for other in outside:
                yield other, caught
                yield from statements(other, caught)
        else:
            yield child, caught
            yield from statements(child, caught)


def lineage(failure: str) -> set[str]:
    """The failure and its bases: to catch or to name one of them is to catch or to name it."""
    return {base.__name__ for base in FAILURES[failure].__mro__}


def raised_by(name: str, functions: dict[str, Function], seen: frozenset[str] = frozenset()) -> set[str]:
    """The failures that come out of a function, from itself or from private functions of its module."""
    found: set[str] = set()
    owner = name.rpartition(".")[0]
    for node, caught in statements(functions[name]):
        made = node.exc.func if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else None
        made = node.exc if isinstance(node, ast.Raise) and made is None else made
        called = name_of(node.func) if isinstance(node, ast.Call) else ""
        below = {name_of(made)}
        if name_of(made) in functions:  # a function that makes the failure
            below = {name_of(functions[name_of(made)].returns)}
        for target in (called, f"{owner}.{called}"):
            if called.startswith("_") and target in functions and target not in seen:
                below |= raised_by(target, functions, seen | {name, target})
        found |= {each for each in below & FAILURES.keys() if not lineage(each) & caught}
    return found


def is_shown_to_users(function: Function) -> bool:
    return any(SHOWN_TO_USERS.match(ast.unparse(decorator)) for decorator in function.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_and_its_public_classes_say_what_they_are(path: Path) -> None:
    tree = parse(path)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]

    assert ast.get_docstring(tree)
    assert [node.name for node in classes if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name != "cli"], ids=named)
def test_a_public_function_names_the_failures_that_it_raises(path: Path) -> None:
    functions = functions_of(parse(path))
    untold: dict[str, set[str]] = {}
    for name, function in functions.items():
        if any(part.startswith("_") for part in name.split(".")) or is_shown_to_users(function):
            continue
        text = ast.get_docstring(function) or ""
        told = set(re.findall(r"\w+", text[text.find("Raise") :])) if "Raise" in text else set()
        if "Raises: as `" not in text:
            missing = {each for each in raised_by(name, functions) if not lineage(each) & told}
            untold |= {name: missing} if missing else {}

    assert untold == {}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f():\n    raise NotFound('')", {"NotFound"}),
        ("def f():\n    _g()\ndef _g():\n    raise NotFound('')", {"NotFound"}),
        ("def f():\n    raise _g()\ndef _g() -> WrongLogin:\n    return WrongLogin('')", {"WrongLogin"}),
        ("def f():\n    try:\n        _g()\n    except NotFound: pass\ndef _g():\n    raise ImageNotFound('')", set()),
        ("def f():\n    try:\n        pass\n    except OSError:\n        raise BackupFailed('')", {"BackupFailed"}),
        ("def f():\n    _f()\ndef _f():\n    _f()\n    raise KeyError", set()),
    ],
)
def test_the_failures_of_a_function_are_found(code: str, expected: set[str]) -> None:
    assert raised_by("f", functions_of(ast.parse(code))) == expected
