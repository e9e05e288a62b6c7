"""Checks before every request: host, origin, body size; and headers for every response.

Plain ASGI, so that streams pass through untouched and nothing is buffered.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.invitations import JOIN_PATH
from app.settings import Settings
from app.web.edge.problems import problem_response

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

# One thread parses all bodies, and every request waits for it: a megabyte of brackets takes a second.
SMALL_BODY_BYTES = 65_536  # 1,000 ids, or the login form with a password of 1,000 characters beyond ASCII
MAX_PARTS = 10_000  # of a body: 1,000 labels have 4,000
_BULK_PATH = re.compile(r"/api/v1/pools/[^/]+/labels")
PREDICTED_BYTES = 64_000_000  # images to predict; they are in memory while that is done
PICTURE_BYTES = 16_000_000  # one picture for a guideline, which is in memory, too
SETTINGS_BYTES = 262_144  # a guideline of 20,000 characters, each of up to nine bytes as a form writes it
_SETTINGS_PATH = re.compile(r"/(api/v1/pools/[^/]+|pools/[^/]+/settings)")
# Their parts are files: the one streams them to disk, the others read them themselves.
_UPLOAD_PATH = re.compile(r"/api/v1/pools/[^/]+/(images|predict|guideline-pictures)|/pools/[^/]+/settings/pictures")


WRONG_HOST = "This server does not answer to the name {!r}. If it should, add the name to INKLING_ALLOWED_HOSTS."
FOREIGN_ORIGIN = (
    "A page of another site may not write here. Open this server's own page. If this is it, the proxy in front of the "
    "server must send X-Forwarded-Proto and be in INKLING_TRUSTED_PROXIES."
)


class BodyTooLarge(HTTPException):
    """The body is over the limit, by its Content-Length or as it was read."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            413,
            f"The body is larger than {limit:,} bytes, the most that this address takes. Send it in parts; "
            "INKLING_MAX_BODY_BYTES raises the limit for labels, INKLING_MAX_UPLOAD_BYTES that for images.",
        )


class BodyTooComplex(HTTPException):
    """The body is small enough, but made of more values than any request here needs."""

    def __init__(self) -> None:
        super().__init__(413, f"The body has more than {MAX_PARTS:,} lists, objects and values. Send it in parts.")


class Security:
    """Refuses requests that break a rule, and adds headers to every response."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        named = (settings.host, *settings.allowed_hosts)
        self._hosts = {"localhost", "127.0.0.1", "[::1]", *(_as_in_header(name) for name in named)}
        self._max_body_bytes = settings.max_body_bytes
        self._max_upload_bytes = settings.max_upload_bytes
        self._small_body_bytes = min(SMALL_BODY_BYTES, settings.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            # Where a request ends is not known then: what follows must not be answered as the next one.
            closing = {"Connection": "close"} if code == "AmbiguousLength" else None
            await problem_response(status, code, detail, headers=closing)(scope, receive, send_with_headers)
            return
        max_parts = None if _UPLOAD_PATH.fullmatch(scope["path"]) else MAX_PARTS
        await self._app(scope, _bounded(receive, self._body_limit(scope), max_parts), send_with_headers)

    def _body_limit(self, scope: Scope) -> int:
        if _UPLOAD_PATH.fullmatch(scope["path"]):
            limits = {"predict": PREDICTED_BYTES, "images": self._max_upload_bytes}
            return limits.get(scope["path"].rpartition("/")[2], PICTURE_BYTES)
        if _SETTINGS_PATH.fullmatch(scope["path"]):
            return min(SETTINGS_BYTES, self._max_body_bytes)
        return self._max_body_bytes if _BULK_PATH.fullmatch(scope["path"]) else self._small_body_bytes

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        if "transfer-encoding" in headers and "content-length" in headers:
            # A proxy may go by the one and this server by the other (RFC 9112, 6.3).
            return 400, "AmbiguousLength", "Send either Content-Length or Transfer-Encoding."
        host = headers.get("host", "").lower()
        if _without_port(host) not in self._hosts:
            return 421, "WrongHost", WRONG_HOST.format(_without_port(host))
        if scope["method"] not in SAFE_METHODS and not _is_own_origin(headers, scope["scheme"], host):
            return 403, "ForeignOrigin", FOREIGN_ORIGIN
        content_type = headers.get("content-type", "").strip().lower()
        if content_type.startswith("multipart/"):
            if not _UPLOAD_PATH.fullmatch(scope["path"]):
                return 415, "NoUploads", "This address takes no files. Send JSON to the API, and forms URL-encoded."
            if "charset" in content_type and scope["path"].endswith("/images"):  # some take minutes to decode
                return 415, "NoUploads", "Send multipart/form-data without a character set; names are UTF-8."
        length, limit = headers.get("content-length", "0"), self._body_limit(scope)
        if length.isdigit() and length.isascii() and (len(length) > 18 or int(length) > limit):
            refusal = BodyTooLarge(limit)
            return refusal.status_code, "BodyTooLarge", refusal.detail
        return None


def _bounded(receive: Receive, limit: int, max_parts: int | None) -> Receive:
    """Limit a body without a length, with a wrong one, or of many parts. FastAPI passes these HTTPExceptions on.

    Pictures have no parts: their bytes are not counted so.
    """
    n_bytes = n_parts = 0

    async def bounded_receive() -> Message:
        nonlocal n_bytes, n_parts
        message = await receive()
        body = message.get("body", b"")
        n_bytes += len(body)
        n_parts += 0 if max_parts is None else sum(map(body.count, (b"[", b"{", b",", b"&")))
        if n_bytes > limit:
            raise BodyTooLarge(limit)
        if max_parts is not None and n_parts > max_parts:
            raise BodyTooComplex
        return message

    return bounded_receive


def own_path(path: str) -> str:
    """The path if it is one of this server, else "/": `//elsewhere` and `/\\elsewhere` are other sites to a browser."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"


def own_url(connection: HTTPConnection, path: str) -> str:
    """The path as an address to be sent to somebody, with the name by which this request reached the server."""
    return f"{connection.url.scheme}://{connection.url.netloc}{path}"


def _as_in_header(host: str) -> str:
    """As a browser writes it: an IPv6 address in brackets, names in lower case."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host.lower()


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _is_own_origin(headers: Headers, scheme: str, host: str) -> bool:
    """Browsers name the origin of every write; scripts name none and carry no cookies to steal."""
    site = headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    its_scheme, _, its_host = origin.lower().partition("://")  # not urlsplit, which raises on half a bracket
    # A browser that says "same-origin" has compared the schemes, and knows better than a server behind a proxy.
    return its_host == host and (its_scheme == scheme or (site == "same-origin" and its_scheme in ("http", "https")))


def _add_headers(headers: MutableHeaders, path: str) -> None:
    is_chart = any(path == prefix or path.startswith(f"{prefix}/") for prefix in CHART_PATHS)
    headers.setdefault("Content-Security-Policy", CHART_POLICY if is_chart else STRICT_POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    # Of a link with a token not even this server is told the path: proxies log what they are told.
    headers["Referrer-Policy"] = "strict-origin" if path.startswith(JOIN_PATH) else "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers.setdefault("Cache-Control", "no-store")
