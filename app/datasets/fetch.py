"""Fetch a file once into the user's cache, and notice within seconds that there is no network."""

import queue
import sys
import threading
from importlib import import_module
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from app.errors import DataSetUnavailable

REACHED_WITHIN_SECONDS = 2.5
STALLED_AFTER_SECONDS = 10.0
CHUNK_BYTES = 65_536
REMEDY = (
    "Connect to the network once, or download the file elsewhere and set INKLING_MNIST to it, "
    "or set INKLING_DATASET=sample."
)


def fetch_file(url: str, sha256: str, *, reached_within_seconds: float = REACHED_WITHIN_SECONDS) -> Path:
    """The file of that hash in the user's cache, downloaded if it is not there yet.

    A file that is there and has another hash is replaced. Without a network it takes little more than
    `reached_within_seconds` to fail. A progress bar is shown if stderr is a terminal.

    Raises:
        DataSetUnavailable: it is not in the cache, and the server cannot be reached, answers with an
            error or with another file, or the cache cannot be written.
    """
    # Here and not above: most starts fetch nothing, and pooch brings in an HTTP client.
    import pooch

    name = PurePosixPath(urlsplit(url).path).name
    folder = Path(pooch.os_cache("inkling"))
    path = folder / name
    try:
        if not path.is_file() or pooch.file_hash(str(path)) != sha256:
            _reach(url, reached_within_seconds)
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=name,
            path=folder,
            downloader=pooch.HTTPDownloader(
                progressbar=sys.stderr.isatty(),
                chunk_size=CHUNK_BYTES,
                timeout=(reached_within_seconds, STALLED_AFTER_SECONDS),
            ),
        )
    # requests' errors are OSErrors; pooch raises ValueError for a wrong hash.
    except (OSError, ValueError) as error:
        raise DataSetUnavailable(f"{url} could not be fetched to {path}: {error}. {REMEDY}", url=url) from error
    return path


def _reach(url: str, within_seconds: float) -> None:
    """Raise OSError unless the server answers in time; any HTTP answer will do.

    Timeouts of sockets do not bound looking the name up, which hangs for 10 to 40 seconds behind a firewall
    that swallows packets, and they count anew for each address of the host. So a thread
    sends a request and is abandoned when no answer comes: a daemon, so that it cannot hold up the exit. The request
    takes the route of the download, through a proxy too, which a bare connection would not.
    """
    import pooch  # as in `fetch_file`

    import_module("requests")  # pooch's client; on a busy machine it takes longer to load than a server to answer
    host = urlsplit(url).hostname
    outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            pooch.HTTPDownloader(timeout=within_seconds)(url, None, None, check_only=True)
        except (OSError, ValueError) as error:
            outcome.put(error)
        else:
            outcome.put(None)

    threading.Thread(target=ask, name="reach", daemon=True).start()
    try:
        error = outcome.get(timeout=within_seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer from {host} within {within_seconds:g} seconds") from None
    if error is not None:
        # The client's own words are three nested representations; they stay in the chain.
        raise ConnectionError(f"{host} cannot be reached ({type(error).__name__})") from error
