"""The service worker's script. It lies at the root, for a worker sees only the addresses below its own."""

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.settings import ROOT

router = APIRouter(include_in_schema=False)


@router.get("/worker.js")
def get_worker() -> FileResponse:
    """For everybody: it says nothing about anybody, and browsers ask for a newer one at any time."""
    return FileResponse(ROOT / "static" / "worker.js", headers={"Cache-Control": "no-cache"})
