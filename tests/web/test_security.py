"""What stands before every request, and the headers behind every response."""

import socket
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.web.edge.security import MAX_PARTS, SMALL_BODY_BYTES

LEASES = "/api/v1/pools/digits/leases"
LABELS = "/api/v1/pools/digits/labels"
JSON = {"content-type": "application/json"}
LABEL_PAGE = "/pools/digits/label"


def code_of(client: TestClient, headers: dict[str, str], path: str = LEASES) -> tuple[int, str | None]:
    response = client.post(path, json={}, headers=headers)
    return response.status_code, response.json().get("code")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8000"])
def test_the_servers_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "", "127.0.0.2"]
)
def test_another_name_is_misdirected_and_says_how_to_allow_it(client: TestClient, host: str) -> None:
    response = client.get("/healthz", headers={"host": host})

    assert (response.status_code, response.json()["code"]) == (421, "WrongHost")
    assert "INKLING_ALLOWED_HOSTS" in response.json()["detail"]


def test_a_name_that_the_settings_allow_is_answered(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"allowed_hosts": ["labels.example"]}))
    client = TestClient(app, base_url="http://labels.example")

    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz", headers={"host": "other.example"}).status_code == 421
    app.state.services.decoders.close()
    app.state.services.previews.close()
    app.state.services.database.close()


def test_a_page_of_another_site_may_not_write(client: TestClient) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:9999"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "localhost"},
        {"origin": "http://["},
        {"origin": "https://localhost"},  # another origin, though of the same host
        {"origin": "ftp://localhost"},
        {"origin": "ftp://localhost", "sec-fetch-site": "same-origin"},
        {"origin": "https://localhost", "sec-fetch-site": "none"},
        {"origin": "http://localhost@evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost", "sec-fetch-site": "cross-site"},
    ):
        assert code_of(client, headers) == (403, "ForeignOrigin"), headers
    assert client.get("/api/v1/pools/digits").json()["counts"]["held"] == 0


def test_ones_own_page_and_a_script_may_write(client: TestClient) -> None:
    for headers in (
        {},
        {"origin": "http://localhost"},
        {"origin": "http://localhost", "sec-fetch-site": "same-origin"},
        {"origin": "HTTP://LOCALHOST"},
        {"origin": "https://localhost", "sec-fetch-site": "same-origin"},  # behind a proxy that says nothing of HTTPS
        {"sec-fetch-site": "none"},
    ):
        assert code_of(client, headers) == (200, None), headers


def test_on_https_the_page_over_plain_http_is_another_site(app: FastAPI) -> None:
    client = TestClient(app, base_url="https://localhost")

    assert code_of(client, {"origin": "http://localhost"}) == (403, "ForeignOrigin")
    assert code_of(client, {"origin": "https://localhost"}) == (200, None)


def test_a_page_of_another_site_may_follow_a_link(client: TestClient) -> None:
    headers = {"origin": "https://other.example", "sec-fetch-site": "cross-site"}

    assert client.get("/healthz", headers=headers).status_code == 200


def limits_of(settings: Settings) -> dict[str, int]:
    """Many labels may be sent at once, and need room; nothing else does."""
    return {LABELS: settings.max_body_bytes, LEASES: SMALL_BODY_BYTES, "/login": SMALL_BODY_BYTES}


@pytest.mark.parametrize("path", [LABELS, LEASES, "/login"])
def test_a_body_that_says_it_is_too_large_is_not_read(client: TestClient, settings: Settings, path: str) -> None:
    response = client.post(path, content=b" " * (limits_of(settings)[path] + 1))

    assert (response.status_code, response.json()["code"]) == (413, "BodyTooLarge")
    assert "INKLING_MAX_BODY_BYTES" in response.json()["detail"]


