"""A real server in a process of its own, which tests may kill and start again."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

START_SECONDS = 240  # TensorFlow is loaded, and on a busy machine everything else goes first
COMMAND = [sys.executable, "-c", "from app.cli import app; app()", "serve"]


class Server:
    """`inkling serve` on a free port. Its settings come from `settings` alone, not from the test's environment."""

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        self.database_url = f"sqlite:///{folder / 'inkling.db'}"
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("INKLING_")}
        own = {
            "INKLING_DATABASE_URL": self.database_url,
            "INKLING_PORT": str(self.port),
            "INKLING_SIDE_BY_SIDE": "false",
        }
        self._environment = clean | own | {f"INKLING_{name.upper()}": value for name, value in settings.items()}
        self._command = [*COMMAND, *options]
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return as soon as pages are served; the model may still be loading."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        self._wait_for("/healthz")

    def wait_until_ready(self) -> None:
        """Until the model is loaded too."""
        self._wait_for("/readyz")

    def kill(self) -> None:
        """SIGKILL: nothing is written any more, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _wait_for(self, path: str) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + path, timeout=START_SECONDS):
                    return
            except urllib.error.HTTPError as error:
                error.close()  # 503: it is still loading
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server does not answer {path}:\n{self._log.read_text()}")


def find_free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
