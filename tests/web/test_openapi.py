"""The OpenAPI document says what the server does: tried with requests that are made from it."""

from collections.abc import Iterator
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

from app.web.deps import Services

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
    for name in ("LeaseIn", "LabelIn", "UndoIn", "OracleLabelsIn", "OracleRunIn"):
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


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_what_the_document_promises_is_kept_whatever_is_sent(
    app: FastAPI, services: Services, mode: GenerationMode
) -> None:
    services.trainer.warm_up()  # or /readyz would rightly answer 503
    schema = schemathesis.openapi.from_asgi(DOCUMENT, app, headers=HOST).exclude(path_regex="/events$")
    broken: dict[str, str] = {}
    n_operations = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.body or list(operation.iter_parameters())):
            continue  # nothing to get wrong
        n_operations += 1

        @settings(
            max_examples=EXAMPLES,
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
            case.call_and_validate(checks=CHECKS, headers=HOST)

        try:
            try_it()
        except FailureGroup as failures:
            broken[operation.label] = "; ".join(map(str, failures.exceptions))
    assert broken == {}
    assert n_operations >= 12
