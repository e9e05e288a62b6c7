"""`python -m benchmarks.hostile`: what each broken or hostile file and source gets, by command and by upload.

Somebody labels on the same server meanwhile; the time of each answer and each ask tells whether it stays responsive.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
from rich.console import Console
from rich.table import Table

from app import datasets
from app.settings import Settings
from benchmarks.client import Client
from benchmarks.finding import quantile
from benchmarks.latency import BATCH, FIRST, true_label
from benchmarks.server import database_folder, running_server, wait_for
from tests.factories.drawing import png
from tests.factories.hostile_files import FILES
from tests.factories.hostile_sources import SOURCES

THINKING_SECONDS = 0.2
SPEC = {"slug": "hostile", "classes": ["a", "b"]}
ARCHIVES = (".zip", ".tar", ".gz", ".xz", ".bz2", ".tgz")


class Person(threading.Thread):
    """Answers one image after the other until told to stop; keeps how long each request took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._data = datasets.load(Settings())
        self.seconds: dict[str, list[float]] = {"answer": [], "ask": []}
        self.failure: BaseException | None = None
        self.is_over = threading.Event()

    def run(self) -> None:
        try:
            with Client(self._port) as client:
                while not self.is_over.is_set():
                    asked = self._time("ask", lambda: client.post(f"/api/v1/pools/{FIRST}/leases", {"count": BATCH}))
                    for image in asked["images"]:
                        body = true_label(self._data, image)
                        self._time("answer", partial(client.post, f"/api/v1/pools/{FIRST}/labels", body, status=201))
                        time.sleep(THINKING_SECONDS)
        except BaseException as failure:
            self.failure = failure

    def _time(self, what: str, act: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = act()
        self.seconds[what].append(time.perf_counter() - started)
        return result


def main() -> int:
    """Print the table and the times."""
    console = Console(width=150)
    table = Table("input", "by command", "by upload", title="Broken and hostile inputs")
    with database_folder() as folder, running_server(folder) as server:
        wait_for(server, "/readyz")
        person = Person(server.port)
        person.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}/api/v1", timeout=300) as client:
            client.post("/pools", json=SPEC).raise_for_status()
            for name, (make, _) in FILES.items():
                table.add_row(name, *_try_file(folder, client, make()))
            for name, (make_source, _) in SOURCES.items():
                table.add_row(name, *_try_source(folder, client, make_source))
            n_images = client.get("/pools/hostile").json()["counts"]["images"]
        person.is_over.set()
        person.join()
    console.print(table)
    console.print(f"{table.row_count} inputs; {n_images} different pictures were taken in by upload")
    for what, seconds in person.seconds.items():
        p50, p95, p99 = (quantile(seconds, share) * 1000 for share in (0.5, 0.95, 0.99))
        console.print(f"{len(seconds)} × {what} meanwhile: p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms")
    if person.failure is not None:
        raise person.failure
    return 0


def _try_file(folder: Path, client: httpx.Client, content: bytes) -> tuple[str, str]:
    """What the file got by command, in a folder beside a picture that is whole, and by upload."""
    source = _make_folder(folder)
    (source / "a.png").write_bytes(content)
    (source / "whole.png").write_bytes(png())
    return _create(folder, source), _upload(client, "a.png", content)


def _try_source(folder: Path, client: httpx.Client, make: Callable[[Path], Path]) -> tuple[str, str]:
    source = make(_make_folder(folder))
    is_archive = source.is_file() and source.name.endswith(ARCHIVES)
    return _create(folder, source), _upload(client, source.name, source.read_bytes()) if is_archive else "–"


def _make_folder(folder: Path) -> Path:
    made = folder / "sources" / str(time.monotonic_ns())
    made.mkdir(parents=True)
    return made


def _create(folder: Path, source: Path) -> str:
    """Added and refused, as the command tells it."""
    environment = os.environ | {"INKLING_DATABASE_URL": f"sqlite:///{folder}/inkling.db", "COLUMNS": "400"}
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "app.cli",
            "pool",
            "create",
            f"made-{time.monotonic_ns()}",
            str(source),
            "--classes",
            "a,b",
        ],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
    assert "Traceback" not in made.stderr, made.stderr
    told = [line.strip() for line in (made.stdout + made.stderr).splitlines()]
    codes = [line.partition("(")[2].partition(")")[0] for line in told if line.startswith("Refused")]
    added = next((line.split()[1] for line in told if line.startswith("Added")), "0")
    error = next((line.removeprefix("Error: ")[:60] for line in told if line.startswith("Error")), "")
    return ", ".join(filter(None, [f"{added} added", *codes, error]))


def _upload(client: httpx.Client, name: str, content: bytes) -> str:
    response = client.post("/pools/hostile/images", files=[("files", (name, content))])
    answer = response.json()
    if response.status_code != 201:
        return f"{response.status_code} {answer['code']}"
    codes = sorted({item["code"] for item in answer["items"] if item["code"]})
    n_kept = answer["added"] + answer["known"]
    return ", ".join(filter(None, [f"{n_kept} added" if n_kept else "", *codes])) or "nothing in it"


if __name__ == "__main__":
    sys.exit(main())
