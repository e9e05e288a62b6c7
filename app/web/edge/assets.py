"""Static files, compressed. Browsers cache them for ever: the address changes with the content."""

import hashlib
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from os import PathLike, stat_result
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.settings import ROOT

FOR_EVER = "public, max-age=31536000, immutable"
STATIC = ROOT / "static"
VENDORED = {"bokeh": "server/static/js", "fastapi-offline": "static"}  # package: its folder of files


@cache
def static_url() -> str:
    """Where the files of `static` are. One hash for all: the modules import each other by relative addresses."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"/static/{digest.hexdigest()[:12]}"


def vendor_url(package: str) -> str:
    """Where the files of an installed package are; its version identifies their content."""
    return f"/vendor/{package}/{version(package)}"


def mount_assets(app: FastAPI) -> None:
    """Mount `static` and the vendored folders under addresses that change with their content."""
    app.mount(static_url(), GZipMiddleware(_Immutable(directory=STATIC)))
    for package, folder in VENDORED.items():
        app.mount(vendor_url(package), GZipMiddleware(_Immutable(directory=_get_folder(package, folder))))


class _Immutable(StaticFiles):
    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = FOR_EVER
        return response


def _get_folder(package: str, folder: str) -> Path:
    """A folder of an installed package, found without importing it."""
    spec = find_spec(package.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed; run make setup")
    return Path(spec.submodule_search_locations[0]) / folder
