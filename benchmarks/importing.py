"""Images of one's own, brought in by the command: how many a second on one processor, and how much memory it takes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from app.datasets import DataSet
from benchmarks.finding import Finding
from benchmarks.server import database_folder

SIZES = (2000, 20_000)
SIDE = 240  # pixels; with this noise a JPEG has about 10 KB
CLASSES = 10
LEAST_A_SECOND = 500
LARGEST_MB = 250
LARGEST_GROWTH_MB = 30
BASES = 50  # pictures; each file is one of them with a mark of its own


def measure(_: DataSet, notes: Console) -> Iterator[Finding]:
    """Both sizes: what ten times as many images take in memory tells whether it is flat."""
    peaks = []
    for n_images in SIZES:
        notes.print(f"importing: a folder of {n_images:,} JPEG")
        with database_folder() as folder:
            n_bytes = _write_images(folder / "source", n_images)
            wall, processor, peak = _import(folder)
            stored = sum(each.stat().st_size for each in folder.glob("inkling.db*"))
        what = f"folder of {n_images:,} of {n_bytes / n_images / 1000:.1f} KB"
        peaks.append(peak)
        yield Finding("importing", f"{what}, a second", n_images / wall, "images")
        least = LEAST_A_SECOND if n_images == SIZES[-1] else None  # of few images, starting takes the larger part
        yield Finding("importing", f"{what}, a second of a processor", n_images / processor, "images", least, True)
        yield Finding("importing", f"{what}, largest process", peak, "MB", LARGEST_MB)
        yield Finding("importing", f"{what}, database", stored / 1e6, "MB")
    growth = peaks[-1] - peaks[0]
    yield Finding("importing", f"{SIZES[-1]:,} instead of {SIZES[0]:,}, more memory", growth, "MB", LARGEST_GROWTH_MB)


def _write_images(folder: Path, n_images: int) -> int:
    """Folders of classes; return how many bytes there are."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (BASES, 24, 24, 3), np.uint8)
    bases = [np.asarray(Image.fromarray(each).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for each in coarse]
    n_bytes = 0
    for index in range(n_images):
        pixels = bases[index % BASES].copy()
        pixels[: SIDE // 8, : SIDE // 8] = rng.integers(0, 256, 3)
        pixels[index % SIDE, :, index % 3] = index % 251
        file = folder / f"class {index % CLASSES}" / f"{index:06}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file, quality=80)
        n_bytes += file.stat().st_size
    return n_bytes


def _import(folder: Path) -> tuple[float, float, float]:
    """Seconds by the clock on one processor, seconds of the processor, and megabytes of the largest process."""
    environment = os.environ | {"INKLING_DATABASE_URL": f"sqlite:///{folder}/inkling.db"}
    command = [sys.executable, "-m", "app.cli", "pool", "create", "imported", str(folder / "source"), "--truth"]
    began = time.perf_counter()
    one = {min(os.sched_getaffinity(0))}
    running = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, one)
    )
    _, status, used = os.wait4(running.pid, 0)  # with all that the command has waited for
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0, "the import failed"
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
