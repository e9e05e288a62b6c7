"""Gives each request an id, counts it, and measures its time."""

import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import request_id
from app.web.edge.metrics import Metrics

METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
_SANE_ID = re.compile(r"[\w.-]{1,40}")


class RequestObserver:
    """The outermost layer, so that refusals are counted too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass HTTP on with an id; the response carries it, and so does each log line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        current = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(current)
        started, status = time.perf_counter(), 500

        async def watching_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = current
            await send(message)

        try:
            await self._app(scope, receive, watching_send)
        finally:
            request_id.reset(token)
            route = _template(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(method, route, status).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)


def _template(scope: Scope) -> str:
    """The route's template, not the path: a counter for each path that is asked for would grow for ever."""
    route = scope.get("route")
    if route is None:
        return "none"
    # A route knows its path within its router; the router's prefix is what the request has before that. If a
    # parameter is written in another way (001 for 1), the prefix cannot be found.
    own = route.path_format.format(**scope["path_params"])
    path: str = scope["path"]
    return (path.removesuffix(own) if path.endswith(own) else "") + str(route.path)
