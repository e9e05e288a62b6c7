"""A body reaches only machines that may be reached, and nothing that a receiver does takes long."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from app import posting

from .factories.receiving import CERTIFICATE, HANG, receiving


@contextmanager
def answering(talk: Callable[[socket.socket], object]) -> Iterator[str]:
    """The URL of a machine that talks in its own way with one client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the client has gone
                talk(connection)

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            thread.join()


def post(url: str, *, allow_private: bool = True, seconds: float = 5.0) -> str | None:
    return posting.post(url, {"X-One": "1"}, b"{}", allow_private=allow_private, seconds=seconds)


def test_a_body_arrives_with_its_headers_at_the_path_that_was_given() -> None:
    with receiving() as receiver:
        assert post(f"{receiver.url}?a=1") is None
    (received,) = receiver.received

    assert (received.path, received.body, received.headers["x-one"]) == ("/hook?a=1", b"{}", "1")
    assert received.headers["host"] in receiver.url


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (204, None),
        (302, "redirects (302)"),
        (404, "answered 404 Not Found"),
        (503, "answered 503 Service Unavailable"),
    ],
)
def test_whatever_is_no_2xx_is_a_failure_and_a_redirect_is_not_followed(status: int, said: str | None) -> None:
    with receiving() as receiver:
        receiver.answers = [status]
        reason = post(receiver.url)

    assert len(receiver.received) == 1
    assert (reason is None) if said is None else (said in str(reason))


def test_a_receiver_that_hangs_takes_no_longer_than_it_may() -> None:
    with receiving() as receiver:
        receiver.answers = [HANG]
        begun = time.monotonic()
        assert post(receiver.url, seconds=0.2) == "No answer came within 0.2 s."

    assert time.monotonic() - begun < 5


def test_a_receiver_that_dribbles_takes_no_longer_than_it_may() -> None:
    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        connection.settimeout(0.01)
        while True:
            connection.sendall(b"X-A: b\r\n")
            try:
                connection.recv(1)
            except TimeoutError:
                continue

    with answering(dribble) as url:
        assert post(url, seconds=0.3) is not None  # the time is over, or the head is too long


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    sent = list[int]()

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while len(sent) < 10_000:
            connection.sendall(b"x" * 10_000)
            sent.append(10_000)

    with answering(flood) as url:
        assert post(url) is None  # with the status all is said

    assert sum(sent) < 50_000_000  # what is on its way, not all of it


def test_what_is_no_http_is_named() -> None:
    with answering(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")) as url:
        assert post(url) == "What came was no answer of HTTP."


def test_a_port_where_nobody_listens_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert post(f"http://127.0.0.1:{port}/") == "No connection: Connection refused."


def test_a_receiver_without_tls_is_not_spoken_to_in_the_clear() -> None:
    with answering(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")) as url:
        reason = post(url.replace("http://", "https://"))

    assert reason is not None
    assert reason.startswith("No safe connection")


def test_a_receiver_is_who_its_certificate_says_or_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(is_safe=True) as receiver:
        assert str(post(receiver.url)).startswith("No safe connection: self")
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        other = post(receiver.url.replace("localhost", "127.0.0.1"))
        assert other == "No safe connection: IP address mismatch, certificate is not valid for '127.0.0.1'."
        assert receiver.received == []
        assert post(receiver.url) is None

    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("address", "always", "private"),
    [
        ("8.8.8.8", True, True),
        ("2606:4700::1111", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, True),
        ("192.168.1.1", False, True),
        ("100.64.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("64:ff9b::7f00:1", False, True),
        ("2002:7f00:1::", False, True),
        ("169.254.169.254", False, False),
        ("fe80::1%1", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("100.100.100.200", False, False),
        ("168.63.129.16", False, False),
        ("::ffff:168.63.129.16", False, False),
        ("64:ff9b::a83f:8110", False, False),
        ("64:ff9b:1::a83f:8110", False, False),
        ("2002:a83f:8110::", False, False),
        ("192.0.0.192", False, False),
        ("fd00:42::42", False, False),
        ("fd00:c1::a9fe:a9fe", False, False),
        ("fd00:ec2::254", False, False),
        ("fd20:ce::254", False, False),
        ("255.255.255.255", False, True),
    ],
)
def test_only_addresses_that_may_be_reached_are_allowed(address: str, always: bool, private: bool) -> None:
    assert posting.is_allowed(address, allow_private=False) == always
    assert posting.is_allowed(address, allow_private=True) == private


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1"])
def test_this_machine_is_not_spoken_to_by_any_of_its_names(host: str) -> None:
    with receiving() as receiver:
        reason = post(receiver.url.replace("127.0.0.1", host), allow_private=False)

    assert reason is not None
    assert "leads into a network to which nothing is sent" in reason
    assert receiver.received == []


def test_a_name_that_leads_elsewhere_when_it_is_asked_again_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is allowed, every later one would be this machine."""
    asked, connected = list[str](), list[Any]()

    def look_up(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        ip = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    def connect(_: socket.socket, address: Any) -> None:
        connected.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)

    assert post("http://two-faced.example/", allow_private=False) == "No connection: Connection refused."
    assert asked == ["two-faced.example"]
    assert connected == [("93.184.216.34", 80)]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "example.org/hook",
        "http://",
        "http:///hook",
        "http://user:secret@example.org/",
        "http://user@example.org/",
        "http://example.org:99999/",
        "http://example.org:0/",
        "http://[::1/",
        "http://exa mple.org/",
        "http://example.org/\r\nX-Two: 2",
        "http://ex\u00e4mple.org/",
        "http://[fe80::1%25eth0]/",
        "http://a\\b/",
        "http://a..b/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 130}example/",
        "",
    ],
)
def test_what_is_no_address_of_a_receiver_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        posting.parse(url)


def test_an_address_is_taken_apart() -> None:
    assert posting.parse("https://example.org") == posting.Target(True, "example.org", 443, "example.org", "/")
    assert posting.parse("HTTP://[2606:4700::1]:81/a?b=c#d") == posting.Target(
        False, "2606:4700::1", 81, "[2606:4700::1]:81", "/a?b=c"
    )
