"""Posts a body to an address that others have given: to no machine that may not be reached, in a bounded time.

The name is resolved here, once, and the connection goes to exactly an address that was found allowed: asking again
could give another. Redirects are not followed, for they lead anywhere; settings of proxies are not used.
"""

import http
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11

MAX_SECONDS = 10.0
MAX_HEAD_BYTES = 16_384  # of the answer
MAX_READ_BYTES = 65_536  # what is longer is not read to its end
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
# Gateways read an IPv4 address from the last 32 bits; in the second network they may be set to read it from others.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
# Where clouds keep the keys of their machines, apart from link-local addresses.
_KEYS = tuple(
    ipaddress.ip_network(each)
    for each in (
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle
        "fd00:c1::/32",  # Oracle
        "fd00:ec2::/32",  # Amazon
        "fd00:42::42/128",  # Scaleway
        "fd20:ce::/32",  # Google
    )
)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads to. `authority` is the host with its port, if the URL names one."""

    is_tls: bool
    host: str
    port: int
    authority: str
    path: str


class Refused(Exception):
    """The address is none to which anything is sent."""


def parse(url: str) -> Target:
    """
    Raises:
        ValueError: it is no URL of http or https, or holds a password; the message says what is wrong.
    """
    if not _VISIBLE.fullmatch(url):
        raise ValueError("A URL has no spaces and no letters beyond ASCII: write these as %20 and the like.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("This is no URL: its host or its port cannot be read.") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("The URL has to begin with http:// or https://.")
    if "@" in parts.netloc:
        raise ValueError("A name or a password in the URL is not sent. Leave it out; what is sent is signed.")
    if not _is_host(host) or port == 0:
        raise ValueError("The URL names no host, or none that can be looked up.")
    is_tls = parts.scheme == "https"
    shown = f"[{host}]" if ":" in host else host
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_tls, host, port or (443 if is_tls else 80), f"{shown}:{port}" if port else shown, path)


def is_allowed(address: str, *, allow_private: bool) -> bool:
    """Whether anything may be sent to this IP address.

    Addresses of this machine and of private networks may be allowed. Those that only reach neighbours on the same wire
    never are, nor are groups of machines, nor the addresses at which clouds are known to keep the keys of their
    machines. An IPv6 address that leads to an IPv4 address is allowed only if that is, too.
    """
    ip = ipaddress.ip_address(address)
    return all(_is_allowed(each, allow_private=allow_private) for each in (ip, *_find_inner(ip)))


def post(
    url: str, headers: dict[str, str], body: bytes, *, allow_private: bool, seconds: float = MAX_SECONDS
) -> str | None:
    """Post the body; None once the receiver has answered with 2xx, or else what was wrong, in words.

    It takes `seconds` at most, and as long as the system takes to look up a name.
    """
    try:
        status = _exchange(parse(url), headers, body, allow_private, seconds)
    except TimeoutError:
        return f"No answer came within {seconds:g} s."
    except ssl.SSLError as error:  # some of these are ValueErrors, too
        reason = str(getattr(error, "verify_message", "") or error.reason or "TLS failed")
        return f"No safe connection: {reason.rstrip('.')}."
    except (Refused, ValueError) as error:
        return str(error)
    except h11.RemoteProtocolError:
        return "What came was no answer of HTTP."
    except OSError as error:
        return f"No connection: {error.strerror or type(error).__name__}."
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"The receiver redirects ({status}). Redirects are not followed: register the address itself."
    phrase = f" {http.HTTPStatus(status).phrase}" if status in set(http.HTTPStatus) else ""
    return f"The receiver answered {status}{phrase}."


def _is_host(host: str) -> bool:
    if ":" not in host:
        return bool(_HOST.fullmatch(host))
    try:
        return bool(ipaddress.IPv6Address(host)) and "%" not in host
    except ValueError:
        return False


def _is_allowed(ip: IPAddress, *, allow_private: bool) -> bool:
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or any(ip in network for network in _KEYS):
        return False
    return allow_private or (ip.is_global and not ip.is_reserved and not getattr(ip, "is_site_local", False))


def _find_inner(ip: IPAddress) -> list[IPAddress]:
    """The IPv4 addresses to which gateways or this machine translate an IPv6 address."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if any(ip in network for network in _NAT64):
        inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF))
    return [each for each in inner if each is not None]


def _exchange(target: Target, headers: dict[str, str], body: bytes, allow_private: bool, seconds: float) -> int:
    """The status of the answer.

    Raises:
        Refused, TimeoutError, ssl.SSLError, h11.RemoteProtocolError, OSError
    """
    deadline = time.monotonic() + seconds
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    allowed = [each for each in found if is_allowed(str(each[4][0]), allow_private=allow_private)]
    if not allowed:
        raise Refused(
            f"{target.host} leads into a network to which nothing is sent. "
            "INKLING_WEBHOOKS_PRIVATE=true allows this machine and private networks."
        )
    with _connect(allowed, deadline) as plain:
        if not target.is_tls:
            return _talk(plain, target, headers, body, deadline)
        with ssl.create_default_context().wrap_socket(plain, server_hostname=target.host) as safe:
            return _talk(safe, target, headers, body, deadline)


def _connect(found: Sequence[Any], deadline: float) -> socket.socket:
    """A connection to the first of these addresses that takes one."""
    failure: OSError = OSError("there is no address")
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(deadline))
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _talk(connection: socket.socket, target: Target, headers: dict[str, str], body: bytes, deadline: float) -> int:
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    sent = {"Host": target.authority, "Connection": "close", "Content-Length": str(len(body))} | headers
    request = h11.Request(method="POST", target=target.path, headers=list(sent.items()))
    parts = (talk.send(request), talk.send(h11.Data(body)), talk.send(h11.EndOfMessage()))
    connection.settimeout(_left(deadline))
    connection.sendall(b"".join(part or b"" for part in parts))
    status, n_read = 0, 0
    try:
        while n_read < MAX_READ_BYTES:
            event = talk.next_event()
            if event is h11.NEED_DATA:
                connection.settimeout(_left(deadline))
                received = connection.recv(8192)
                n_read += len(received)
                talk.receive_data(received)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif not isinstance(event, h11.InformationalResponse | h11.Data):
                break
    except (OSError, h11.RemoteProtocolError):
        if not status:  # with the status all is said: the rest is read for the receiver's sake
            raise
    if not status:
        raise h11.RemoteProtocolError("no answer within the bytes that are read")
    return status


def _left(deadline: float) -> float:
    """
    Raises:
        TimeoutError: the time is over.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
