"""What stands before every request: host, origin, body size; and the headers behind every response.

Plain ASGI, so that streams pass through untouched and nothing is buffered.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings
from app.web.problems import problem_response

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Bokeh and Swagger UI write style attributes and draw inline SVG; neither needs an inline script.
CHART_POLICY = STRICT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self'", "img-src 'self' data:"
)
CHART_PATHS = ("/oracle", "/docs")


class BodyTooLarge(HTTPException):
    """The body is over the limit, by its own word or as it was read."""

    def __init__(self, limit: int) -> None:
        detail = f"The body is larger than {limit} bytes. Send it in parts, or raise INKLING_MAX_BODY_BYTES."
        super().__init__(413, detail)


class Security:
    """Refuses what should not come in, and adds the headers to what goes out."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        named = (settings.host, *settings.allowed_hosts)
        self._hosts = {"localhost", "127.0.0.1", "[::1]", *(_as_in_header(name) for name in named)}
        self._max_body_bytes = settings.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass HTTP on if it may pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        if refusal is not None:
            status, code, detail = refusal
            await problem_response(status, code, detail)(scope, receive, send_with_headers)
            return
        await self._app(scope, self._bounded(receive), send_with_headers)

    def _bounded(self, receive: Receive) -> Receive:
        """For a body without a length, or one that lied. FastAPI lets an HTTPException of `receive` through."""
        read = 0

        async def bounded_receive() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
            return message

        return bounded_receive

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if _without_port(host) not in self._hosts:
            return (
                421,
                "WrongHost",
                f"This server does not answer to the name {_without_port(host)!r}. "
                "If it should, add the name to INKLING_ALLOWED_HOSTS.",
            )
        if scope["method"] not in SAFE_METHODS and not _is_own_origin(headers, host):
            return (
                403,
                "ForeignOrigin",
                "A page of another site may not write here. Open this server's own page.",
            )
        if headers.get("content-type", "").strip().lower().startswith("multipart/"):
            # Its parts name their own character set, and some of those take minutes to decode.
            return 415, "NoUploads", "Nothing here takes files. Send JSON to the API, and forms URL-encoded."
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body_bytes:
            refusal = BodyTooLarge(self._max_body_bytes)
            return refusal.status_code, "BodyTooLarge", refusal.detail
        return None


def own_path(path: str) -> str:
    """The path if it is one of this server, else "/": `//elsewhere` and `/\\elsewhere` are other sites to a browser."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"


def _as_in_header(host: str) -> str:
    """As a browser writes it: an IPv6 address in brackets, names in lower case."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host.lower()


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _is_own_origin(headers: Headers, host: str) -> bool:
    """Browsers name the origin of every write; scripts name none and carry no cookies to steal."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == host  # not urlsplit, which raises on half a bracket


def _add_headers(headers: MutableHeaders, path: str) -> None:
    is_chart = any(path == prefix or path.startswith(f"{prefix}/") for prefix in CHART_PATHS)
    headers["Content-Security-Policy"] = CHART_POLICY if is_chart else STRICT_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers.setdefault("Cache-Control", _cache_control(path))


def _cache_control(path: str) -> str:
    return "no-cache" if path.startswith(("/static/", "/vendor/")) else "no-store"  # no-cache: asks by ETag
