"""Errors over HTTP. One JSON shape for all of them (RFC 9457), a page for browsers that asked for a page."""

import http
import logging
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, DatabaseUnavailable, NotLoggedIn
from app.invitations import JOIN_PATH
from app.web.edge.templates import templates

logger = logging.getLogger(__name__)

MAX_NAME = 100  # characters of a field's name that a message repeats


class Problem(BaseModel):
    """What every error looks like: `code` for programs, `detail` for people, `context` with the numbers."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Conflict",
                "status": 409,
                "code": "AlreadyLabeled",
                "detail": "Image 17 has the label 7 by local already. Undo that first, or leave it.",
                "context": {"labels": [{"event_id": 3, "image_id": 17, "value": 7}]},
            }
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    context: dict[str, Any]


def add_error_handlers(app: FastAPI) -> None:
    """Answer every failure of `app` in the one shape."""
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)


def responses(*statuses: int, ok: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of these error statuses, and of a 200 that is not JSON."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described: dict[int | str, dict[str, Any]] = {
        status: {"description": http.HTTPStatus(status).phrase, "content": content} for status in statuses
    }
    return described | ({200: ok} if ok else {})


def problem_response(
    status: int,
    code: str,
    detail: str,
    context: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """An error in the one JSON shape."""
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer"} | (headers or {})
    problem = Problem(
        title=http.HTTPStatus(status).phrase, status=status, code=code, detail=detail, context=context or {}
    )
    return JSONResponse(problem.model_dump(mode="json"), status, headers, media_type="application/problem+json")


def _respond(
    request: Request,
    status: int,
    code: str,
    detail: str,
    context: dict[str, Any] | None = None,
    *,
    on_page: str | None = None,
) -> Response:
    """A page or JSON, as the request asks. On a page, `on_page` replaces a detail that only a script can use."""
    if _wants_page(request):
        page = {"status": status, "title": http.HTTPStatus(status).phrase, "detail": on_page or detail}
        return templates.TemplateResponse(request, "error.html", page, status)
    return problem_response(status, code, detail, context)


def _to_be_logged(path: str) -> str:
    """The path, without the token of an invitation."""
    return f"{JOIN_PATH}…" if path.startswith(JOIN_PATH) else path


def _path_with_query(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _wants_page(request: Request) -> bool:
    is_api = request.url.path.startswith("/api/")
    is_picture = request.url.path.endswith((".png", ".webp"))
    return not is_api and not is_picture and "text/html" in request.headers.get("accept", "")


def _on_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    if isinstance(error, DatabaseUnavailable):
        logger.error("%s %s: %s", request.method, _to_be_logged(request.url.path), error)
    if isinstance(error, NotLoggedIn) and request.method == "GET" and _wants_page(request):
        return RedirectResponse(f"/login?{urlencode({'next': _path_with_query(request)})}", 303)
    response = _respond(request, error.status, type(error).__name__, str(error), error.context, on_page=error.message)
    response.headers.update(retry_after(error))
    return response


def retry_after(error: AppError) -> dict[str, str]:
    """The header that says when to try again, if the error knows."""
    return {"Retry-After": str(error.context["seconds"])} if "seconds" in error.context else {}


def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [{"where": ".".join(map(_in_short, item["loc"])), "what": item["msg"]} for item in error.errors()[:100]]
    detail = "; ".join(f"{item['where']}: {item['what']}" for item in found[:5])
    return _respond(
        request,
        422,
        "InvalidRequest",
        f"The request is not of the form asked for: {detail}.",
        {"errors": found},
        on_page="Something in the address or in the form is not valid.",
    )


def _in_short(name: object) -> str:
    """The name of a field, which may be anything that was sent."""
    text = str(name)
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}…"


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI's answer to a body that is not text
        return _respond(request, 422, "InvalidRequest", "The body cannot be read: send JSON in UTF-8.")
    phrase = http.HTTPStatus(error.status_code).phrase
    own = type(error).__name__ if type(error) is not HTTPException else None
    code = own or phrase.title().replace(" ", "").replace("-", "")
    details = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.url.path} does not take {request.method}.",
    }
    on_page = details.get(error.status_code)
    detail = f"{on_page} The API is described at /docs." if on_page else str(error.detail)
    on_page = "What was sent is too large." if error.status_code == 413 else on_page
    response = _respond(request, error.status_code, code, detail, on_page=on_page)
    response.headers.update(error.headers or {})
    return response


class BugGuard:
    """Answers uncaught exceptions. Unlike Starlette's handler, it is inside the middleware that adds headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log an exception and answer 500."""
        has_started = False

        async def watching_send(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, watching_send)
        except Exception:
            if scope["type"] != "http" or has_started:
                raise
            logger.exception("%s %r failed", scope["method"], _to_be_logged(scope["path"]))
            detail = "Something went wrong here; it is in the server's log."
            await _respond(Request(scope), 500, "InternalError", detail)(scope, receive, send)
