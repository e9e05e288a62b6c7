"""Serve the application on a socket that is bound before anything else is done."""

import errno
import ipaddress
import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from app import accounts
from app.connection import MAX_HEAD_BYTES, Connection
from app.datasets import DataSet
from app.db import Database
from app.errors import CannotListen, NoAccounts
from app.limits import BACKLOG
from app.main import create_app
from app.settings import Settings
from app.web.edge.deps import Services

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5  # for requests under way when the server is told to stop


def serve(
    settings: Settings, *, open_browser: bool, with_trainer: bool = True, load_data: Callable[[], DataSet] | None = None
) -> None:
    """Serve until interrupted. `load_data` and `with_trainer` are those of `create_app`.

    Raises:
        AppError: the port is taken, the database cannot be used, or there are no images.
    """
    listener = _bind(settings)
    app = create_app(settings, load_data, with_trainer=with_trainer)
    services: Services = app.state.services
    _check_accounts(settings, services.database)
    url = f"http://{_as_host(settings.host)}:{listener.getsockname()[1]}/"
    logger.info("Inkling is at %s (Ctrl+C stops it)", url)
    if open_browser and _has_screen():
        threading.Timer(0.5, webbrowser.open, [f"{url}label"]).start()
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        backlog=BACKLOG,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Server(config, services).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the streams first: uvicorn would wait for them for ever."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and let requests under way finish."""
        self._services.streams.end()
        await super().shutdown(sockets)


def _check_accounts(settings: Settings, database: Database) -> None:
    """Without accounts every caller is an admin, so only this machine may reach the server then."""
    is_reachable = not _is_loopback(settings.host) or settings.allowed_hosts or settings.trusted_proxies
    if not is_reachable:
        return
    with database.read() as session:
        if accounts.has_accounts(session):
            return
    raise NoAccounts(
        f"Others could reach {settings.host} port {settings.port}, and there is no account. Create one first: "
        "inkling user add NAME --admin"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named in full: asyncio switches Nagle's delay of 40 ms off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen()  # a client that comes before the application is ready waits and is not refused
    except OSError as error:
        listener.close()
        is_taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        remedy = (
            "another port with --port; 0 takes a free one" if is_taken else "an address of this machine with --host"
        )
        raise CannotListen(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. Choose {remedy}."
        ) from error
    return listener


def _as_host(host: str) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 (a comparison, nothing is bound)
    return f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown


def _has_screen() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
