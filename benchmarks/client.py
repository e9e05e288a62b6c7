"""A client with one kept-alive connection, thin enough to leave the processor to the server.

Imports nothing of app: a client process starts in a moment.
"""

import json
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any, Self

HEADERS = {"Content-Type": "application/json"}


class Client:
    """JSON over HTTP to a port of this machine; on a server with accounts as the owner of the token."""

    def __init__(self, port: int, *, timeout: float = 30.0, token: str | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._headers = HEADERS | ({} if token is None else {"Authorization": f"Bearer {token}"})

    def __enter__(self) -> Self:
        """Connect at the first request."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._connection.close()

    def exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """The server's response, as status and body; after a failure on the way the next one connects anew.

        Raises:
            OSError, http.client.HTTPException: no answer came.
        """
        try:
            self._connection.request(method, path, body, self._headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException):
            self._connection.close()
            raise

    def get_status(self, path: str) -> int:
        """The status of a GET; the body is read and dropped."""
        return self.exchange("GET", path)[0]

    def get(self, path: str) -> Any:
        """The JSON behind a path."""
        status, body = self.exchange("GET", path)
        assert status == 200, (status, body)
        return json.loads(body)

    def post(self, path: str, body: object, *, status: int = 200) -> Any:
        """Send JSON, get JSON; any other status ends the benchmark."""
        return json.loads(self.post_bytes(path, json.dumps(body).encode(), status=status))

    def post_bytes(self, path: str, body: bytes, *, status: int) -> bytes:
        """The same without making and reading JSON."""
        found, answer = self.exchange("POST", path, body)
        assert found == status, (found, answer)
        return answer


def post_all(
    port: int, path: str, bodies: Sequence[bytes], start_at: float, every: float = 0.0
) -> list[tuple[float, float]]:
    """Post one body after another, expecting 201; monotonic times of sending and of the answer.

    Waits for `start_at`, so that several processes begin together; then sends one body each `every` seconds, or
    with 0 as soon as the one before is answered.
    """
    times = []
    with Client(port) as client:
        client.get_status("/healthz")  # connect before the clock runs
        for number, body in enumerate(bodies):
            time.sleep(max(0.0, start_at + number * every - time.monotonic()))
            sent = time.monotonic()
            client.post_bytes(path, body, status=201)
            times.append((sent, time.monotonic()))
    return times
