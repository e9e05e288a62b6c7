"""The service worker's script. It lies at the root, because a worker controls only the addresses below its own."""

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.settings import ROOT

router = APIRouter(include_in_schema=False)


@router.get("/worker.js")
def get_worker() -> FileResponse:
    """The script. It needs no login: it holds no data, and browsers look for a newer one at any time."""
    return FileResponse(ROOT / "static" / "worker.js", headers={"Cache-Control": "no-cache"})
