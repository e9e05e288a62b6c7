"""The OpenAPI document says what the server does: tried with requests that are made from it."""

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import accounts, tokens
from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.web.edge.deps import Services
from tests.factories import add_trainer

pytestmark = pytest.mark.tensorflow

logger = logging.getLogger(__name__)

DOCUMENT = "/api/v1/openapi.json"
HOST = {"host": "localhost"}
EXAMPLES = 10
METHODS = ("get", "post", "put", "patch", "delete")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@dataclass
class Trials:
    """How many operations and requests were tried, what came back, and what was broken."""

    n_operations: int = 0
    n_cases: int = 0
    statuses: set[int] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    """The document as the server gives it."""
    document: dict[str, Any] = client.get(DOCUMENT).raise_for_status().json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method.upper(), path, methods[method]


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    assert len(list(operations(document))) >= 17
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert operation["tags"], (method, path)


def test_every_body_has_examples_to_try(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("LeaseIn", "LabelIn", "FlagIn", "ChangeIn", "UndoIn", "OracleLabelsIn", "OracleRunIn"):
        schema = schemas[name]
        fields = schema["properties"].values()
        assert "example" in schema or "examples" in schema or any("examples" in field for field in fields), name


def test_every_operation_under_the_api_documents_its_errors_in_the_one_shape(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        if not path.startswith("/api/"):
            continue
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "4"}
        assert "422" in errors, (method, path)
        assert ("404" in errors) == ("{" in path), (method, path)
        for answer in errors.values():
            assert list(answer["content"]) == ["application/problem+json"], (method, path)
            schema = answer["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_schema_that_is_referred_to_is_there(document: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(document))

    assert found
    assert found <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_the_documentation_page_needs_no_other_server(client: TestClient) -> None:
    page = client.get("/docs")

    assert page.status_code == 200
    assert "//cdn" not in page.text


@pytest.fixture
def closed_app(closed_settings: Settings) -> Iterator[FastAPI]:
    """An application with accounts; its trainer is warm, or /readyz would rightly answer 503."""
    app = create_app(closed_settings)
    enter_trainer(app.state.services.database)
    yield app
    app.state.services.decoders.close()
    app.state.services.previews.close()
    app.state.services.database.close()


def enter_trainer(database: Database) -> None:
    """Without one that is alive, however long the test takes, /readyz would rightly answer 503."""
    add_trainer(database, now=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))


def headers_of(app: FastAPI, caller: str) -> dict[str, str]:
    """What this caller sends: nobody shows no token."""
    if caller == "nobody":
        return HOST
    database: Database = app.state.services.database
    with database.write() as session:
        account = accounts.get_account(session, caller)
        tokens.create_token(session, account, "api", "to be revoked", now=dt.datetime.now(dt.UTC))  # has the id 1
        plain = tokens.create_token(session, account, "api", "script", now=dt.datetime.now(dt.UTC))
    return HOST | {"authorization": f"Bearer {plain}"}


def try_all(app: FastAPI, headers: dict[str, str], mode: GenerationMode, n_examples: int) -> Trials:
    """Send requests made from the document; what it promised and the server did not keep."""
    schema = schemathesis.openapi.from_asgi(DOCUMENT, app, headers=HOST).exclude(
        path_regex="/pools/[^/]+/(stream|events)$"
    )
    tried = Trials()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.body or list(operation.iter_parameters())):
            continue  # nothing to get wrong
        tried.n_operations += 1

        @settings(
            max_examples=n_examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def try_it(case: Any) -> None:
            if mode is GenerationMode.POSITIVE and "slug" in case.path_parameters:
                case.path_parameters["slug"] = "digits"  # any other pool is just not found
            if mode is GenerationMode.POSITIVE and "token_id" in case.path_parameters:
                case.path_parameters["token_id"] = 1  # not the caller's own, which is used for all
            tried.n_cases += 1
            response = case.call_and_validate(checks=CHECKS, headers=headers)
            tried.statuses.add(response.status_code)

        try:
            try_it()
        except FailureGroup as failures:
            tried.broken[operation.label] = "; ".join(map(str, failures.exceptions))
    logger.info("%s: %d operations, %d cases", mode.value, tried.n_operations, tried.n_cases)
    return tried


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_what_the_document_promises_is_kept_whatever_is_sent(
    app: FastAPI, mode: GenerationMode, services: Services
) -> None:
    enter_trainer(services.database)

    tried = try_all(app, HOST, mode, EXAMPLES)

    assert tried.broken == {}
    assert tried.n_operations >= 18


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("caller", "n_examples"), [("nobody", 3), ("ada", EXAMPLES), ("boss", EXAMPLES)])
def test_what_the_document_promises_is_kept_whoever_asks(
    closed_app: FastAPI, caller: str, n_examples: int, mode: GenerationMode
) -> None:
    tried = try_all(closed_app, headers_of(closed_app, caller), mode, n_examples)

    assert tried.broken == {}
    assert tried.n_operations >= 18
    assert (401 in tried.statuses) == (caller == "nobody")
    assert caller != "ada" or 403 in tried.statuses
    assert (201 in tried.statuses) == (caller != "nobody" and mode is GenerationMode.POSITIVE)