@pytest.mark.parametrize("path", [LABELS, LEASES])
def test_a_body_that_turns_out_too_large_is_refused(client: TestClient, settings: Settings, path: str) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(limits_of(settings)[path] // 65536 + 2):
            yield b" " * 65536

    response = client.post(path, content=pieces(), headers=JSON)

    assert "content-length" not in response.request.headers
    assert (response.status_code, response.json()["code"]) == (413, "BodyTooLarge")


def test_what_follows_a_request_of_two_lengths_is_not_answered_as_the_next(server: str) -> None:
    with socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2])), timeout=60) as client:
        client.sendall(
            f"POST {LEASES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        answers = b"".join(iter(lambda: client.recv(1 << 16), b""))  # until the server closes

    assert answers.count(b"HTTP/1.1 ") == 1
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"AmbiguousLength"' in answers


@pytest.mark.parametrize("path", ["/login", LEASES, "/oracle", "/pools/digits/answers"])
@pytest.mark.parametrize("kind", ["multipart/form-data; charset=punycode; boundary=X", " Multipart/mixed"])
def test_parts_that_name_their_own_character_set_are_not_read(client: TestClient, path: str, kind: str) -> None:
    body = b'--X\r\nContent-Disposition: form-data; name="name"\r\n\r\nx-aaa\r\n--X--\r\n'

    response = client.post(path, content=body, headers={"content-type": kind})

    assert (response.status_code, response.json()["code"]) == (415, "NoUploads")


@pytest.mark.parametrize(("path", "status"), [(LEASES, 200), (LABELS, 422)])
def test_a_body_up_to_the_limit_is_read(client: TestClient, settings: Settings, path: str, status: int) -> None:
    body = b"{}" + b" " * (limits_of(settings)[path] - 2)

    assert client.post(path, content=body, headers=JSON).status_code == status


def test_a_lower_limit_for_labels_is_that_of_all_bodies(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"max_body_bytes": 1024}))
    client = TestClient(app, base_url="http://localhost")

    assert client.post(LEASES, content=b" " * 1025, headers=JSON).status_code == 413
    app.state.services.decoders.close()
    app.state.services.previews.close()
    app.state.services.database.close()


@pytest.mark.parametrize(
    "body",
    [
        b'{"labels": [' + b",".join([b"[" * 400 + b"]" * 400] * 30) + b"]}",
        b'{"labels": [' + b",".join([b"{}"] * (MAX_PARTS // 2)) + b"]}",
        b"{" + b",".join(b'"%d": 0' % number for number in range(MAX_PARTS + 1)) + b"}",
    ],
)
def test_a_body_of_more_parts_than_any_request_needs_is_not_parsed(client: TestClient, body: bytes) -> None:
    response = client.post(LABELS, content=body, headers=JSON)

    assert (response.status_code, response.json()["code"]) == (413, "BodyTooComplex")


def test_a_form_of_more_fields_than_any_form_has_is_not_parsed(client: TestClient) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}

    response = client.post("/login", content=b"&" * (MAX_PARTS + 1), headers=headers)

    assert (response.status_code, response.json()["code"]) == (413, "BodyTooComplex")


def test_as_many_labels_as_a_request_may_have_are_read(client: TestClient) -> None:
    labels = [{"image_id": 10**9 + number, "value": 1, "key": f"{{a, key}}-{number:053d}"} for number in range(1000)]
    labels = [label | {"key": str(label["key"]).replace(" ", "")} for label in labels]

    response = client.post(LABELS, json={"labels": labels})

    assert (response.status_code, response.json()["code"]) == (404, "ImageNotFound")


@pytest.mark.parametrize("length", ["-1", "x", "1e9"])
def test_a_length_that_is_no_number_does_no_harm(client: TestClient, length: str) -> None:
    response = client.post(
        LEASES, content=b"{}", headers={"content-type": "application/json", "content-length": length}
    )

    assert response.status_code in (200, 400, 422)


@pytest.mark.parametrize(
    "path",
    [
        LABEL_PAGE,
        "/docs",
        "/healthz",
        "/api/v1/pools",
        "/nowhere",
        "/static/nothing.js",
        "/images/1.png",
        "/worker.js",
    ],
)
def test_every_response_has_the_headers(client: TestClient, path: str) -> None:
    for headers in ({}, {"host": "evil.example"}):
        found = client.get(path, headers=headers).headers

        policy = found["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "script-src 'self';" in policy
        assert found["x-content-type-options"] == "nosniff"
        assert found["referrer-policy"] == "same-origin"
        assert found["cross-origin-opener-policy"] == "same-origin"
        assert found["cross-origin-resource-policy"] == "same-origin"


def test_errors_have_the_headers_too(app: FastAPI) -> None:
    services, app.state.services = app.state.services, None
    try:
        response = TestClient(app, base_url="http://localhost", raise_server_exceptions=False).get("/api/v1/pools")
    finally:
        app.state.services = services

    assert response.status_code == 500
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_only_the_pages_with_charts_allow_inline_styles_and_none_inline_scripts(client: TestClient) -> None:
    strict = client.get(LABEL_PAGE).headers["content-security-policy"]
    chart = client.get("/docs").headers["content-security-policy"]

    assert "unsafe" not in strict
    assert "data:" not in strict
    assert chart.replace("style-src 'self' 'unsafe-inline'", "").count("unsafe") == 0
    assert client.get("/oracles").headers["content-security-policy"] == strict


def test_answers_are_not_kept_unless_they_say_so(client: TestClient) -> None:
    assert client.get("/api/v1/pools/digits").headers["cache-control"] == "no-store"
    (image,) = client.post("/api/v1/pools/digits/leases", json={"count": 1}).json()["images"]
    assert "immutable" in client.get(image["url"]).headers["cache-control"]
    assert client.get(f"/images/{image['image_id']}.png?v=0badc0de").headers["cache-control"] == "no-cache"
