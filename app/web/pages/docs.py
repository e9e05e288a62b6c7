"""The API's documentation: Swagger UI from an installed package, so that it works offline."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from app.web.edge.auth import recognize_caller
from app.web.edge.problems import Problem
from app.web.edge.templates import templates

router = APIRouter(include_in_schema=False)

VERSION = version("inkling")

DESCRIPTION = """
Inkling shows people the images that tell its model most, and trains after every ten answers.

A script does what the labeling page does: **lease** the next images, **label** them, lease again. Every error
has one shape, `application/problem+json`: `code` for programs, `detail` for people, `context` with the numbers.
Lists come as `{"items": [...], "next": cursor or null}`; send `next` back as `cursor`.
"""


def describe(app: FastAPI) -> None:
    """Complete the OpenAPI document: every error refers to the one shape, which no endpoint returns by itself."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        document = made_by_fastapi()
        document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation says


@router.get("/docs", dependencies=[Depends(recognize_caller)])
def show_docs(request: Request) -> Response:
    """Swagger UI on this server's OpenAPI document."""
    return templates.TemplateResponse(request, "docs.html", {})
